"""One play of the sender into one receiver, over a Redis of its own; figures of it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.store import server

ROOT = Path(__file__).resolve().parents[1]
FSYNC = "everysec"


@dataclass(frozen=True, slots=True)
class Play:
    """What is sent, and who takes it."""

    receiver: str
    symbols: int
    per_frame: int
    frames: int
    rate: float = 0.0
    every_tick: bool = True
    feed: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a play. Latencies are from the sender's send to Redis's acknowledgement, microseconds."""

    ticks: int
    sent_ticks: int
    wall_s: float
    cpu_s: float
    redis_s: float
    latency_us: tuple[float, float, float]
    status: dict[str, Any]
    hops: dict[str, Any]

    @property
    def per_s(self) -> float:
        return self.ticks / self.wall_s

    @property
    def per_core_s(self) -> float:
        return self.ticks / self.cpu_s


@contextlib.contextmanager
def redis_server(fsync: str = FSYNC) -> Iterator[server.Server]:
    with tempfile.TemporaryDirectory(prefix="ticktick-bench-") as folder:
        found = server.start(Path(folder) / "redis", fsync=fsync)
        try:
            yield found
        finally:
            found.stop()


def run(play: Play, fsync: str = FSYNC) -> Outcome:
    """Play once."""
    with redis_server(fsync) as found, tempfile.TemporaryDirectory(prefix="ticktick-bench-") as folder:
        sent, committed = str(Path(folder) / "sent.npy"), str(Path(folder) / "committed.npy")
        order = {"symbols": play.symbols, "per_frame": play.per_frame, "frames": play.frames, "rate": play.rate, "sent": sent}
        with _python("benchmarks._sender", json.dumps(order)) as sender:
            where = json.loads(sender.stdout.readline())
            urls = {str(role): url for role, url in found.urls.items()}
            more = {"redis": urls, "committed": committed, "every_tick": play.every_tick, "feed": play.feed}
            with _python("benchmarks._receivers", play.receiver, json.dumps(order | where | more)) as receiver:
                line = receiver.stdout.readline()
                if not line:
                    raise RuntimeError(f"{play.receiver} ended without a result")
                receiver.wait(60)
            sender.wait(60)
        told = json.loads(line)
        return _outcome(play, told, np.load(sent)[: play.frames], np.load(committed))


def _outcome(play: Play, told: dict[str, Any], sent: np.ndarray, committed: np.ndarray) -> Outcome:
    count = min(len(sent), len(committed))
    skip = count // 10  # the first frames wait for the subscription
    waited = (committed[skip:count] - sent[skip:count]) / 1_000
    tail = tuple(float(q) for q in np.quantile(waited, (0.5, 0.99, 0.999))) if count > skip else (0.0, 0.0, 0.0)
    last = (committed[-1] - sent[0]) / 1e9 if play.rate == 0 else told["wall_s"]
    return Outcome(
        told["ticks"],
        play.frames * play.per_frame,
        last,
        told["cpu_s"],
        told["redis_s"],
        tail,
        told.get("status", {}),
        told.get("hops", {}),
    )


@contextlib.contextmanager
def _python(module: str, *arguments: str) -> Iterator[Any]:
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
