"""Candles equal a slow, obvious version, on random prints that come late, early, in silence and around gaps.

And: what gaps spoil and repairs mend equals, minute by minute, the candles of the unbroken feed.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.core.candle import Lineage
from pipeline.core.params import CandleParams
from pipeline.core.types import CANDLE, NO_SYMBOL, TICK, TIMEFRAMES, CandleFlag, TickBatch
from pipeline.market import candles
from tests.fakes.examples import examples
from tests.fakes.feed_rows import OPEN, gap, repair, trade

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
        open_ones = [s for s in range(first, min(first + tf * M, END), M) if any(a <= s < b for a, b in WINDOWS[sid])]
        flags = CandleFlag.GAP if any((s - OPEN) // M in self.blind for s in open_ones) else 0
        if first + tf * M > cut or any(OPEN < self.first > s for s in open_ones):
            flags |= CandleFlag.PARTIAL
        traded = [s for s in range(first, end, M) if (sid, s) in self.prints]
        quiet, is_lost = self.before(sid, traded[0])
        flags |= CandleFlag.AFTER_GAP if is_lost else 0
        made = (len(px), len(traded), int(Lineage.TICKS), quiet)
        self.closed.append((tf, sid, int(flags), first, px[0], max(px), min(px), px[-1], sum(v for _, v in inside), *made))

    def before(self, sid: int, minute: int) -> tuple[int, bool]:
        quiet, is_lost = 0, False
        while True:
            minute -= M
            if not any(a <= minute < b for a, b in WINDOWS[sid]) or (sid, minute) in self.prints or OPEN < self.first > minute:
                return quiet, is_lost
            is_blind = (minute - OPEN) // M in self.blind
            quiet, is_lost = quiet + (not is_blind), is_lost or is_blind


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


@examples
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
    names = ("timeframe", "sid", "flags", "ts", "open", "high", "low", "close", "volume", "trades", "minutes", "lineage", "quiet")
    assert [tuple(row[n].item() for n in names) for w in waves for row in w.rows] == slow.closed
    for sid in range(2):
        assert candles.checks(fast, sid)["late"] == slow.late[sid]
        assert candles.checks(fast, sid)["auction_trades"] == slow.apart[sid]
    for wave in waves:
        order = list(zip(wave.rows["timeframe"].tolist(), wave.rows["sid"].tolist(), strict=True))
        assert order == sorted(set(order))


@examples
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


def unbroken(rng) -> list:
    """Frames of a whole session in order, with prints of two symbols; no silence long enough to be a gap."""
    frames, ts = [], OPEN - 1000
    while ts < END + 5000:
        rows = []
        for _ in range(rng.choice([0, 0, 1, 2])):
            sid, qty = int(rng.integers(0, 2)), int(rng.integers(1, 50))
            rows.append(
                trade(ts - int(rng.integers(0, 500)), rng.integers(1990, 2011) / 20, qty, sid=sid, ltq=qty, oi=float(rng.integers(1, 9)))
            )
        frames.append((ts, rows))
        ts += int(rng.integers(100, 9000))
    return [*frames, (END + 5000, [])]


def broken(rng, frames) -> tuple[list, dict]:
    """The same frames with holes, of all symbols or of one; the (sid, minute) that they touch and when the last of them was seen."""
    spoiled: dict[tuple[int, int], int] = {}
    for third in rng.permutation(3)[: rng.integers(1, 4)].tolist():
        start = OPEN + third * 500_000 + int(rng.integers(0, 90_000))
        end, sid = start + int(rng.choice([2000, 20_000, 70_000, 400_000])), int(rng.choice([0, 1, NO_SYMBOL]))
        kept, last, is_blind = [], frames[0][0], False
        for ts, rows in frames:
            if start <= ts < end:
                is_blind = True
                if sid != NO_SYMBOL:
                    kept.append((ts, [r for r in rows if r["sid"][0] != sid]))
                continue
            if is_blind:
                rows, is_blind = [gap(last, ts, sid), *rows], False
                touched = range(max((last - OPEN) // M, 0), (ts - OPEN) // M + 1)
                for key in ((k, OPEN + m * M) for m in touched for k in ((0, 1) if sid == NO_SYMBOL else (sid,))):
                    spoiled[key] = max(ts, spoiled.get(key, 0))
            kept.append((ts, rows))
            last = ts
        frames = kept
    return frames, spoiled


def with_repairs(rng, frames, minutes: dict, spoiled: dict) -> list:
    """Put the true minutes in after their end, once or twice, in frames of their own; what is left comes after the close."""
    due = []
    for sid, minute in sorted(spoiled.keys() & minutes.keys()):
        row = minutes[sid, minute]
        fixed = repair(0, sid, minute, *(float(row[n]) for n in ("open", "high", "low", "close")), int(row["volume"]), float(row["oi"]))
        due += [
            (max(minute + M, spoiled[sid, minute]) + int(rng.choice([0, 500, 20_000, 600_000])), fixed) for _ in range(rng.integers(1, 3))
        ]
    out = []
    for ts, rows in frames:
        out.append((ts, rows))
        now = [row for at, row in due if at <= ts]
        due = [(at, row) for at, row in due if at > ts]
        if now:
            out.append((ts, now))
    return [*out, (END + 9000, [row for _, row in due])]


def run(frames) -> tuple[candles.CandleState, list]:
    state = candles.CandleState(WINDOWS, PARAMS)
    waves = []
    for ts, rows in frames:
        waves += candles.step(state, TickBatch(ts, np.concatenate(rows) if rows else np.zeros(0, TICK)))
    return state, waves


def newest(waves) -> dict:
    return {(int(r["timeframe"]), int(r["sid"]), int(r["ts"])): r for w in waves for r in w.rows}


PAINTED = ("open", "high", "low", "close", "volume", "oi")


@examples
@given(st.integers(0, 2**32))
def test_repaired_candles_equal_those_of_the_unbroken_feed(seed):
    rng = np.random.default_rng(seed)
    whole = unbroken(rng)
    _, expected = run(whole)
    want = newest(expected)
    minutes = {(sid, ts): row for (tf, sid, ts), row in want.items() if tf == 1}
    frames, spoiled = broken(rng, whole)
    mended = with_repairs(rng, frames, minutes, spoiled)
    state, waves = run(mended)
    got = newest(waves)
    assert got.keys() == want.keys()
    for key, row in want.items():
        assert [got[key][n] for n in PAINTED] == [row[n] for n in PAINTED], key
        assert key[0] > 1 or not got[key]["flags"] & CandleFlag.GAP
        holds = {m for sid, m in spoiled.keys() & minutes.keys() if sid == key[1] and key[2] <= m < key[2] + key[0] * M}
        assert bool(got[key]["flags"] & CandleFlag.REVISED) == bool(holds), key
        # Lineage, minute by minute: what was repaired came over REST, everything else from prints.
        inside = {m for sid, m in minutes if sid == key[1] and key[2] <= m < key[2] + key[0] * M}
        assert got[key]["minutes"] == len(inside), key
        assert got[key]["lineage"] == (Lineage.INTRADAY if holds else 0) | (Lineage.TICKS if inside - holds else 0), key
    for wave in waves:
        order = list(zip(wave.rows["timeframe"].tolist(), wave.rows["sid"].tolist(), strict=True))
        assert order == sorted(set(order))
    before = state.dump()
    again = [row for ts, rows in mended for row in rows if row["kind"][0] == 3]
    assert [w for row in again for w in candles.step(state, TickBatch(END + 9000, row))] == []
    assert state.dump() == before


def joined(rng, frames, minutes: dict) -> list:
    """The same day, each symbol from some frame on; marks of what was not seen, repairs of it within their time, in one or two parts."""
    starts = [int(rng.choice([0, frames[int(rng.integers(1, len(frames)))][0]])) for _ in WINDOWS]
    out, due = [], []
    for ts, rows in frames:
        if ts < min(starts):
            continue
        marks = []
        for sid, start in enumerate(starts):
            if start and ts >= start > 0:
                marks, starts[sid] = [*marks, gap(OPEN, ts, sid, ts + 600_000)], -ts
                touched = [OPEN + m * M for m in range((ts - OPEN) // M + 1) if any(a <= OPEN + m * M < b for a, b in WINDOWS[sid])]
                fixed = [mended(minutes, sid, minute) for minute in touched]
                cut = int(rng.integers(0, len(fixed) + 1))
                at = max(ts, touched[-1] + M if touched else 0) + int(rng.choice([500, 20_000, 300_000]))
                due += [
                    (int(rng.integers(ts, at)), fixed[:cut]) if cut < len(fixed) else (at, []),
                    (at, fixed[cut:] if cut < len(fixed) else fixed),
                ]
        out.append((ts, [*marks, *(r for r in rows if starts[int(r["sid"][0])] <= 0)]))
        out += [(ts, part) for at, part in sorted(due, key=lambda item: item[0]) if part and at <= ts]
        due = [(at, part) for at, part in due if at > ts]
    return [*out, *((END + 9000, part) for _, part in sorted(due, key=lambda item: item[0]) if part)]


def mended(minutes: dict, sid: int, minute: int):
    """The broker's candle of a minute; a filler where nothing traded."""
    if (sid, minute) not in minutes:
        return repair(0, sid, minute, 100.0, 100.0, 100.0, 100.0, 0)
    row = minutes[sid, minute]
    return repair(0, sid, minute, *(float(row[n]) for n in ("open", "high", "low", "close")), int(row["volume"]), float(row["oi"]))


@examples
@given(st.integers(0, 2**32))
def test_a_late_start_ends_with_the_candles_of_the_whole_day(seed):
    """Each candle once, in the order of its slot, whole: what indicators make of it is what they make of a day from the open."""
    rng = np.random.default_rng(seed)
    whole = unbroken(rng)
    want = newest(run(whole)[1])
    minutes = {(sid, ts): row for (tf, sid, ts), row in want.items() if tf == 1}
    state, waves = run(joined(rng, whole, minutes))
    waves += list(candles.finish(state, END + 9000))
    told = [r for w in waves for r in w.rows]
    assert len(told) == len(want)
    places = defaultdict(list)
    for row in told:
        key = int(row["timeframe"]), int(row["sid"]), int(row["ts"])
        places[key[:2]].append(key[2])
        assert [row[n] for n in (*PAINTED, "quiet", "minutes")] == [want[key][n] for n in (*PAINTED, "quiet", "minutes")], key
        weak = int(CandleFlag.REVISED)
        assert int(row["flags"]) & ~weak == int(want[key]["flags"]) & ~weak, key
    assert all(starts == sorted(set(starts)) for starts in places.values())
    for wave in waves:
        order = list(zip(wave.rows["timeframe"].tolist(), wave.rows["sid"].tolist(), strict=True))
        assert order == sorted(set(order))


@examples
@given(st.integers(0, 2**32), st.integers(0, 400))
def test_warm_equals_cold_around_repairs(seed, cut):
    rng = np.random.default_rng(seed)
    whole = unbroken(rng)
    minutes = {(sid, ts): row for (tf, sid, ts), row in newest(run(whole)[1]).items() if tf == 1}
    frames, spoiled = broken(rng, whole)
    frames = with_repairs(rng, frames, minutes, spoiled)
    straight, expected = run(frames)
    part, waves = run(frames[:cut])
    warm = candles.CandleState(WINDOWS, PARAMS)
    warm.load(part.dump())
    for ts, rows in frames[cut:]:
        waves += candles.step(warm, TickBatch(ts, np.concatenate(rows) if rows else np.zeros(0, TICK)))
    assert [w.rows.tobytes() for w in waves] == [w.rows.tobytes() for w in expected]
    assert warm.dump() == straight.dump()


LONG = tuple(tf for tf in TIMEFRAMES if tf > 1)
LAID = candles.windows_of(WINDOWS)


def rows_by_key(rows) -> list:
    return sorted(rows, key=lambda r: (int(r["timeframe"]), int(r["sid"]), int(r["ts"])))


@examples
@given(st.integers(0, 2**32))
def test_history_builds_the_candles_that_live_told(seed):
    """One code path: longer candles from the day's one-minute rows are those of the waves, bit for bit."""
    _, waves = run(unbroken(np.random.default_rng(seed)))
    told = np.concatenate([w.rows for w in waves])
    built = candles.longer(told[told["timeframe"] == 1], LAID)
    assert b"".join(r.tobytes() for r in built) == b"".join(r.tobytes() for r in rows_by_key(told[told["timeframe"] > 1]))


@examples
@given(sessions)
@example(session(536, 44))  # a gap that was marked after its minute had been told
def test_history_invents_nothing_around_gaps(frames):
    """Flags of gaps and of a late start may be fewer, everything else is equal.

    Minutes do not tell of a gap where nothing traded, nor of one that was marked after they were told: the longer candle,
    told later, knows, and does not count that minute as quiet.
    """
    _, waves = run([*frames, (END + 5000, [])])
    told = np.concatenate([w.rows for w in waves]) if waves else np.zeros(0, CANDLE)
    built, live = candles.longer(told[told["timeframe"] == 1], LAID), rows_by_key(told[told["timeframe"] > 1])
    assert len(built) == len(live)
    weak = int(CandleFlag.GAP | CandleFlag.PARTIAL | CandleFlag.AFTER_GAP)
    for mine, theirs in zip(built, live, strict=True):
        mine_flags, their_flags = int(mine["flags"]), int(theirs["flags"])
        assert mine_flags & ~their_flags == 0
        assert mine_flags & ~weak == their_flags & ~weak
        assert mine["quiet"] == theirs["quiet"] or (their_flags & CandleFlag.AFTER_GAP and mine["quiet"] > theirs["quiet"])
        theirs["flags"], theirs["quiet"] = mine["flags"], mine["quiet"]
        assert mine == theirs


@examples
@given(sessions, st.integers(0, 150))
def test_what_was_told_does_not_depend_on_what_comes(frames, cut):
    """Prefix invariance: of the waves, and of what history builds of a part of the day."""
    _, whole = run(frames)
    _, part = run(frames[:cut])
    assert [w.rows.tobytes() for w in part] == [w.rows.tobytes() for w in whole[: len(part)]]
    minutes = [r for w in whole for r in w.rows if r["timeframe"] == 1]
    if not minutes:
        return
    end = int(minutes[-1]["ts"])
    every = candles.longer(np.array(minutes), LAID)
    early = candles.longer(np.array([m for m in minutes if m["ts"] < end] or minutes[:0], CANDLE), LAID)
    over = {r.tobytes() for r in early if r["ts"] + r["timeframe"].astype(int) * M <= end}
    assert over == {r.tobytes() for r in every if r["ts"] + r["timeframe"].astype(int) * M <= end}
