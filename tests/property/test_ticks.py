"""Tick metrics equal a slow, obvious version, on random feeds with late packets, gaps, snapshots and days."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.params import TickParams
from pipeline.core.types import TICK, FeedMode, TickFlag, TickKind
from pipeline.market.ticks import TickState, step
from tests.fakes.feed_rows import OPEN, gap, tick

SMALL = TickParams(
    window=12, vwap_s=3, vwap_fast=3, vwap_slow=5, liquid_spread_bps=8.0, volatile_bps=6.0, hysteresis=1.25,
    iv_window_s=60, iv_jump_ratio=0.2, series_interval_ms=1000, ltp_interval_ms=250,
)  # fmt: skip


class Slow:
    """One symbol; everything recomputed from lists on each tick."""

    def __init__(self, params: TickParams) -> None:
        self.p, self.day, self.late = params, None, 0

    def new_day(self) -> None:
        self.rows, self.vwaps, self.sold = [], [], []
        self.ltp = self.ltt = self.top = 0
        self.vtt, self.quote, self.move, self.side = None, (0.0, 0.0), 0, 0
        self.vwap = 0.0
        self.is_seen = self.is_resync = False

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
        self.ltp, self.is_seen = float(r["ltp"]), True
        self.ltt = max(self.ltt, int(r["ltt"]))
        self.quote = (float(r["bid_px"][0]), float(r["ask_px"][0]))

    def live(self, r, out) -> None:
        before, top, price = self.ltp, self.top, float(r["ltp"])
        volume = self.volume(r)
        if before > 0 and price != before:
            self.move = 1 if price > before else -1
        if self.is_seen and (r["ltt"] > self.ltt or (volume > 0 and self.top > top)):
            out["traded"], (bid, ask) = True, self.quote
            if 0 < bid < ask:
                mid = (bid + ask) / 2
                out["aggressor"] = 1 if price > mid else -1 if price < mid else self.move
            else:
                out["aggressor"] = self.move
        out["volume"], out["tick_return"] = volume, price / before - 1 if before > 0 else 0.0
        self.sold.append((price, volume))
        self.rows.append((int(r["ts_exch"]), price, volume))
        window = self.rows[-self.p.window :]
        recent = [(px, v) for ts, px, v in window if ts > r["ts_exch"] - self.p.vwap_s * 1000]
        if sum(v for _, v in recent) > 0:
            self.vwap = sum(px * v for px, v in recent) / sum(v for _, v in recent)
        self.vwaps.append(self.vwap)
        self.keep(r)

    def step(self, r) -> dict:
        day = (int(r["ts_exch"]) + 19_800_000) // 86_400_000
        if day != self.day:
            self.day = day
            self.new_day()
        out = {"volume": 0, "tick_return": 0.0, "aggressor": 0, "traded": False}
        if self.is_late(r):
            self.late += 1
        elif r["kind"] == TickKind.SNAPSHOT:
            self.top = max(self.top, int(r["vtt"]))
            self.vtt, self.is_resync = (self.top if r["mode"] != FeedMode.LTPC else None), False
            self.keep(r)
        else:
            self.live(r, out)
            self.is_resync = False
        return out | self.windowed()

    def windowed(self) -> dict:
        window, qty = self.rows[-self.p.window :], sum(v for _, v in self.sold)
        px = np.array([row[1] for row in window])
        is_warm = len(self.rows) >= self.p.window
        slow = [v for v in self.vwaps if v > 0]
        fast_mean = np.mean(self.vwaps[-self.p.vwap_fast :]) if len(slow) >= self.p.vwap_slow else 0.0
        slow_mean = np.mean(self.vwaps[-self.p.vwap_slow :]) if len(slow) >= self.p.vwap_slow else 0.0
        return {
            "vwap": self.vwap,
            "session_vwap": sum(p * v for p, v in self.sold) / qty if qty > 0 else 0.0,
            "volatility": np.std(px[1:] / px[:-1] - 1, ddof=1) if is_warm else 0.0,
            "warm": is_warm,
            "vwap_fast": fast_mean,
            "vwap_slow": slow_mean,
        }


@st.composite
def feeds(draw):
    rows, ts, ltt, vtt, price = [], OPEN, OPEN - 5000, draw(st.sampled_from([0, 1000])), 2000
    for _ in range(draw(st.integers(1, 80))):
        kind = draw(st.sampled_from(["live"] * 12 + ["same", "late", "back", "snapshot", "gap", "day", "empty"]))
        ts += draw(st.integers(0, 900))
        if kind == "gap":
            rows.append(gap(ts - 100, ts))
            continue
        if kind == "day":
            ts, vtt = ts + 86_400_000, 0
            ltt = ts - 1000
        if kind not in ("same", "late"):
            ltt = min(ts, ltt + draw(st.integers(0, 400)))
            vtt += draw(st.integers(0, 50))
            price += draw(st.integers(-3, 3))
        bid, ask = price - draw(st.integers(0, 4)), price + draw(st.integers(0, 4))
        row = tick(
            ts, price / 20, ltt=ltt - (5000 if kind == "late" else 0), ltq=draw(st.integers(0, 20)),
            vtt=max(vtt - (7 if kind in ("late", "back") else 0), 0), bid=(bid / 20, 5), ask=(ask / 20, 7),
        )  # fmt: skip
        if kind == "snapshot":
            row["kind"] = TickKind.SNAPSHOT
        if kind == "empty":
            row["bid_px"], row["ask_px"] = 0, 0
        rows.append(row)
    return np.concatenate(rows)


@settings(max_examples=150, deadline=None)
@given(feeds(), st.integers(1, 20))
def test_equals_the_slow_version_in_any_batching(rows, size):
    fast, slow = TickState(1, SMALL), Slow(SMALL)
    got = np.concatenate([step(fast, rows[i : i + size]) for i in range(0, len(rows), size)])
    for raw, row in zip(rows, got, strict=True):
        if raw["kind"] == TickKind.GAP:
            slow.is_resync = True
            continue
        want = slow.step(raw)
        assert row["volume"] == want["volume"]
        assert row["aggressor"] == want["aggressor"]
        assert bool(row["flags"] & TickFlag.TRADED) == want["traded"]
        assert bool(row["flags"] & TickFlag.WARM) == want["warm"]
        for name in ("tick_return", "vwap", "session_vwap", "vwap_fast", "vwap_slow"):
            assert row[name] == pytest.approx(want[name], rel=1e-12, abs=1e-15), name
        assert row["volatility"] == pytest.approx(want["volatility"], rel=1e-9, abs=1e-12)
    assert fast.state["late"][0] == slow.late


@settings(max_examples=50, deadline=None)
@given(feeds(), st.data())
def test_warm_equals_cold(rows, data):
    cut = data.draw(st.integers(0, len(rows)))
    whole, first, second = TickState(1, SMALL), TickState(1, SMALL), TickState(1, SMALL)
    expected = step(whole, rows)
    head = step(first, rows[:cut])
    second.load(first.dump())
    assert expected.tobytes() == head.tobytes() + step(second, rows[cut:]).tobytes()
    assert second.dump() == whole.dump()


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
