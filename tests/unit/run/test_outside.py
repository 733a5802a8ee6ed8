from __future__ import annotations

import socket

import pytest

from pipeline.core.errors import Refused, Stopped
from pipeline.run import outside
from pipeline.run.settings import load
from pipeline.store.server import free_port
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


def test_a_page_that_was_asked_to_stop_before_it_listened_stops():
    settings = load(environ={}, overrides={"dashboard.port": free_port(), "redis.port": 1})
    outside.run_dashboard(settings, day(), lambda: True)  # returns


def test_a_taken_port_is_found_before_the_day_begins():
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = load(environ={}, overrides={"dashboard.port": other.getsockname()[1]})
        with pytest.raises(Refused, match=f"port {settings.dashboard.port} is taken"):
            outside.require_port(settings)
    outside.require_port(settings)
