from __future__ import annotations

import socket

import pytest

from pipeline.core.errors import Refused, Stopped
from pipeline.core.schema import Role
from pipeline.core.types import MINUTE_MS, CandleWave
from pipeline.jobs import history
from pipeline.run import outside
from pipeline.run.runner import Runner
from pipeline.run.settings import load
from pipeline.run.turn import Pace
from pipeline.store.memory import MemoryStore
from pipeline.store.server import free_port
from tests.fakes.bars import candles
from tests.fakes.context import context
from tests.fakes.settings import settings_in
from tests.fakes.trading import day


@pytest.mark.parametrize(
    ("text", "words"), [(None, "cannot be read"), ("[", "not valid JSON"), ('{"a": 1}', "s.json"), ('[{"symbol": "X"}]', "instrument_key")]
)
def test_a_watchlist_that_is_wrong_is_one_line(tmp_path, text, words):
    if text is not None:
        (tmp_path / "s.json").write_text(text)
    with pytest.raises(Refused, match=words) as caught:
        outside.resolve_instruments(settings_in(tmp_path), "2026-11-20")
    assert "\n" not in str(caught.value)


def test_login_at_a_real_host_is_for_people(tmp_path):
    with pytest.raises(Refused, match="is no simulator"):
        outside.login_at_simulator(settings_in(tmp_path))


def test_no_simulator_there():
    with pytest.raises(Stopped, match="ticktick simulate"):
        outside.ask_simulator(f"http://127.0.0.1:{free_port()}")


def test_only_feed_and_history_come_from_outside(tmp_path):
    settings = settings_in(tmp_path)
    assert outside.source_of("live", settings, None, ()) is None
    assert outside.source_of("ticks", settings, None, ()) is not None
    assert outside.source_of("history", settings, None, ()) is not None


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_history_that_was_killed_while_writing_is_whole_after_a_restart(monkeypatch, turns):
    """On the second day in the same Redis too, where the clock of the streams stands at the end of yesterday's waves."""
    rows = candles(70)
    waves = [CandleWave(int(rows["ts"][i]) + MINUTE_MS, rows[i : i + 1]) for i in range(len(rows))]
    monkeypatch.setattr(outside, "_fetch", lambda *_: waves)
    store = MemoryStore()

    def runner(session):
        pace = Pace(until_drained=True, batch=20)
        return Runner(
            history.job,
            store,
            context(),
            session=session,
            writers={"history": Role.CANDLES},
            pace=pace,
            source=outside.source_of("history", None, None, ()),
        )

    def run(session, turns):
        one = runner(session)
        while not one.is_done and turns > 0:
            one.turn(0)
            turns -= 1
        return one.progress.entries

    assert run("yesterday paper", 99) == {"history": 70}
    assert 0 < run("today paper", turns)["history"] < 70
    assert run("today paper", 99) == {"history": 70}


def test_a_page_that_was_asked_to_stop_before_it_listened_stops():
    settings = load(environ={}, overrides={"dashboard.port": free_port(), "redis.port": 1})
    outside.run_dashboard(settings, day(), lambda: True)  # returns


def test_a_taken_port_is_found_before_the_day_begins():
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = load(environ={}, overrides={"dashboard.port": other.getsockname()[1]})
        with pytest.raises(Refused, match=f"port {settings.dashboard.port} is taken"):
            outside.require_port(settings)
    outside.require_port(settings)
