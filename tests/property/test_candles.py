"""Candles equal a slow, obvious version, on random prints that come late, early, in silence and around gaps."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.params import CandleParams
from pipeline.core.types import TIMEFRAMES, CandleFlag, TickBatch
from pipeline.market import candles
from tests.fakes.feed_rows import OPEN, gap, trade

M = 60_000
WINDOWS = [[(OPEN, OPEN + 25 * M)], [(OPEN, OPEN + 10 * M), (OPEN + 15 * M, OPEN + 22 * M)]]
PARAMS = CandleParams(grace_ms=2000, gap_silence_ms=30_000)
END = OPEN + 25 * M


class Slow:
    """Prints in lists by minute; every candle is made from its prints at the moment it closes."""

    def __init__(self) -> None:
        self.prints = defaultdict(list)
        self.open, self.first, self.last = OPEN, None, 0
        self.blind: set[int] = set()
        self.gaps, self.seen = 0, defaultdict(int)
        self.late, self.apart = defaultdict(int), defaultdict(int)
        self.closed = []

    def mark(self, start: int, end: int) -> None:
        self.gaps += 1
        self.blind |= {m for m in range((start - OPEN) // M, (end - OPEN) // M + 1) if m >= 0}

    def frame(self, ts: int, rows: list) -> None:
        if self.first is None:
            self.first = ts
        elif min(ts, END) - max(self.last, OPEN) > PARAMS.gap_silence_ms:
            self.mark(self.last, ts)
        self.last = ts
        self.close(ts - PARAMS.grace_ms - 6 * M, END)
        for row in rows:
            if row["kind"] == 2:
                self.mark(int(row["ltt"]), int(row["ts_exch"]))
            else:
                self.paint(int(row["sid"]), int(row["ltt"]), float(row["ltp"]), int(row["volume"]), int(row["ltq"]))
        self.close(ts - PARAMS.grace_ms, END)

    def paint(self, sid: int, ltt: int, px: float, volume: int, ltq: int) -> None:
        if self.seen[sid] != self.gaps:
            self.seen[sid], volume = self.gaps, min(volume, ltq)
        start = OPEN + (ltt - OPEN) // M * M
        if not any(a <= ltt < b for a, b in WINDOWS[sid]):
            self.apart[sid] += 1
        elif start < self.open:
            self.late[sid] += 1
        elif start < self.open + 8 * M:
            self.prints[sid, start].append((px, volume))

    def close(self, until: int, seen_to: int) -> None:
        while self.open + M <= min(until, END):
            end = self.open = self.open + M
            for tf in TIMEFRAMES:
                for sid in range(len(WINDOWS)):
                    self.emit(sid, tf, end, seen_to)

    def emit(self, sid: int, tf: int, end: int, seen_to: int) -> None:
        close = WINDOWS[sid][-1][1]
        first = OPEN + (end - M - OPEN) // (tf * M) * tf * M
        inside = [p for s in range(first, end, M) for p in self.prints.get((sid, s), [])]
        if not inside or end > close or (end < close and first + tf * M != end):
            return
        cut = min(close, seen_to)
        px = [p for p, _ in inside]
        flags = CandleFlag.GAP if any((s - OPEN) // M in self.blind for s in range(first, min(first + tf * M, END + M), M)) else 0
        if first + tf * M > cut or OPEN < self.first > first:
            flags |= CandleFlag.PARTIAL
        self.closed.append((tf, sid, int(flags), first, px[0], max(px), min(px), px[-1], sum(v for _, v in inside), len(px)))


def session(seed: int, length: int) -> list:
    """Random frames of 0 to 3 prints; one draw of a seed, since a draw for each print would take Hypothesis minutes."""
    rng = np.random.default_rng(seed)
    frames, ts = [], int(rng.choice([OPEN - 30_000, OPEN, OPEN + 90_000]))
    for _ in range(length):
        ts += int(rng.choice([0, 100, 3000, 9000, 20_000, 29_000, 45_000, 200_000], p=[0.1, 0.1, 0.2, 0.2, 0.2, 0.14, 0.03, 0.03]))
        rows = []
        for _ in range(rng.integers(0, 4)):
            ltt = ts - int(rng.choice([0, 0, 0, 10, 500, 4000, 70_000, -4000, 600_000]))
            price, volume, sid = rng.integers(1990, 2011) / 20, int(rng.integers(0, 51)), int(rng.integers(0, 2))
            rows.append(trade(ltt, price, volume, sid=sid, ltq=int(rng.integers(0, 10))))
        if rng.integers(0, 16) == 0:
            rows.insert(0, gap(ts - int(rng.integers(1, 100_000)), ts))
        frames.append((ts, rows))
    return frames


sessions = st.builds(session, st.integers(0, 2**32), st.integers(1, 150))


@settings(max_examples=200, deadline=None)
@given(sessions, st.booleans())
def test_equals_the_slow_version(frames, is_cut):
    fast, slow = candles.CandleState(WINDOWS, PARAMS), Slow()
    waves = []
    for ts, rows in frames:
        waves += candles.step(fast, TickBatch(ts, np.concatenate(rows) if rows else np.zeros(0, trade(0, 1.0).dtype)))
        slow.frame(ts, [row[0] for row in rows])
    now = frames[-1][0] if is_cut else END
    waves += candles.finish(fast, now)
    slow.close(END, min(now, END))
    names = ("timeframe", "sid", "flags", "ts", "open", "high", "low", "close", "volume", "trades")
    assert [tuple(row[n].item() for n in names) for w in waves for row in w.rows] == slow.closed
    for sid in range(2):
        assert candles.checks(fast, sid)["late"] == slow.late[sid]
        assert candles.checks(fast, sid)["auction_trades"] == slow.apart[sid]
    for wave in waves:
        order = list(zip(wave.rows["timeframe"].tolist(), wave.rows["sid"].tolist(), strict=True))
        assert order == sorted(set(order))


@settings(max_examples=50, deadline=None)
@given(sessions, st.data())
def test_warm_equals_cold(frames, data):
    cut = data.draw(st.integers(0, len(frames)))
    whole, part = candles.CandleState(WINDOWS, PARAMS), candles.CandleState(WINDOWS, PARAMS)
    a, b = [], []
    for i, (ts, rows) in enumerate(frames):
        batch = TickBatch(ts, np.concatenate(rows) if rows else np.zeros(0, trade(0, 1.0).dtype))
        if i == cut:
            restored = candles.CandleState(WINDOWS, PARAMS)
            restored.load(part.dump())
            part = restored
        a += candles.step(whole, batch)
        b += candles.step(part, batch)
    assert [w.rows.tobytes() for w in a] == [w.rows.tobytes() for w in b]
    assert whole.dump() == part.dump()
