"""`ticktick candles diff`: the table, the worst, and what the exit code says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.core.candle import CANDLE, Lineage
from pipeline.core.types import TIMEFRAMES
from pipeline.run import cli
from pipeline.run.minutes import Minutes
from pipeline.run.verbs import candles as verb
from tests.fakes.context import DAY, STOCKS
from tests.fakes.feed_rows import OPEN

M = 60_000


def version(lineage: Lineage, *, spoil: float = 0.0, first: int = -2, count: int = 62) -> np.ndarray:
    """Minutes from before the open on; each fifth price is spoiled."""
    rows = np.zeros(count, CANDLE)
    at = np.arange(first, first + count)
    rows["timeframe"], rows["ts"], rows["lineage"], rows["minutes"], rows["volume"] = 1, OPEN + at * M, int(lineage), 1, 100
    for name in ("open", "high", "low", "close"):
        rows[name] = 100.0
    rows["high"] += spoil * (at % 5 == 0)
    return rows


@pytest.fixture
def day(monkeypatch):
    """A day with our candles and the feed's, which differ in each fifth minute."""
    found = Minutes(DAY, STOCKS, "day.ttday")
    found.versions.take_candles(version(Lineage.TICKS))
    found.versions.take_candles(version(Lineage.FEED_I1, spoil=1.0))
    monkeypatch.setattr(verb, "find", lambda _settings, _date, _file: found)
    return found


def run(capsys, *more: str) -> tuple[int, str]:
    code = cli.main(["candles", "diff", DAY.date, *more])
    return code, capsys.readouterr().out


def test_the_table_and_the_worst_as_json(day, capsys):
    code, out = run(capsys, "--json")
    told = json.loads(out)
    assert (code, told["is_ok"]) == (0, True)
    (row,) = told["symbols"]
    assert (row["symbol"], row["with"], row["both"], row["only_ours"], row["only_theirs"]) == ("ALPHA", "feed_i1", 60, 0, 0)
    assert [row[n] for n in ("open", "high", "low", "close", "volume", "within")] == [100.0, 80.0, 100.0, 100.0, 100.0, 80.0]
    assert len(told["worst"]) == 10
    assert told["worst"][0] == {
        "time": "09:15:00",
        "symbol": "ALPHA",
        "with": "feed_i1",
        "price": "high",
        "ours": 100.0,
        "theirs": 101.0,
        "bps": pytest.approx(99.0, abs=0.01),
    }


def test_too_few_within_is_one_and_says_whom(day, capsys):
    code, out = run(capsys, "--least", "81")
    assert code == 1
    assert out.splitlines()[-1] == "fewer than 81 % within: ALPHA 80.0 %"
    assert run(capsys, "--least", "81", "--tolerance", "100")[0] == 0


def test_longer_candles_are_built_of_each_version_and_compared(day, capsys):
    code, out = run(capsys, "--timeframe", "5", "--json")
    told = json.loads(out)
    assert (code, told["timeframe"]) == (1, "5m")
    assert (told["symbols"][0]["both"], told["symbols"][0]["high"]) == (12, 0.0)


def test_every_other_version_has_its_row_and_the_broker_is_asked_when_wanted(day, capsys, monkeypatch):
    asked = []

    def ask(_settings, minutes):
        asked.append(minutes)
        minutes.versions.take_candles(version(Lineage.HISTORICAL, first=10, count=70))

    monkeypatch.setattr(verb, "ask_broker", ask)
    told = json.loads(run(capsys, "--rest", "--json")[1])
    assert asked == [day]
    assert [(r["with"], r["both"], r["only_ours"], r["only_theirs"]) for r in told["symbols"]] == [
        ("feed_i1", 60, 0, 0),
        ("historical", 50, 10, 20),
    ]


def test_nothing_to_compare_is_two(monkeypatch, capsys):
    found = Minutes(DAY, STOCKS, "Redis")
    found.versions.take_candles(version(Lineage.TICKS))
    monkeypatch.setattr(verb, "find", lambda _settings, _date, _file: found)
    code, out = run(capsys)
    assert code == 2
    assert "ask the broker with --rest" in out


def test_a_minute_in_which_they_saw_no_trade_is_none_of_theirs(day, capsys):
    filler = version(Lineage.INTRADAY)
    filler["minutes"][30:] = 0
    filler["low"][29] = 0.0
    day.versions.take_candles(filler)
    told = json.loads(run(capsys, "--json")[1])
    assert [(r["with"], r["both"], r["only_ours"]) for r in told["symbols"]] == [("feed_i1", 60, 0), ("intraday", 27, 33)]


def test_bad_dates_and_days_without_trading_are_one_line(capsys):
    for date, words in (("2025-13-01", "is no date"), ("2025-12-14", "no trading on 2025-12-14")):
        assert cli.main(["candles", "diff", date]) == 4
        err = capsys.readouterr().err
        assert words in err
        assert err.count("\n") == 1


def test_the_timeframes_of_the_command_line_are_those_of_the_house():
    parsed = [cli.parser().parse_args(["candles", "diff", "x", "--timeframe", str(minutes)]).timeframe for minutes in TIMEFRAMES]
    assert parsed == list(TIMEFRAMES)
