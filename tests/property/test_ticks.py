"""Tick metrics equal a slow, obvious version, on random feeds with late packets, gaps, merged rows, snapshots and days."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.params import TickParams
from pipeline.core.types import NO_SYMBOL, TICK, FeedMode, TickFlag, TickKind
from pipeline.market.ticks import TickState, step
from tests.fakes.feed_rows import OPEN, gap, repair, tick

SMALL = TickParams(
    window=12, vwap_s=3, vwap_fast=3, vwap_slow=5, liquid_spread_bps=8.0, volatile_bps=6.0, hysteresis=1.25,
    iv_window_s=15, iv_jump_ratio=0.2, series_interval_ms=1000, ltp_interval_ms=250,
)  # fmt: skip
CROSSES = TickFlag.VWAP_CROSS_UP | TickFlag.VWAP_CROSS_DOWN
IST_MS = 19_800_000


class Slow:
    """One symbol; everything recomputed from lists on each tick."""

    def __init__(self, params: TickParams) -> None:
        self.p, self.day, self.late = params, None, 0
        self.new_day()

    def new_day(self) -> None:
        self.rows, self.vwaps, self.sold, self.ivs = [], [], [], []
        self.ltp = self.ltt = self.top = self.gone = 0
        self.vtt, self.quote, self.move, self.side = None, (0.0, 0.0), 0, 0
        self.vwap = 0.0
        self.is_seen = self.is_resync = self.is_liquid = self.is_volatile = False

    def volume(self, r) -> int:
        moved = r["ltt"] > self.ltt and self.is_seen
        volume = int(r["ltq"]) if moved else 0
        if r["mode"] == FeedMode.LTPC:
            return volume
        if r["vtt"] == 0 and self.top > 0:
            return 0
        if self.vtt is not None:
            gained = max(int(r["vtt"]) - self.top, 0)
            volume = min(volume, gained) if self.is_resync else gained
        self.vtt = int(r["vtt"])
        self.top = max(self.top, self.vtt)
        return volume

    def is_late(self, r) -> bool:
        if not self.is_seen:
            return False
        if r["mode"] != FeedMode.LTPC and r["vtt"] > 0:
            return bool(r["vtt"] < self.top and r["ltt"] <= self.ltt)
        return bool(r["ltt"] < self.ltt)

    def keep(self, r) -> None:
        if r["ltp"] > 0:
            self.ltp, self.is_seen = float(r["ltp"]), True
        self.ltt = max(self.ltt, int(r["ltt"]))
        self.quote = (float(r["bid_px"][0]), float(r["ask_px"][0]))
        self.is_resync = False

    def live(self, r, out) -> None:
        before, top, price = self.ltp, self.top, float(r["ltp"])
        is_merged = bool(r["flags"] & TickFlag.CONFLATED)
        volume = self.volume(r)
        if before > 0 and price != before:
            self.move = 1 if price > before else -1
        if self.is_seen and (r["ltt"] > self.ltt or (volume > 0 and self.top > top)):
            out["traded"], (bid, ask) = True, self.quote
            out["aggressor"] = self.move
            if 0 < bid < ask and not is_merged:
                mid = (bid + ask) / 2
                out["aggressor"] = 1 if price > mid else -1 if price < mid else self.move
        out["volume"] = volume
        out["tick_return"] = price / before - 1 if before > 0 and not is_merged else 0.0
        self.sold.append((price, volume))
        self.rows.append((int(r["ts_exch"]), price, volume, is_merged))
        self.gone = max(self.gone, len(self.rows) - self.p.window)
        while self.rows[self.gone][0] <= r["ts_exch"] - self.p.vwap_s * 1000:
            self.gone += 1  # for good, even if the frames' time goes back
        recent = [(px, v) for _, px, v, _ in self.rows[self.gone :]]
        if sum(v for _, v in recent) > 0:
            self.vwap = sum(px * v for px, v in recent) / sum(v for _, v in recent)
        self.vwaps.append(self.vwap)
        self.keep(r)

    def implied(self, r, out) -> None:
        """The value that was newest when the 15 slots before the present one began."""
        slot = max((int(r["ts_exch"]) + IST_MS) % 86_400_000 // 1000, *(s for s, _ in self.ivs[-1:]), 0)
        old = [iv for s, iv in self.ivs if s <= slot - 16]
        out["iv_change"] = float(r["iv"]) / old[-1] - 1 if old else 0.0
        self.ivs.append((slot, float(r["iv"])))

    def step(self, r) -> dict:
        day = (int(r["ts_exch"]) + IST_MS) // 86_400_000
        if day != self.day:
            self.day = day
            self.new_day()
        out = {"volume": 0, "tick_return": 0.0, "aggressor": 0, "traded": False, "iv_change": 0.0}
        if self.is_late(r):
            self.late += 1
            return out | self.windowed(r)
        if r["iv"] > 0:
            self.implied(r, out)
        if r["kind"] == TickKind.SNAPSHOT:
            self.top = max(self.top, int(r["vtt"]))
            self.vtt = self.top if r["mode"] != FeedMode.LTPC else None
            self.keep(r)
        elif r["ltp"] > 0:
            self.live(r, out)
        return out | self.windowed(r)

    def windowed(self, r) -> dict:
        window, qty = self.rows[-self.p.window :], sum(v for _, v in self.sold)
        returns = [b[1] / a[1] - 1 for a, b in pairwise(window) if not b[3]]
        is_warm = len(self.rows) >= self.p.window
        size = np.std(returns, ddof=1) if is_warm and len(returns) > 1 else 0.0
        is_slow = sum(v > 0 for v in self.vwaps) >= self.p.vwap_slow
        fast = np.mean(self.vwaps[-self.p.vwap_fast :]) if is_slow else 0.0
        slow = np.mean(self.vwaps[-self.p.vwap_slow :]) if is_slow else 0.0
        out = {"volatility": size, "warm": is_warm, "vwap_fast": fast, "vwap_slow": slow, "vwap": self.vwap, "crossed": TickFlag(0)}
        out["session_vwap"] = sum(p * v for p, v in self.sold) / qty if qty > 0 else 0.0
        if abs(fast - slow) > 1e-9 * slow:
            side = 1 if fast > slow else -1
            if side == -self.side:
                out["crossed"] = TickFlag.VWAP_CROSS_UP if side == 1 else TickFlag.VWAP_CROSS_DOWN
            self.side = side
        self.latch(r, is_warm, size)
        return out | {"liquid": self.is_liquid, "volatile": is_warm and self.is_volatile}

    def latch(self, r, is_warm, size) -> None:
        bid, ask = float(r["bid_px"][0]), float(r["ask_px"][0])
        bps = (ask - bid) / ((bid + ask) / 2) * 1e4 if bid > 0 and ask > 0 else np.inf
        self.is_liquid = bps <= 8.0 or (self.is_liquid and bps <= 10.0)
        if is_warm:
            self.is_volatile = size >= 6e-4 or (self.is_volatile and size >= 6e-4 / 1.25)


def feed(seed: int, length: int) -> np.ndarray:
    """Read-only rows of two symbols, from one draw of a seed: a draw for each choice would take Hypothesis minutes."""
    rng = np.random.default_rng(seed)
    rows, ts, days = [], OPEN, 0
    ltt, vtt, price, iv = [OPEN - 5000] * 2, [int(rng.choice([0, 1000]))] * 2, [2000, 900], [0.2, 0.3]
    kinds = ["live"] * 14 + [
        "same",
        "late",
        "back",
        "snapshot",
        "gap",
        "own gap",
        "repair",
        "day",
        "empty",
        "merged",
        "no iv",
        "ltpc",
        "never",
    ]
    for _ in range(length):
        kind, k = rng.choice(kinds), int(rng.integers(0, 2))
        ts += int(rng.choice([rng.integers(0, 900), -50, 20_000], p=[0.95, 0.03, 0.02]))
        if kind in ("gap", "own gap"):
            rows.append(gap(ts - 100, ts, NO_SYMBOL if kind == "gap" else k))
            continue
        if kind == "repair":
            rows.append(repair(ts, k, OPEN, 1.0, 1.0, 1.0, 1.0, 5))
            continue
        if kind == "day" and days < 3:
            ts, vtt, days = ts + 86_400_000, [0, 0], days + 1
            ltt[k] = ts - 1000
        if kind not in ("same", "late"):
            ltt[k] = max(ltt[k], min(ts, ltt[k] + int(rng.integers(0, 400))))
            vtt[k] += int(rng.integers(0, 50))
            price[k] += int(rng.integers(-3, 4))
            iv[k] = max(iv[k] * (1 + float(rng.integers(-2, 3)) / 20), 0.01)
        bid, ask = price[k] - int(rng.integers(0, 5)), price[k] + int(rng.integers(0, 5))
        row = tick(
            ts, price[k] / 20, ltt=ltt[k] - (5000 if kind == "late" else 0), ltq=int(rng.integers(0, 20)), sid=k,
            vtt=max(vtt[k] - (7 if kind in ("late", "back") else 0), 0), bid=(bid / 20, 5), ask=(ask / 20, 7), iv=iv[k],
        )  # fmt: skip
        if kind == "snapshot":
            row["kind"] = TickKind.SNAPSHOT
        if kind == "empty":
            row["bid_px"], row["ask_px"] = 0, 0
        if kind == "merged":
            row["flags"] |= int(TickFlag.CONFLATED)
        if kind == "no iv":
            row["iv"] = 0
        if kind == "ltpc":
            row["mode"], row["vtt"] = FeedMode.LTPC, 0
        if kind == "never":
            row["ltp"] = 0
        rows.append(row)
    joined = np.concatenate(rows)
    joined.flags.writeable = False
    return joined


seeds, lengths = st.integers(0, 2**32), st.integers(1, 160)
EXACT = ("volume", "aggressor")
NEAR = ("tick_return", "vwap", "session_vwap", "vwap_fast", "vwap_slow", "iv_change")
FLAGS = {"traded": TickFlag.TRADED, "warm": TickFlag.WARM, "liquid": TickFlag.LIQUID, "volatile": TickFlag.VOLATILE}


def check(row, want) -> None:
    for name in EXACT:
        assert row[name] == want[name], name
    for name, flag in FLAGS.items():
        assert bool(row["flags"] & flag) == want[name], name
    assert row["flags"] & CROSSES == want["crossed"]
    for name in NEAR:
        assert row[name] == pytest.approx(want[name], rel=1e-12, abs=1e-15), name
    assert row["volatility"] == pytest.approx(want["volatility"], rel=1e-9, abs=1e-12)
    assert bool(row["flags"] & TickFlag.IV_JUMP) == (abs(row["iv_change"]) > 0.2)


@settings(max_examples=200, deadline=None)
@given(seeds, lengths, st.integers(1, 20))
def test_equals_the_slow_version_in_any_batching(seed, length, size):
    rows = feed(seed, length)
    fast, slows = TickState(2, SMALL), [Slow(SMALL), Slow(SMALL)]
    got = np.concatenate([step(fast, rows[i : i + size]) for i in range(0, len(rows), size)])
    for raw, row in zip(rows, got, strict=True):
        if raw["kind"] in (TickKind.GAP, TickKind.REPAIR):
            for slow in slows if raw["sid"] == NO_SYMBOL else [slows[raw["sid"]]]:
                slow.is_resync = slow.is_resync or raw["kind"] == TickKind.GAP
            assert row.tobytes() == raw.tobytes()
            continue
        check(row, slows[raw["sid"]].step(raw))
    assert fast.states["late"].tolist() == [slow.late for slow in slows]


@settings(max_examples=50, deadline=None)
@given(seeds, lengths, st.integers(0, 160))
def test_warm_equals_cold(seed, length, cut):
    rows = feed(seed, length)
    whole, first, second = (TickState(2, SMALL) for _ in range(3))
    expected = step(whole, rows)
    head = step(first, rows[:cut])
    second.load(first.dump())
    assert expected.tobytes() == head.tobytes() + step(second, rows[cut:]).tobytes()
    assert second.dump() == whole.dump()


@settings(max_examples=25, deadline=None)
@given(seeds, lengths)
def test_stepping_our_own_output_gives_the_same_bits(seed, length):
    once = step(TickState(2, SMALL), feed(seed, length))
    again = step(TickState(2, SMALL), once.copy())
    assert again.tobytes() == once.tobytes()


def test_a_million_ticks_do_not_drift():
    rng = np.random.default_rng(3)
    n, state = 200_000, TickState(1, TickParams(300, 60, 20, 60, 8.0, 6.0, 1.25, 60, 0.2, 1000, 250))
    rows = np.zeros(n, TICK)
    rows["kind"], rows["mode"] = TickKind.LIVE, FeedMode.FULL_D5
    rows["ts_exch"] = OPEN + np.arange(n) * 90
    rows["ltt"], rows["vtt"] = rows["ts_exch"], np.cumsum(rng.integers(0, 900, n))
    rows["ltp"] = np.round(1500 + np.cumsum(rng.integers(-1, 2, n)) * 0.05, 2)
    for _ in range(5):
        out = step(state, rows)
        rows["ts_exch"] += n * 90
        rows["ltt"] = rows["ts_exch"]
        rows["vtt"] += rows["vtt"][-1]
    px = rows["ltp"][-300:]
    assert out["volatility"][-1] == pytest.approx(np.std(px[1:] / px[:-1] - 1, ddof=1), rel=1e-12)
    assert out["vwap_slow"][-1] == pytest.approx(out["vwap"][-60:].mean(), rel=1e-12)
    recent = rows["ts_exch"] > rows["ts_exch"][-1] - 60_000
    recent[:-300] = False
    assert out["vwap"][-1] == pytest.approx(np.average(rows["ltp"][recent], weights=out["volume"][recent]), rel=1e-12)
