"""One generated symbol: its trades, book and bars on the frames' grid, as arrays and then as updates.

Reads   a log-price path and the grid
Writes  Updates; prices on the tick, at most one trade an update, so that the bars built from what is sent
        are the feed's own bars exactly
Arrays are small (about 40 bytes a frame); the five levels are drawn chunk by chunk, each chunk from its own
random stream, so that memory does not grow with the day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.simulator.listing import Listing, rng
from pipeline.simulator.market import Bar, Update
from pipeline.simulator.paths import F64, I64, Grid

LEVELS = 5
LATE_MS = 220
"""A trade is told at most this long after it happened."""
ACTIVE = 0.5
TRADED = 0.85


@dataclass(frozen=True, slots=True)
class Terms:
    """What a symbol starts its day with. Paise; ``band`` is (lowest, highest) price in ticks."""

    listing: Listing
    seed: int
    date: str
    tick_paise: int
    prev_close: float
    prev_ltt: int
    band: tuple[int, int]
    day_ts: int
    is_cas: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """The pre-open's print, which counts for the day's bar but not for the first minute."""

    px: float = 0.0
    qty: int = 0


class Ticker:
    """The continuous trading of one symbol. ``frame`` is int64[m]: which grid frames carry an update."""

    def __init__(self, terms: Terms, grid: Grid, path: F64, end_ms: int, opening: Opening) -> None:
        self.terms, self.opening = terms, opening
        self._tick = terms.tick_paise / 100
        draw = rng(terms.seed, terms.date, terms.listing.key, "ticks")
        own = grid.ts < end_ms
        activity = np.clip(ACTIVE * np.sqrt(grid.shape) * draw.uniform(0.9, 1.1), 0.05, 0.95)
        self.frame: I64 = np.flatnonzero(own & (draw.random(len(grid.ts)) < activity))
        self.ts: I64 = grid.ts[self.frame]
        shape, ticks = grid.shape[self.frame], np.exp(path[self.frame]) * 100 / terms.tick_paise
        self._quote(draw, ticks, shape)
        self._trade(draw, shape, grid)
        self._totals(draw)

    def _quote(self, draw: np.random.Generator, ticks: F64, shape: F64) -> None:
        low, high = self.terms.band
        spread_bps = 1.4 + 0.8 * shape
        extra = draw.poisson(np.maximum(ticks * spread_bps / 10_000 - 1, 0.15))
        width = 1 + extra
        bid = np.rint(ticks - width / 2).astype(np.int64)
        # A price at its band leaves the other side of the book empty.
        self.bid: I64 = np.clip(bid, low, high)
        self.ask: I64 = np.clip(bid + width, low, high)
        self.no_ask = bid + width > high
        self.no_bid = bid < low
        self.bid[self.no_ask] = high
        self.ask[self.no_bid] = low

    def _trade(self, draw: np.random.Generator, shape: F64, grid: Grid) -> None:
        n = len(self.frame)
        locked = self.no_ask | self.no_bid
        self.traded: NDArray[np.bool_] = draw.random(n) < np.where(locked, 0.2, TRADED)
        middle = (self.bid + self.ask) / 2
        ahead = np.diff(middle, append=middle[-1:]) + np.diff(middle, prepend=middle[:1])
        is_buy = ahead + draw.normal(0, 0.6, n) > 0
        price = np.where(is_buy, self.ask, self.bid)
        kind = draw.random(n)
        inside = (kind < 0.10) & (self.ask - self.bid > 1)
        price = np.where(inside, self.bid + 1, price)
        price = np.where(kind > 0.96, price + np.where(is_buy, 1, -1), price)
        price = np.where(self.no_ask, self.bid, np.where(self.no_bid, self.ask, price))
        self.px: I64 = np.clip(price, *self.terms.band)
        per_trade = self.terms.listing.turnover_cr * 1e7 / self.terms.prev_close / max(1.0, n * TRADED)
        size = draw.lognormal(np.log(max(per_trade, 1.0)) - 0.6, 1.1, n) * shape
        self.qty: I64 = np.where(self.traded, np.maximum(1, size.astype(np.int64)), 0)
        before = np.where(self.frame > 0, grid.ts[np.maximum(self.frame - 1, 0)], self.ts - 300)
        late = np.minimum(draw.integers(0, LATE_MS, n), np.maximum(self.ts - before - 1, 0))
        own_open = np.maximum(before, grid.ts[0] - (grid.ts[0] % 60_000))
        self.ltt: I64 = np.maximum(self.ts - late, np.minimum(own_open + 1, self.ts))

    def _totals(self, draw: np.random.Generator) -> None:
        """Carry last price, time, cumulative volume and the day's bar over rows without a trade."""
        n = len(self.frame)
        opening, prev = self.opening, self.terms.prev_close
        at = np.maximum.accumulate(np.where(self.traded, np.arange(n), -1))
        seen = at >= 0
        start_px = opening.px if opening.qty > 0 else prev
        self.last_px: F64 = np.where(seen, self.px[np.maximum(at, 0)] * self._tick, start_px)
        self.last_ltt: I64 = np.where(seen, self.ltt[np.maximum(at, 0)], self.terms.prev_ltt)
        self.last_qty: I64 = np.where(seen, self.qty[np.maximum(at, 0)], opening.qty)
        self.vtt: I64 = opening.qty + np.cumsum(self.qty)
        value = opening.qty * opening.px + np.cumsum(self.qty * self.px * self._tick)
        self.atp: F64 = np.round(value / np.maximum(self.vtt, 1), 2)
        px = self.px * self._tick
        first = opening.px if opening.qty > 0 else (float(px[self.traded][0]) if self.traded.any() else prev)
        self.first_px = round(first, 2)
        self.high: F64 = np.maximum(np.maximum.accumulate(np.where(self.traded, px, -np.inf)), first)
        self.low: F64 = np.minimum(np.minimum.accumulate(np.where(self.traded, px, np.inf)), first)
        drift = np.cumsum(draw.normal(0, 0.002, (n, 2)), axis=0)
        base = self.vtt[-1] * 0.05 if n > 0 else 0
        self.book: F64 = np.rint(base * np.exp(np.clip(drift, -1.5, 1.5)))
        self._bars()

    def _bars(self) -> None:
        """Build minute bars from the trades; a row shows the newest bar that was finished at its time."""
        rows = np.flatnonzero(self.traded)
        minute = self.ltt[rows] // 60_000
        edges = np.flatnonzero(np.diff(minute, prepend=minute[:1] - 1))
        px = np.round(self.px[rows] * self._tick, 2)
        if len(rows) == 0:
            self.bars: list[Bar] = []
        else:
            last = np.append(edges[1:], len(rows)) - 1
            columns = (
                (minute[edges] * 60_000).tolist(),
                px[edges].tolist(),
                np.maximum.reduceat(px, edges).tolist(),
                np.minimum.reduceat(px, edges).tolist(),
                px[last].tolist(),
                np.add.reduceat(self.qty[rows], edges).tolist(),
            )
            self.bars = [Bar(*row) for row in zip(*columns, strict=True)]
        ends = np.array([b.ts + 60_000 for b in self.bars], dtype=np.int64)
        self.finished: I64 = np.searchsorted(ends, self.ts, side="right") - 1

    def updates(self, start: int, stop: int, chunk: int) -> list[Update]:
        """Rows [start, stop) as updates; ``chunk`` names the random stream of their depth."""
        part = slice(start, stop)
        listing, terms = self.terms.listing, self.terms
        depth = _depth(terms, self, part, chunk)
        columns = (
            np.round(self.last_px[part], 2).tolist(),
            self.last_ltt[part].tolist(),
            self.last_qty[part].tolist(),
            self.atp[part].tolist(),
            self.vtt[part].tolist(),
            self.book[part].tolist(),
            np.round(self.high[part], 2).tolist(),
            np.round(self.low[part], 2).tolist(),
            self.finished[part].tolist(),
            *depth,
        )
        key, cp, cas, bars, first, day_ts = listing.key, terms.prev_close, terms.is_cas, self.bars, self.first_px, terms.day_ts
        out = []
        for ltp, ltt, ltq, atp, vtt, book, high, low, done, bp, bq, ap, aq in zip(*columns, strict=True):
            out.append(
                Update(
                    key, ltp, ltt, ltq, cp, atp, vtt, 0.0, 0.0, book[0], book[1], bp, bq, ap, aq,
                    Bar(day_ts, first, high, low, ltp, vtt), bars[done] if done >= 0 else None, None, None, cas,
                )
            )  # fmt: skip
        return out


def _depth(
    terms: Terms, ticker: Ticker, part: slice, chunk: int
) -> tuple[list[list[float]], list[list[int]], list[list[float]], list[list[int]]]:
    """Draw five levels of each side around the best prices; a side beyond its band is empty."""
    draw = rng(terms.seed, terms.date, terms.listing.key, "depth", chunk)
    bid, ask = ticker.bid[part], ticker.ask[part]
    n = len(bid)
    steps = 1 + (draw.random((2, n, LEVELS - 1)) < 0.25)
    away = np.concatenate((np.zeros((2, n, 1), dtype=np.int64), np.cumsum(steps, axis=2)), axis=2)
    mean = max(2.0, float(ticker.vtt[-1]) / 25_000)
    qty = np.maximum(1, draw.lognormal(np.log(mean), 0.9, (2, n, LEVELS)) * np.array([1.0, 1.4, 1.6, 1.7, 1.8])).astype(np.int64)
    low, high = terms.band
    bids, asks = bid[:, None] - away[0], ask[:, None] + away[1]
    is_out = (bids < low) | ticker.no_bid[part][:, None], (asks > high) | ticker.no_ask[part][:, None]
    tick = terms.tick_paise
    bid_px = np.where(is_out[0], 0, bids * tick) / 100
    ask_px = np.where(is_out[1], 0, asks * tick) / 100
    return bid_px.tolist(), np.where(is_out[0], 0, qty[0]).tolist(), ask_px.tolist(), np.where(is_out[1], 0, qty[1]).tolist()
