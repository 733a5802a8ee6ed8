"""A year of minutes for fifteen papers, killed three times, against a simulator that counts: complete, no candle twice, never beyond the quota."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.archive.period import Period
from pipeline.archive.shelf import Series, Shelf
from pipeline.archive.soundness import due
from pipeline.broker.quota import STANDARD_READS, scaled
from pipeline.core.session import ist_date
from pipeline.run.outside import ADDRESSES, login_at_simulator
from pipeline.run.settings import load
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.exchange import load_calendar
from pipeline.simulator.generated import previous_close
from pipeline.simulator.history import History
from pipeline.simulator.listing import DEFAULT_LISTINGS
from tests.fakes.doors import ROOT, environment, verb, wait_for
from tests.fakes.live_simulator import LiveSimulator, live_simulator

DATE = "2026-11-20"
YEAR = ("2025-11-20", "2026-11-19")
PACE = 10.0
PATH = "/v3/historical-candle/"
PAPERS = tuple(item.symbol for item in DEFAULT_LISTINGS)


@contextlib.contextmanager
def market(folder: Path, pace: float) -> Iterator[tuple[LiveSimulator, dict[str, str]]]:
    """Run a simulator that enforces its limits, and give it with the environment of the programs that talk to it."""
    config = SimulatorConfig(date=DATE, session="09:15-09:20", hold=True, rate_limits=True, limit_pace=pace)
    with live_simulator(config) as sim:
        given = {
            "maker": "generated",
            "session_date": DATE,
            **{f"upstox.{name}": sim.base for name in ADDRESSES},
            "paths.token": str(folder / "token.json"),
            "paths.credentials": str(folder / "credentials.json"),
            "paths.data": str(folder / "data"),
            "paths.archive": str(folder / "candles"),
            "history.pace": pace,
        }
        login_at_simulator(load(environ={}, overrides=given))
        yield sim, environment(folder, redis__port=1, **{name.replace(".", "__"): value for name, value in given.items()})


def start(env: Mapping[str, str], *words: str) -> subprocess.Popen[str]:
    argv = verb("history", *words)
    return subprocess.Popen(argv, cwd=ROOT, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(env: Mapping[str, str], *words: str) -> tuple[int, Any, str]:
    """Run to the end; give exit code, JSON and stderr."""
    done = start(env, *words, "--json")
    out, err = done.communicate(timeout=900)
    return done.returncode, json.loads(out.splitlines()[-1]) if out else None, err


def calls(sim: LiveSimulator) -> list[dict[str, Any]]:
    return [r for r in sim.ledger()["requests"] if r["path"].startswith(PATH)]


def killed(env: Mapping[str, str], sim: LiveSimulator, after: int, *words: str) -> None:
    """Start, and kill without warning once the simulator has seen so many calls more."""
    seen = len(calls(sim))
    going = start(env, *words)
    wait_for(lambda: len(calls(sim)) >= seen + after or going.poll() is not None, f"{after} calls", 300.0)
    assert going.poll() is None, going.communicate()
    os.kill(going.pid, signal.SIGKILL)
    going.communicate()


def require_whole(folder: Path, span: tuple[str, str], symbols: tuple[str, ...]) -> int:
    """Hold every candle of the archive against the simulator's own past; give how many there are."""
    shelf, calendar = Shelf(folder / "candles", "generated"), load_calendar()
    past = History(7, DATE, calendar)
    total = 0
    for item in (i for i in DEFAULT_LISTINGS if i.symbol in symbols):
        rows = shelf.read(Series("upstox", Period("minutes"), item.symbol), span)
        assert len(np.unique(rows["ts"])) == len(rows), "a candle is there twice"
        bars = past.bars(item, previous_close(7, DATE, item), "minutes", 1, span)
        days = {bar.ts // 86_400_000 for bar in bars}
        wanted = np.concatenate([due(calendar.day(d), item.group(d), 1) for d in sorted(dates_of(days))])
        assert rows["ts"].tolist() == wanted.tolist()
        inside = set(wanted.tolist())
        kept = [bar for bar in bars if bar.ts in inside]
        assert rows["close"].tolist() == [bar.close for bar in kept]
        assert rows["volume"].tolist() == [bar.vol for bar in kept]
        total += len(rows)
    return total


def dates_of(days: set[int]) -> list[str]:
    return [ist_date(day * 86_400_000 + 12 * 3_600_000) for day in days]


def busiest(at: list[float], window_s: float) -> int:
    """Give the most calls within any window of that length."""
    ordered = np.sort(at)
    return int((np.arange(len(ordered)) - np.searchsorted(ordered, ordered - window_s, side="right")).max()) + 1


def backfill_year(folder: Path, pace: float, symbols: tuple[str, ...], kills: tuple[int, ...]) -> dict[str, Any]:
    with market(folder, pace) as (sim, env):
        words = ("fetch", *symbols, "--from", YEAR[0], "--to", YEAR[1])
        began = time.monotonic()
        for after in kills:
            killed(env, sim, after, *words)
        code, told, err = run(env, *words)
        spent = time.monotonic() - began
        assert (code, told["failed"], told["refused"]) == (0, [], []), err
        made = calls(sim)
        again, told_again, _ = run(env, *words)
        assert (again, told_again["calls"]) == (0, 0), "what is there is asked for again"
    assert {r["status"] for r in made if "status" in r} == {200}, "the simulator turned calls away"
    at = [r["at_s"] for r in made]
    counts = {f"{limit.window_ms} ms": (busiest(at, limit.window_ms / 1000), limit.calls) for limit in scaled(STANDARD_READS, pace)}
    assert all(most <= limit for most, limit in counts.values()), counts
    rate = (len(at) - 1) / (max(at) - min(at)) / pace
    assert rate <= 1.1, f"{rate:.2f} calls a second of the broker's time"
    paths = [r["path"] for r in made]
    assert len(paths) - len(set(paths)) <= len(kills), "a kill costs one call at most"
    figures = {
        "calls": len(paths),
        "asked twice": len(paths) - len(set(paths)),
        "seconds": round(spent, 1),
        "rate": round(rate, 2),
        "windows": counts,
    }
    return figures | {"candles": require_whole(folder, YEAR, symbols)}


def test_a_year_of_minutes_killed_three_times_is_complete(tmp_path, capsys):
    figures = backfill_year(tmp_path, PACE, PAPERS, (7, 40, 60))
    with capsys.disabled():
        print(f"\n  backfill, clock of the quota x{PACE:g}: {figures}")
    assert figures["candles"] > 15 * 240 * 355
    assert figures["calls"] >= 15 * 13


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_the_same_at_the_pace_of_the_broker(tmp_path, capsys):
    figures = backfill_year(tmp_path, 1.0, PAPERS, (10, 50, 50))
    with capsys.disabled():
        print(f"\n  backfill at the broker's own pace: {figures}")
    assert figures["candles"] > 15 * 240 * 355


NOT_JSON = (
    "/v3/historical-candle/NSE_EQ%7CINE002A01018/minutes/1/2026-11-13/2026-11-02: the answer is not valid JSON: nothing was taken from it"
)
FALSE = (
    "the answer is corrupt, nothing was taken from it: 338 of 3375 candles are bad, "
    "the first: 2026-11-13 15:29:00.000 +05:30: volume -1 or open interest 0 is out of bounds"
)


@pytest.mark.parametrize(("kind", "words"), [("corrupt_reply", NOT_JSON), ("truncated_reply", NOT_JSON), ("false_candles", FALSE)])
def test_a_corrupt_reply_is_refused_whole_named_and_kept(tmp_path, kind, words):
    span = ("2026-11-02", "2026-11-13")
    with market(tmp_path, 100.0) as (sim, env):
        sim.fault(kind=kind, match=PATH, count=2)  # the call and its second try
        code, told, err = run(env, "fetch", "RELIANCE", "--from", span[0], "--to", span[1])
        assert code == 1
        assert len(told["failed"]) == 1
        named = told["failed"][0]
        assert named.startswith("RELIANCE 1m 2026-11-02 to 2026-11-13: "), "paper, length and dates of the request"
        assert named.endswith(words), "what was wrong, and of bad candles which was the first"
        lines = [line for line in err.splitlines() if line and not line.startswith("history 1m")]
        assert lines[0] == f"refused: {named}"
        assert lines[1:] == [f"2 answers kept for you in {tmp_path / 'run' / 'quarantine' / 'history'}"]
        assert told["candles"] == 0
        assert not list((tmp_path / "candles").rglob("*.parquet")), "half of it was taken"
        kept = sorted((tmp_path / "run" / "quarantine" / "history").iterdir())
        assert len(kept) == 2
        assert kept[0].stat().st_size > 1000
        assert len({path.read_bytes() for path in kept}) == 1, "the broker's own bytes, twice"
        code, told, _ = run(env, "fetch", "RELIANCE", "--from", span[0], "--to", span[1])
        assert (code, told["failed"]) == (0, [])
    assert require_whole(tmp_path, span, ("RELIANCE",)) > 0


def test_an_answer_that_is_corrupt_once_is_asked_for_again(tmp_path):
    with market(tmp_path, 100.0) as (sim, env):
        sim.fault(kind="truncated_reply", match=PATH, count=1)
        code, told, _ = run(env, "fetch", "TCS", "--from", "2026-10-01", "--to", "2026-11-19")
        assert (code, told["failed"], told["calls"]) == (0, [], 3)
    assert require_whole(tmp_path, ("2026-10-01", "2026-11-19"), ("TCS",)) > 0


@pytest.mark.parametrize(("candle", "span", "least"), [("15m", ("2026-07-01", "2026-11-19"), 2300), ("60m", ("2026-01-01", "2026-11-19"), 1400), ("2h", ("2026-09-01", "2026-11-19"), 150), ("1d", ("2024-01-01", "2026-11-19"), 700), ("1w", ("2025-01-01", "2026-11-19"), 95), ("1mo", ("2020-01-01", "2026-11-19"), 80)])  # fmt: skip
def test_any_unit_and_interval(tmp_path, candle, span, least):
    with market(tmp_path, 100.0) as (_sim, env):
        code, told, err = run(env, "fetch", "INFY", "--candle", candle, "--from", span[0], "--to", span[1])
        assert (code, told["failed"], told["refused"]) == (0, [], []), err
        assert told["candles"] >= least
        _, told, _ = run(env, "fetch", "INFY", "--candle", candle, "--from", span[0], "--to", span[1])
        assert told["calls"] == 0
        code, listed, _ = run(env, "list")
        assert listed["series"][0]["candles"] >= least
        code, checked, _ = run(env, "check")
        assert (code, checked["faults"]) == (0, 0), checked


def test_the_day_that_is_not_over_is_refused(tmp_path):
    with market(tmp_path, 100.0) as (_sim, env):
        done = start(env, "fetch", "INFY", "--to", DATE)
        _, err = done.communicate(timeout=60)
        assert done.returncode == 4
        assert f"--to {DATE} is not settled yet: the newest date that can be kept is 2026-11-19" in err
