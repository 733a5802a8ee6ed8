"""The candle expander: real one-minute candles become ticks that reproduce each candle exactly.

Reads   candles (symbol, minute start, open, high, low, close, volume) from a CSV or parquet file
Writes  Frames every half second or so; bars built from the trades equal the candles to the last digit
The way from open to close between high and low is drawn from the seed. A minute without volume in a stock
is not traded (vendors fill such minutes); an index has no volume and always moves. Never invents a price
outside its candle.
"""

from __future__ import annotations

import csv
import heapq
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.errors import Refused
from pipeline.core.session import IST, Calendar, ist_date, ist_ms
from pipeline.core.watchlist import WatchEntry
from pipeline.simulator import phases
from pipeline.simulator.listing import DEFAULT_LISTINGS, INDEX_LISTINGS, Listing, rng, tick_paise
from pipeline.simulator.market import Bar, Frame, Kind, Status, Update

SLOTS = 120
SLOT_MS = 500
LEVELS = 5
COLUMNS = ("timestamp", "symbol", "open", "high", "low", "close", "volume")
Candles = Mapping[str, Sequence[Bar]]


class ExpandedMarket:
    """A day of real candles as a market. ``candles`` is by symbol, oldest first, of one date."""

    def __init__(self, seed: int, calendar: Calendar, date: str, candles: Candles) -> None:
        day = calendar.day(date)
        if day is None or not candles:
            raise Refused(f"no candles to expand on {date}: choose a trading day that the file holds")
        self.name = f"expanded candles of {date}, seed {seed}"
        self.day, self._seed = day, seed
        self.listings = tuple(_listing(symbol, bars[0].open) for symbol, bars in sorted(candles.items()))
        hours = {item.key: day.continuous(item.group(date)) for item in self.listings}
        named = zip(self.listings, sorted(candles), strict=True)
        self._bars = {item.key: [b for b in candles[s] if any(w.start_ms <= b.ts < w.end_ms for w in hours[item.key])] for item, s in named}
        if not any(self._bars.values()):
            raise Refused(f"no candle of {date} lies in continuous trading: choose another day")
        starts = [bars[0].ts for bars in self._bars.values() if bars]
        ends = [bars[-1].ts for bars in self._bars.values() if bars]
        self.start_ms = min(starts) - 2_000
        self._end_ms = max(ends) + 61_000

    def opening(self) -> tuple[Status, tuple[Update, ...]]:
        """Nothing has traded; the previous close is not in the candles, so the first open stands for it."""
        marks = phases.statuses(self.day, self._end_ms)
        updates = tuple(Update(i.key, i.base_px, self.start_ms - 60_000, 0, i.base_px, is_index=i.is_index) for i in self.listings)
        return phases.status_at(marks, self.start_ms), updates

    def frames(self) -> Iterator[Frame]:
        """Play the candles, minute by minute."""
        marks = (Frame(ts, Kind.STATUS, status=s) for ts, s in phases.statuses(self.day, self._end_ms) if ts > self.start_ms)
        last = self.start_ms
        for frame in heapq.merge(marks, self._told(), key=lambda f: f.ts):
            frame.ts = last = max(frame.ts, last + 1)
            yield frame

    def _told(self) -> Iterator[Frame]:
        makers = [_Papers(item, self._seed, self.day.date, self._bars[item.key]) for item in self.listings]
        for minute in sorted({b.ts for bars in self._bars.values() for b in bars}):
            slots: dict[int, list[Update]] = {}
            for maker in makers:
                for slot, update in maker.minute(minute):
                    slots.setdefault(slot, []).append(update)
            jitter = rng(self._seed, self.day.date, "slots", minute).integers(0, 100, SLOTS).tolist()
            for slot in sorted(slots):
                ts = minute + slot * SLOT_MS + SLOT_MS - 101 + jitter[slot]
                for update in slots[slot]:
                    update.ltt = min(update.ltt, ts)
                yield Frame(ts, Kind.LIVE, tuple(slots[slot]))


class _Papers:
    """One symbol being expanded: what has traded so far today."""

    def __init__(self, listing: Listing, seed: int, date: str, bars: Sequence[Bar]) -> None:
        self._listing, self._seed, self._date = listing, seed, date
        self._bars = {b.ts: b for b in bars}
        self._day: Bar | None = None
        self._finished: Bar | None = None
        self._value = 0.0
        self._tick = tick_paise(listing, date) / 100

    def minute(self, ts: int) -> list[tuple[int, Update]]:
        """Expand one candle: (half-second slot, update) pairs."""
        bar = self._bars.get(ts)
        if bar is None or (bar.vol <= 0 and not self._listing.is_index):
            return []
        draw = rng(self._seed, self._date, self._listing.key, ts)
        prices = waypoints(bar, draw, self._tick)
        sizes = _split(bar.vol, len(prices), draw)
        slots = np.sort(draw.choice(SLOTS, size=len(prices), replace=False)).tolist()
        mean = max(2.0, bar.vol / len(prices))
        depth = np.maximum(1, draw.lognormal(np.log(mean), 0.8, (len(prices), 2, LEVELS))).astype(np.int64).tolist()
        sides = draw.integers(2, size=len(prices)).tolist()  # a trade was at the bid or at the ask
        out = []
        for slot, px, qty, side, book in zip(slots, prices, sizes, sides, depth, strict=True):
            self._take(px, qty)
            update = self._update(ts + slot * SLOT_MS + 300, px, qty)
            if not update.is_index:
                self._quote(update, side, book)
            out.append((slot, update))
        self._finished = bar
        return out

    def _take(self, px: float, qty: int) -> None:
        self._value += px * qty
        if self._day is None:
            self._day = Bar(ist_ms(self._date, "00:00"), px, px, px, px, qty)
        else:
            self._day = Bar(self._day.ts, self._day.open, max(self._day.high, px), min(self._day.low, px), px, self._day.vol + qty)

    def _update(self, ltt: int, px: float, qty: int) -> Update:
        item, day = self._listing, self._day
        volume = 0 if day is None else day.vol
        return Update(item.key, px, ltt, qty, item.base_px, vtt=volume, day=day, minute=self._finished, is_index=item.is_index)

    def _quote(self, update: Update, side: int, book: list[list[int]]) -> None:
        px, tick = update.ltp, self._tick
        update.atp = round(self._value / update.vtt, 2) if update.vtt > 0 else px
        update.bid_px = [round(max(0.0, px - (i + side) * tick), 2) for i in range(LEVELS)]
        update.ask_px = [round(px + (i + 1 - side) * tick, 2) for i in range(LEVELS)]
        update.bid_qty, update.ask_qty = book
        update.tbq, update.tsq = float(sum(book[0]) * 50), float(sum(book[1]) * 50)


def waypoints(bar: Bar, draw: np.random.Generator, tick: float) -> list[float]:
    """Draw the prices of a minute: first the open, last the close, high and low in between, none outside."""
    corners = [bar.low, bar.high] if bar.close >= bar.open else [bar.high, bar.low]
    stops = [bar.open, *corners, bar.close]
    most = SLOTS - len(stops) if bar.vol <= 0 else max(0, min(SLOTS - len(stops), bar.vol - len(stops)))
    between = min(most, int(draw.integers(4, 21)))
    shares = np.bincount(draw.integers(0, len(stops) - 1, size=between), minlength=len(stops) - 1).tolist()
    out = [stops[0]]
    for start, end, count in zip(stops, stops[1:], shares, strict=False):
        for place in sorted(draw.random(count).tolist()):
            px = round(round((start + (end - start) * place) / tick) * tick, 2)
            out.append(min(max(px, bar.low), bar.high))
        out.append(end)
    # One trade cannot be two: with less volume than corners, equal neighbours melt into one.
    return [px for i, px in enumerate(out) if i == 0 or px != out[i - 1]] if 0 < bar.vol < len(stops) else out


def _split(volume: int, parts: int, draw: np.random.Generator) -> list[int]:
    """Split a volume into parts that sum to it; none is zero unless there is too little."""
    if volume <= 0:
        return [0] * parts
    if volume <= parts:
        return [1] * volume + [0] * (parts - volume)
    cuts = draw.multinomial(volume - parts, draw.dirichlet(np.ones(parts)))
    return (cuts + 1).tolist()


def read_candles(path: Path, date: str, watch: Sequence[WatchEntry] = ()) -> dict[str, list[Bar]]:
    """Read one day's one-minute candles from a CSV or parquet file.

    Raises:
        Refused: the file cannot be read, or lacks a column.
    """
    wanted = {entry.symbol for entry in watch}
    out: dict[str, list[Bar]] = {}
    for row in _parquet_rows(path, date) if path.suffix == ".parquet" else _csv_rows(path):
        try:
            moment = row["timestamp"]
            ts = round((moment if isinstance(moment, datetime) else _moment(str(moment))).timestamp() * 1000)
            symbol = str(row["symbol"])
            if ist_date(ts) == date and (not wanted or symbol in wanted):
                px = [float(row[name]) for name in ("open", "high", "low", "close")]
                out.setdefault(symbol, []).append(Bar(ts, px[0], px[1], px[2], px[3], int(float(row.get("volume") or 0))))
        except (KeyError, ValueError) as error:
            raise Refused(f"{path.name}: a row cannot be read ({error}): the columns are {', '.join(COLUMNS)}") from error
    for bars in out.values():
        bars.sort(key=lambda b: b.ts)
    return out


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=IST)


def _csv_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)
    except OSError as error:
        raise Refused(f"{path} cannot be read ({error.strerror}): give a CSV or parquet file of one-minute candles") from error


def _parquet_rows(path: Path, date: str) -> Iterator[Mapping[str, Any]]:
    try:
        import pyarrow.compute as pc
        import pyarrow.parquet as pq
    except ImportError as error:
        raise Refused("parquet files need pyarrow: pip install 'ticktick[dev]', or give a CSV file") from error
    try:
        table = pq.read_table(path)
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read ({error}): give a CSV or parquet file of one-minute candles") from error
    day = pc.strftime(table["timestamp"], format="%Y-%m-%d")
    yield from table.filter(pc.equal(day, date)).to_pylist()


def _listing(symbol: str, px: float) -> Listing:
    """Known symbols keep their key; others get one from their name."""
    for item in (*DEFAULT_LISTINGS, *INDEX_LISTINGS):
        if item.symbol == symbol:
            return Listing(item.key, symbol, item.name, item.token, px, item.turnover_cr, item.is_cas, item.is_index, item.tick_paise)
    if symbol.startswith(("NIFTY", "INDIA VIX")):
        return Listing(f"NSE_INDEX|{symbol}", symbol, symbol, "0", px, 0.0, is_cas=False, is_index=True, tick_paise=5)
    # Not an ISIN of anybody: 'INX' and ten letters or digits of the name.
    made = "".join(c for c in symbol.upper() if c.isalnum())[:9].rjust(9, "0")
    return Listing(f"NSE_EQ|INX{made}", symbol, symbol, "0", px, 100.0, is_cas=False)
