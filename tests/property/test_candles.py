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
            start, end = self.open, self.open + M
            self.open = end
            for tf in TIMEFRAMES:
                for sid, windows in enumerate(WINDOWS):
                    self.emit(sid, tf, start, end, min(windows[-1][1], seen_to) if tf > 1 else seen_to, end >= windows[-1][1])

    def emit(self, sid, tf, start, end, cut, is_over) -> None:
        first = OPEN + (start - OPEN) // (tf * M) * tf * M
        inside = [p for s in range(first, end, M) for p in self.prints.get((sid, s), [])]
        is_due = first + tf * M == end or (is_over and self.prints.get((sid, start)))
        if not inside or not is_due or (is_over and tf > 1 and not self.is_open_longer(sid, tf, first, end)):
            return
        px = [p for p, _ in inside]
        flags = CandleFlag.GAP if any((s - OPEN) // M in self.blind for s in range(first, min(first + tf * M, END + M), M)) else 0
        if first + tf * M > cut or OPEN < self.first > first:
            flags |= CandleFlag.PARTIAL
        self.closed.append((tf, sid, int(flags), first, px[0], max(px), min(px), px[-1], sum(v for _, v in inside), len(px)))

    def is_open_longer(self, sid, tf, first, end) -> bool:
        return (tf, sid, first) not in {(c[0], c[1], c[3]) for c in self.closed}


@st.composite
def sessions(draw):
    frames, ts = [], draw(st.sampled_from([OPEN - 30_000, OPEN, OPEN + 90_000]))
    for _ in range(draw(st.integers(1, 120))):
        ts += draw(st.sampled_from([0, 100, 3000, 9000, 20_000, 29_000, 45_000, 200_000]))
        rows = []
        for _ in range(draw(st.integers(0, 3))):
            back = draw(st.sampled_from([0, 0, 10, 500, 4000, 70_000, -4000, 600_000]))
            price = draw(st.integers(1990, 2010)) / 20
            rows.append(trade(max(ts - back, 0), price, draw(st.integers(0, 50)), sid=draw(st.integers(0, 1)), ltq=draw(st.integers(0, 9))))
        if draw(st.integers(0, 15)) == 0:
            rows.insert(0, gap(ts - draw(st.integers(1, 100_000)), ts))
        frames.append((ts, rows))
    return frames


@settings(max_examples=200, deadline=None)
@given(sessions(), st.booleans())
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
@given(sessions(), st.data())
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
