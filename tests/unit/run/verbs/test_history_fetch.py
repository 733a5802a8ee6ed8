import argparse
from datetime import date

import pytest

from pipeline.core.errors import Refused
from pipeline.core.session import ist_ms
from pipeline.run.verbs import history_fetch
from tests.fakes.archive import STOCK
from tests.fakes.settings import settings_in

NOW = ist_ms("2026-11-20", "07:00")


@pytest.fixture(autouse=True)
def world(monkeypatch):
    monkeypatch.setattr(history_fetch, "now_ms", lambda: NOW)
    monkeypatch.setattr(history_fetch, "resolve_instruments", lambda _settings, _day: (STOCK,))


def plan(tmp_path, settings=None, **given):
    words = {"candle": "1m", "first": None, "last": None, "symbols": [], "again": False} | given
    return history_fetch.plan_of(argparse.Namespace(**words), settings_in(tmp_path, **(settings or {})))


def test_the_last_thirty_days_that_are_settled(tmp_path):
    made = plan(tmp_path)
    assert (made.first, made.last, made.believed, made.instruments) == ("2026-10-20", "2026-11-19", "2026-11-13", (STOCK,))
    assert plan(tmp_path, candle="1d").last == "2026-11-18", "yesterday's daily bar is not told before seven in the morning"
    assert (date.fromisoformat(made.last) - date.fromisoformat(made.first)).days == 30


def test_a_session_date_ahead_counts_against_a_simulator_only(tmp_path):
    assert plan(tmp_path, {"session_date": "2026-12-01"}).last == "2026-11-19"
    assert plan(tmp_path, {"session_date": "2026-12-01", "upstox.rest_url": "http://127.0.0.1:1"}).last == "2026-11-30"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"last": "2026-11-20"}, "not settled yet"),
        ({"first": "2026-11-19", "last": "2026-11-18"}, "no whole candle"),
        ({"candle": "1w", "first": "2026-11-17"}, "no whole candle"),
        ({"last": "2021-11-19"}, "no candles of 1m before 2022-01-01"),
        ({"candle": "2d"}, "no candles of 2 days"),
        ({"symbols": ["RELIANC"]}, "RELIANCE"),
    ],
)
def test_what_cannot_be_had_is_refused(tmp_path, given, words):
    with pytest.raises(Refused, match=words):
        plan(tmp_path, **given)
