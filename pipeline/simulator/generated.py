"""The generated day: a whole NSE session from a seed.

Reads   seed, session day, listings
Writes  Frames: pre-open, continuous trading every 400 to 600 ms, closing auction, status changes
The same (seed, date, symbols) gives the same frames in every process; a shorter session is a cut of the
full day. One stock runs into its price band, and the whole market stalls once for 45 seconds.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np

from pipeline.core.session import Group, SessionDay, ist_ms
from pipeline.simulator import auction, paths, phases
from pipeline.simulator.listing import Listing, rng, tick_paise
from pipeline.simulator.market import Bar, Frame, Kind, Status, Update
from pipeline.simulator.paths import F64
from pipeline.simulator.tickers import Opening, Terms, Ticker

LEAD_MS = 2_000
"""The clock starts this long before the session."""
TAIL_MS = 1_000
"""A session that is cut short ends this long after its last minute, so that the minute closes."""
CHUNK = 600
BAND = 0.10


class IndexTicker:
    """An index: published prices, no volume, no depth."""

    def __init__(self, terms: Terms, grid: paths.Grid, path: F64, end_ms: int) -> None:
        self.terms = terms
        draw = rng(terms.seed, terms.date, terms.listing.key, "ticks")
        self.frame = np.flatnonzero((grid.ts < end_ms) & (draw.random(len(grid.ts)) < 0.5))
        self.ts = grid.ts[self.frame]
        self._px = np.round(np.rint(np.exp(path[self.frame]) * 20) / 20, 2)
        minute = self.ts // 60_000
        edges = np.flatnonzero(np.diff(minute, prepend=minute[:1] - 1))
        pieces = np.split(self._px, edges[1:])
        starts = (minute[edges] * 60_000).tolist()
        self.bars = [Bar(ts, float(p[0]), float(p.max()), float(p.min()), float(p[-1]), 0) for ts, p in zip(starts, pieces, strict=True)]
        self._high, self._low = np.maximum.accumulate(self._px), np.minimum.accumulate(self._px)
        self._finished = np.searchsorted(np.array(starts) + 60_000, self.ts, side="right") - 1

    def updates(self, start: int, stop: int, chunk: int) -> list[Update]:
        """Rows [start, stop); an index needs no random stream for its depth."""
        del chunk
        part = slice(start, stop)
        first = float(self._px[0])
        columns = (a[part].tolist() for a in (self.ts, self._px, self._high, self._low, self._finished))
        return [
            Update(
                self.terms.listing.key,
                px,
                ts,
                0,
                self.terms.prev_close,
                day=Bar(self.terms.day_ts, first, high, low, px, 0),
                minute=self.bars[done] if done >= 0 else None,
                is_index=True,
            )
            for ts, px, high, low, done in zip(*columns, strict=True)
        ]


class GeneratedMarket:
    """A day made from a seed. Construction draws all paths; frames are made chunk by chunk."""

    def __init__(self, seed: int, day: SessionDay, prev_date: str, listings: tuple[Listing, ...], window: tuple[int, int]) -> None:
        self.name = f"generated seed {seed}"
        self.day, self.listings, self.seed = day, listings, seed
        self._window = window
        last = max(w.end_ms for group in day.windows.values() for w in group)
        self._is_cut = window[1] < last
        self.start_ms = window[0] - LEAD_MS
        self._end_ms = window[1] + (TAIL_MS if self._is_cut else 0)
        self._statuses = phases.statuses(day, self._end_ms)
        groups = {item.group(day.date) for item in listings}
        longest = max(groups, key=day.close_ms)
        windows = day.continuous(longest)
        self._grid = paths.frame_grid(seed, day.date, windows)
        self._terms = {item.key: self._terms_of(item, prev_date) for item in listings}
        self._openings: dict[str, Opening] = {}
        self.tickers = self._tickers()

    def _terms_of(self, listing: Listing, prev_date: str) -> Terms:
        date = self.day.date
        prev = previous_close(self.seed, date, listing)
        tick = tick_paise(listing, date)
        move = self._move()
        ratio = paths.LIMIT_BAND if move is not None and move.key == listing.key else BAND
        band = (round(prev * (1 - ratio) * 100 / tick), round(prev * (1 + ratio) * 100 / tick))
        return Terms(
            listing=listing,
            seed=self.seed,
            date=date,
            tick_paise=tick,
            prev_close=prev,
            prev_ltt=ist_ms(prev_date, "15:29:59"),
            band=band,
            day_ts=ist_ms(date, "00:00"),
            is_cas=listing.group(date) is Group.EQ_CAS,
        )

    def _move(self) -> paths.LimitMove | None:
        return paths.limit_move(self.seed, self.day.date, self.listings, self.day.continuous(Group.EQ_CAS))

    def _tickers(self) -> list[Ticker | IndexTicker]:
        factor = paths.market_factor(self._grid)
        move = self._move()
        drawn: dict[str, F64] = {}
        for item in self.listings:
            if not item.is_index:
                prev = self._terms[item.key].prev_close
                path = paths.log_path(item, self._grid, factor, prev)
                drawn[item.key] = paths.with_limit_move(path, self._grid, move, prev) if move is not None and move.key == item.key else path
        followed = list(drawn.values()) or [np.cumsum(factor)]
        out: list[Ticker | IndexTicker] = []
        for item in self.listings:
            terms, end = self._terms[item.key], self.day.close_ms(item.group(self.day.date))
            if item.is_index:
                start = np.log(terms.prev_close / item.base_px)
                out.append(IndexTicker(terms, self._grid, paths.index_path(item, followed) + start, end))
                continue
            windows = self.day.windows[item.group(self.day.date)]
            has_auction = any(w.start_ms < self.day.open_ms(Group.EQ) for w in windows)
            opened = auction.opening(terms, float(np.exp(drawn[item.key][0]))) if has_auction else Opening()
            self._openings[item.key] = opened
            out.append(Ticker(terms, self._grid, drawn[item.key], end, opened))
        return out

    def opening(self) -> tuple[Status, tuple[Update, ...]]:
        """The state just before the played window."""
        return phases.status_at(self._statuses, self.start_ms), tuple(self._state_at(t, self.start_ms) for t in self.tickers)

    def frames(self) -> Iterator[Frame]:
        """Play the window in order; times strictly increase."""
        marks = (Frame(ts, Kind.STATUS, status=status) for ts, status in self._statuses)
        last = self.start_ms
        for frame in heapq.merge(marks, self._continuous(), self._auctions(), key=lambda f: f.ts):
            if frame.ts < self._window[0] or frame.ts > self._end_ms or (frame.ts >= self._window[1] and frame.kind is not Kind.STATUS):
                continue
            frame.ts = last = max(frame.ts, last + 1)
            yield frame

    def _continuous(self) -> Iterator[Frame]:
        times = self._grid.ts
        first = int(np.searchsorted(times, self._window[0])) // CHUNK
        final = int(np.searchsorted(times, self._window[1]))
        for chunk in range(first, -(-final // CHUNK)):
            buckets: dict[int, list[Update]] = {}
            for ticker in self.tickers:
                start, stop = np.searchsorted(ticker.frame, (chunk * CHUNK, (chunk + 1) * CHUNK)).tolist()
                rows = ticker.updates(start, stop, chunk)
                for at, update in zip(ticker.frame[start:stop].tolist(), rows, strict=True):
                    buckets.setdefault(at, []).append(update)
            for at in sorted(buckets):
                yield Frame(int(times[at]), Kind.LIVE, tuple(buckets[at]))

    def _auctions(self) -> Iterator[Frame]:
        rows: list[tuple[int, str, Update]] = []
        for ticker in self.tickers:
            if isinstance(ticker, IndexTicker):
                continue
            terms = ticker.terms
            windows = self.day.windows[terms.listing.group(self.day.date)]
            told = auction.pre_open(terms, windows, self._openings[terms.listing.key])
            told += auction.closing(terms, windows, self._eve(ticker)) if len(ticker.ts) > 0 else []
            rows += [(ts, update.key, update) for ts, update in told]
        rows.sort(key=lambda row: row[:2])
        return (Frame(ts, Kind.LIVE, (update,)) for ts, _, update in rows)

    def _eve(self, ticker: Ticker) -> auction.Eve:
        last = self._state_at(ticker, int(ticker.ts[-1]) + 1)
        end = self.day.close_ms(ticker.terms.listing.group(self.day.date))
        late = ticker.traded & (ticker.ltt >= end - auction.REFERENCE_MS)
        qty = ticker.qty[late]
        value = float((qty * ticker.px[late]).sum()) * ticker.terms.tick_paise / 100
        reference = value / float(qty.sum()) if len(qty) > 0 else last.ltp
        return auction.Eve(last.ltp, last.ltt, last.ltq, last.atp, last.vtt, last.day, ticker.bars[-1] if ticker.bars else None, reference)

    def _state_at(self, ticker: Ticker | IndexTicker, ts: int) -> Update:
        """What the feed had last said of a symbol before ``ts``."""
        at = int(np.searchsorted(ticker.ts, ts)) - 1
        if at >= 0:
            chunk = int(ticker.frame[at]) // CHUNK
            start, stop = np.searchsorted(ticker.frame, (chunk * CHUNK, (chunk + 1) * CHUNK)).tolist()
            return ticker.updates(start, stop, chunk)[at - start]
        terms = ticker.terms
        if isinstance(ticker, Ticker):
            windows = self.day.windows[terms.listing.group(self.day.date)]
            told = [u for when, u in auction.pre_open(terms, windows, self._openings[terms.listing.key]) if when < ts]
            if told:
                return told[-1]
        return Update(
            terms.listing.key, terms.prev_close, terms.prev_ltt, 0, terms.prev_close, is_cas=terms.is_cas, is_index=terms.listing.is_index
        )


def previous_close(seed: int, date: str, listing: Listing) -> float:
    """The close before a generated day, on its tick: where the history ends and the day begins."""
    tick = tick_paise(listing, date)
    px = listing.base_px * float(np.exp(rng(seed, date, listing.key, "prev close").normal(0, 0.015)))
    return round(max(1, round(px * 100 / tick)) * tick / 100, 2)
