"""The recorded Upstox day through the live processes, against counts taken from the JSON by other means."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from pipeline.core.schema import CANDLE_CHECK, CANDLES, TICKS, Role
from pipeline.core.session import ist_clock, ist_ms
from pipeline.core.types import TickKind
from pipeline.store.client import open_clients
from pipeline.store.face import ZERO
from pipeline.store.server import free_port, start
from pipeline.store.streams import RedisStore
from tests.integration.run.test_day import COUNTS, KEYS, ROOT, command, environment

pytestmark = pytest.mark.xdist_group("processes")

DATE = "2025-12-15"
TABLE = {"open": (61, 86), "high": (75, 86), "low": (74, 80), "close": (86, 97)}
"""Per cent of minutes in which candles built from ticks equal the feed's own, as measured independently (data/README)."""


def _cut(source: Path, target: Path, until: str) -> Path:
    """Copy the first part of a recording."""
    target.mkdir()
    for path in sorted(source.glob("*.jsonl.gz")):
        with gzip.open(path, "rt") as lines, gzip.open(target / path.name, "wt") as out:
            out.writelines(line for line in lines if json.loads(line)["_insertion_time"][11:16] < until)
    return target


def _counted(folder: Path) -> tuple[int, set[tuple[str, int]]]:
    """Count updates, and the (instrument, minute) pairs in which a trade of the continuous session was seen."""
    updates, minutes = 0, set()
    first, last = ist_ms(DATE, "09:15"), ist_ms(DATE, "15:30")
    for path in folder.glob("*.jsonl.gz"):
        with gzip.open(path, "rt") as lines:
            for line in lines:
                updates += 1
                traded = int(json.loads(line)["fullFeed"]["marketFF"]["ltpc"].get("ltt", 0))
                if first <= traded < last:
                    minutes.add((path.name.split(".")[0], traded // 60_000 * 60_000))
    return updates, minutes


def _replay(folder: Path, recording: Path, *more: str) -> dict:
    done = subprocess.run(
        command("replay", str(recording), "--json", *more),
        cwd=ROOT,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def _all(store: RedisStore, stream) -> list:
    out, after = [], ZERO
    while found := store.read([(stream, after)], 2000, 0)[stream.name]:
        out += [e.record for e in found]
        after = found[-1].id
    return out


def _check(folder: Path, recording: Path) -> tuple[dict, dict[str, dict[str, float]], list]:
    """Replay over a Redis of our own and look at what lies in it."""
    port = free_port()
    server = start(folder / "redis", port)
    try:
        summary = _replay(folder, recording, "--redis-url", f"redis://127.0.0.1:{port}")
        store = RedisStore(open_clients(server.urls))
        symbols = sorted(p.name.split(".")[0] for p in recording.glob("*.jsonl.gz"))
        waves = _all(store, CANDLES)
        gaps = [b.rows[0] for b in _all(store, TICKS) if b.rows["kind"][0] == TickKind.GAP]
        ours = {(int(r["sid"]), int(r["ts"])) for w in waves for r in w.rows if r["timeframe"] == 1}
        checks = {s: store.fetch(Role.CANDLES, CANDLE_CHECK.key(s)) for s in symbols}
    finally:
        server.stop()
    updates, minutes = _counted(recording)
    assert summary["ticks"] == updates
    assert len(ours) == len(minutes), "one-minute candles against an independent count"
    return summary, checks, gaps


@pytest.mark.timeout(600)
def test_a_morning_twice_over_redis_and_once_in_memory(shared_data, redis_server, tmp_path):
    recording = _cut(shared_data / "feed" / "upstox_v3_full_d5_2025-12-15", tmp_path / "morning", "10:05")
    (tmp_path / "one").mkdir()
    summary, checks, gaps = _check(tmp_path / "one", recording)
    assert list(summary) == KEYS
    assert all(summary[key] > 0 for key in COUNTS), summary
    assert gaps == []
    assert all(int(found["minutes"]) > 20 for found in checks.values()), checks
    (tmp_path / "two").mkdir()
    assert _replay(tmp_path / "two", recording)["digests"] == summary["digests"]
    assert _replay(tmp_path / "two", recording, "--store", "memory")["digests"] == summary["digests"]


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_the_whole_day_matches_the_table(shared_data, redis_server, tmp_path):
    recording = shared_data / "feed" / "upstox_v3_full_d5_2025-12-15"
    summary, checks, gaps = _check(tmp_path, recording)
    print({k: v for k, v in summary.items() if k not in {"digests", "lag_ms"}})
    for gap in gaps:
        print("gap", ist_clock(int(gap["ltt"])), ist_clock(int(gap["ts_exch"])))
    for symbol, found in checks.items():
        minutes = int(found["minutes"])
        shares = {name: 100 * int(found[name]) / minutes for name in TABLE}
        volume = 100 * int(found["volume"]) / int(found["volume_minutes"])
        print(f"{symbol:30} {minutes} minutes", {k: round(v, 1) for k, v in shares.items()}, f"volume {volume:.1f}")
        assert all(round(share) >= TABLE[name][0] for name, share in shares.items()), (symbol, shares)
        assert round(volume) >= 90
    assert _replay(tmp_path / "again", recording)["digests"] == summary["digests"]


def test_nothing_to_replay_is_one_line(tmp_path):
    done = subprocess.run(
        command("replay", str(tmp_path / "none")),
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert "no recording at" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
