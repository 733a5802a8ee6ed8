"""`ticktick patterns` over a real Redis, and over an archive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.core.job import HashWrite
from pipeline.core.registry import PATTERNS
from pipeline.core.schema import PATTERN_RECORD, SESSION, Role
from pipeline.core.types import Instrument
from pipeline.run import cli, universe
from pipeline.store.client import open_clients
from pipeline.store.streams import RedisStore
from tests.fakes.archive import minutes_of, shelf_with

DATE = "2026-11-20"
WATCH = tuple(Instrument(n, s, f"NSE_EQ|INE00000000{n}", s, 5, 1, 1, is_cas_eligible=False) for n, s in enumerate(("TCS", "RELIANCE")))
LINE = "65% of 40 (50..78), base 48%, +17 (+1..+30), lift 1.35"


@pytest.fixture
def store(redis_urls: Mapping[Role, str], monkeypatch: pytest.MonkeyPatch) -> RedisStore:
    for role, url in redis_urls.items():
        monkeypatch.setenv(f"TICKTICK__REDIS__{role.upper()}_URL", url)
    return RedisStore(open_clients(redis_urls))


@pytest.fixture
def day(store: RedisStore) -> RedisStore:
    universe.publish(store, WATCH, DATE)
    store.put(HashWrite(SESSION, (), {"date": DATE, "started_ms": 1}))
    store.put(
        HashWrite(PATTERN_RECORD, ("TCS", "5m"), {"any": "rose 48%", "harami:bullish": LINE, "doji:neutral": "9 hits, takes no side"})
    )
    return store


def test_the_record_of_a_symbol(day: RedisStore, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["patterns", "tcs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "TCS 5m: rose 48%"
    assert lines[1].split(maxsplit=2) == ["doji", "neutral", "9 hits, takes no side"]
    assert lines[2].split(maxsplit=2) == ["harami", "bullish", LINE]
    assert cli.main(["patterns", "TCS", "--timeframe", "5m", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["timeframes"]["5m"]["harami:bullish"] == LINE
    assert set(told["timeframes"]) == {"5m"}


def test_a_symbol_without_a_record_says_so(day: RedisStore, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["patterns", "RELIANCE"]) == 0
    assert capsys.readouterr().out == "no pattern of RELIANCE has an outcome yet: one is read 5 candles after the hit\n"


def test_wrong_words_are_one_line(day: RedisStore, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["patterns", "TCS", "--timeframe", "7m"]) == 4
    assert "unknown timeframe '7m': use 1m, 3m, 5m, 10m, 15m, 60m" in capsys.readouterr().err
    assert cli.main(["patterns", "TCSS"]) == 4
    assert "TCS" in capsys.readouterr().err


def test_nothing_runs(store: RedisStore, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["patterns", "TCS"]) == 3
    assert "nothing runs here" in capsys.readouterr().err


def test_without_a_symbol_it_lists_what_there_is(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["patterns", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["patterns"]
    assert [row["pattern"] for row in told] == list(PATTERNS.names())
    assert {"pattern": "piercing", "side": "bullish", "candles": 2, "talib": "CDLPIERCING"} in told


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TICKTICK__PATHS__ARCHIVE", str(tmp_path / "candles"))
    return tmp_path / "candles"


def test_the_record_over_the_archive(archive: Path, capsys: pytest.CaptureFixture[str]):
    days = [f"2026-10-{n:02d}" for n in (5, 6, 7, 8, 9, 12, 13, 14, 15, 16)]
    shelf_with(archive, minutes_of(*days), "2026-10")
    assert cli.main(["patterns", "reliance.ns", "--archive", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["symbols"]["RELIANCE"]
    assert {label: record["candles"] for label, record in told.items()} == {
        "1m": 10 * 375, "3m": 10 * 125, "5m": 10 * 75, "10m": 10 * 38, "15m": 10 * 25, "60m": 10 * 7
    }  # fmt: skip
    assert told["5m"]["told"]["any"].endswith(f"of {10 * 75 - 5}, 5 candles later")
    assert cli.main(["patterns", "--archive", "--timeframe", "60m", "--to", "2026-10-12"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("RELIANCE 60m, 2026-10-05 to 2026-10-12: rose ")
    assert "95 % interval" in out


def test_wrong_words_about_the_archive_are_one_line(archive: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["patterns", "--archive"]) == 4
    assert "has no candles within a day: `ticktick history list`" in capsys.readouterr().err
    shelf_with(archive, minutes_of("2026-11-19"), "2026-11")
    assert cli.main(["patterns", "RELIANC", "--archive"]) == 4
    assert "of RELIANC; did you mean 'RELIANCE'?" in capsys.readouterr().err
    assert cli.main(["patterns", "RELIANCE", "--from", "2026-01-01"]) == 4
    assert "say --archive, too" in capsys.readouterr().err
    assert cli.main(["patterns", "RELIANCE", "--archive", "--timeframe", "1d"]) == 4
    assert "unknown timeframe '1d'" in capsys.readouterr().err
    assert cli.main(["patterns", "RELIANCE", "--archive", "--from", "2020-01-01", "--to", "2020-02-01", "--timeframe", "5m"]) == 0
    assert "RELIANCE 5m, no candle in these dates" in capsys.readouterr().out
    assert cli.main(["patterns", "RELIANCE", "--archive", "--from", "2026-02-01", "--to", "2026-01-01"]) == 4
    assert "there is no date from 2026-02-01 to 2026-01-01" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["patterns", "RELIANCE", "--archive", "--from", "yesterday"])
    assert "a date: YYYY-MM-DD" in capsys.readouterr().err
