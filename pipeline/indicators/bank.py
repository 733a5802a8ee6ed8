"""All registered indicators of all symbols and timeframes: a wave of closed candles in, a row of values for each out.

Reads   slots int64[n], rows CANDLE[n]; a slot is one symbol and timeframe
Writes  values float64[n, columns] (0.0 where not warm) and warm bool[n, columns]
State   float64[tiles, places, lanes], one indicator's places behind the other's; the last candle's start per slot, the number of
        refused rows; the same places as they were when the day began, the day's candles since (``core/daybook.py``), each slot's newest

Slots lie side by side, so many to a tile, and an indicator steps a tile at a time: see ``spec.py``. A wave is quick when its slots rise
(whole tiles are then stepped once); a slot that comes again is simply stepped again. Columns stand in the order of the registry,
whatever the order of import was.

A candle of the running day (from ``since`` on) that is told late, or again, takes its place among the day's, and its slot is stepped again
from where the day began: the state is then, bit for bit, that of a bank which had the right candles from the start. Its row has
the values of that place; ``again`` has those of the slot's candles from there on. Another candle that is not newer than the last
of its slot, or one that is not finite, is refused and counted: its row is not warm and no state moves. What is saved is where the
day began and its candles: whoever loads it steps through them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from pipeline.core.daybook import Daybook
from pipeline.core.errors import Corrupt
from pipeline.core.registry import INDICATORS
from pipeline.core.session import DAY_MS, IST_OFFSET_MS
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import CANDLE, MINUTE_MS
from pipeline.indicators.spec import CLOSE, DAY, HIGH, LOW, MINUTE, OPEN, VOLUME, IndicatorSpec
from pipeline.kernels.jit import entry, kernel, warmer
from pipeline.kernels.rolling import accept_k

F64 = NDArray[np.float64]
DAY_MINUTES = DAY_MS // MINUTE_MS
TABLE, PARAMS = types.float64[:, ::1], types.float64[::1]

VERSION = 2
"""Of what a saved state means. Raise it when a step comes to mean another thing by a place: what was saved before is then refused."""
NEVER = int(np.iinfo(np.int64).max)

LANES = 520
"""Slots of a tile: its candles and values stay in the processor's cache, and one call serves many. Sixty-five cache lines: by a power of
two, all places of a lane would fall into the same few sets of the cache."""


def bars_of(rows: NDArray[np.void]) -> F64:
    """Lay candles out as kernels take them: see ``spec.py``."""
    bars = np.empty((len(rows), MINUTE + 1))
    able = rows if rows.flags.writeable and rows.flags.aligned else rows.copy()
    lay_out_k(able["ts"], able["volume"], (able["open"], able["high"], able["low"], able["close"]), bars)
    return bars


@kernel
def lay_out_k(ts: NDArray[np.int64], volume: NDArray[np.int64], prices: Any, bars: F64) -> None:
    """Put columns open, high, low, close and volume beside the IST day number and minute of the day of their start."""
    opened, high, low, close = prices
    before, day, minute = np.int64(0), 0.0, 0.0
    for i in range(len(ts)):
        if i == 0 or ts[i] != before:
            before = ts[i]
            since = (before + IST_OFFSET_MS) // MINUTE_MS
            day, minute = float(since // DAY_MINUTES), float(since % DAY_MINUTES)
        bars[i, OPEN], bars[i, HIGH], bars[i, LOW], bars[i, CLOSE] = opened[i], high[i], low[i], close[i]
        bars[i, VOLUME], bars[i, DAY], bars[i, MINUTE] = volume[i], day, minute


@kernel
def lay_k(wave: Any, first: int, tile: F64) -> int:
    """Lay the candles of rows first.. that belong to one tile into its lanes; give the row before which it ends, or has a slot again.

    wave: slots int64[n], bars float64[n, 7], ok bool[n]. tile: float64[7, lanes].
    """
    slots, bars, ok = wave
    lanes = tile.shape[1]
    start = slots[first] // lanes * lanes
    tile[:] = np.nan
    for i in range(first, len(slots)):
        lane = slots[i] - start
        if lane < 0 or lane >= lanes or not np.isnan(tile[0, lane]):
            return i
        if ok[i]:
            for k in range(len(tile)):
                tile[k, lane] = bars[i, k]
    return len(slots)


@kernel
def pick_k(wave: Any, rows: tuple[int, int], out: F64, values: F64, warm: NDArray[np.bool_]) -> None:
    """Copy the values of a tile to the rows (first, end) that it was stepped for; what is no number becomes 0.0, not warm."""
    slots, _, ok = wave
    first, end = rows
    start = slots[first] // out.shape[1] * out.shape[1]
    for i in range(first, end):
        lane, mine, is_warm = slots[i] - start, values[i], warm[i]
        for k in range(len(mine)):
            mine[k] = out[k, lane]
        for k in range(len(mine)):
            is_warm[k] = ok[i] & (abs(mine[k]) < np.inf)
            mine[k] = mine[k] if is_warm[k] else 0.0


def compiled(spec: IndicatorSpec) -> Callable[..., None]:
    """Give the machine code of an indicator's step."""
    return entry(spec.step, TABLE, TABLE, PARAMS, TABLE)


def along(spec: IndicatorSpec, bars: F64) -> F64:
    """Step one indicator alone over candles of one slot, see ``bars_of``; float64[n, columns], NaN where not defined."""
    step, params = compiled(spec), np.array(spec.params, np.float64)
    state, out = np.zeros((spec.size, 1)), np.empty((len(bars), len(spec.columns)))
    for bar, values in zip(bars[:, :, np.newaxis], out[:, :, np.newaxis], strict=True):
        step(state, bar, params, values)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Again:
    """Candles of slots that were stepped again, from the earliest that was told late or again: slot by slot, in order of time."""

    slots: NDArray[np.int64]
    ts: NDArray[np.int64]
    closes: F64
    values: F64
    warm: NDArray[np.bool_]


class Bank:
    """State of every indicator (or of ``specs``) for ``slots`` pairs of symbol and timeframe.

    Candles that start at ``since`` (epoch ms) or later are the running day's; without it all are of the past, and none is kept.
    """

    __slots__ = (
        *("_bars", "_base", "_book", "_calls", "_is_kept", "_out", "_specs"),
        *("again", "columns", "last", "newest", "placed", "refused", "states", "taken"),
    )

    def __init__(self, slots: int, specs: tuple[IndicatorSpec, ...] | None = None, since: int = NEVER) -> None:
        self._specs: tuple[IndicatorSpec, ...] = tuple(spec for _, spec in INDICATORS.items()) if specs is None else specs
        self.columns: tuple[str, ...] = tuple(column for spec in self._specs for column in spec.columns)
        lanes = min(LANES, max(slots, 1))
        self.states = np.zeros((-(-slots // lanes), sum(spec.size for spec in self._specs), lanes))
        self.last = np.full(slots, np.iinfo(np.int64).min, np.int64)
        self.refused = 0
        self.taken = np.empty(0, np.bool_)
        """Which rows of the last wave were stepped, each for the first time and as the newest of its slot."""
        self.placed = self.taken
        """Which rows of the last wave have values: those, and what was told late or again of the running day."""
        self.again: Again | None = None
        """What the last wave changed of candles before."""
        self.newest = np.zeros(slots, CANDLE)
        """The newest candle of each slot that has one of the running day."""
        self._base, self._is_kept = np.zeros(self.states.shape), np.zeros(slots, np.bool_)
        self._book = Daybook(since, VOLUME + 1, slots)
        self._bars, self._out = self._bench(lanes)
        self._calls = [list(self._calls_of(tile, self._bars, self._out)) for tile in self.states]

    def _bench(self, lanes: int) -> tuple[F64, F64]:
        """Make room for the candles and the values of a tile."""
        return np.empty((MINUTE + 1, lanes)), np.empty((len(self.columns), lanes))

    def _calls_of(self, tile: F64, bars: F64, out: F64) -> Iterator[tuple[Any, ...]]:
        """Give the calls that step a tile: kernel, its part of the state, candles, parameters, its part of the values."""
        at, column = 0, 0
        for spec in self._specs:
            end, last = at + spec.size, column + len(spec.columns)
            params = np.array(spec.params, np.float64)
            yield compiled(spec), tile[at:end], bars, params, out[column:last]
            at, column = end, last

    def step(self, slots: NDArray[np.int64], rows: NDArray[np.void]) -> tuple[F64, NDArray[np.bool_]]:
        """Step every indicator over a wave; rows of one slot must stand in order of time."""
        is_of_day = rows["ts"] >= self._book.since
        if is_of_day.all() or not is_of_day.any():
            return self._step(slots, rows, is_of_day=bool(is_of_day.any()))
        values, warm = np.empty((len(rows), len(self.columns))), np.empty((len(rows), len(self.columns)), np.bool_)
        taken, placed = np.empty((2, len(rows)), np.bool_)
        for is_mine, of_day in ((~is_of_day, False), (is_of_day, True)):
            values[is_mine], warm[is_mine] = self._step(slots[is_mine], rows[is_mine], is_of_day=of_day)
            taken[is_mine], placed[is_mine] = self.taken, self.placed
        self.taken, self.placed = taken, placed
        return values, warm

    def _step(self, slots: NDArray[np.int64], rows: NDArray[np.void], *, is_of_day: bool) -> tuple[F64, NDArray[np.bool_]]:
        bars, ts = bars_of(rows), np.ascontiguousarray(rows["ts"])
        ok = self.taken = self.placed = np.empty(len(rows), np.bool_)
        self.again = None
        refused = accept_k(slots, ts, bars, self.last, ok)
        self.refused += refused
        if is_of_day:
            self._keep(slots, rows, bars, slice(None) if refused == 0 else np.flatnonzero(ok))
        values, warm = self._walk((slots, bars, ok), self._calls, (self._bars, self._out))
        if is_of_day and refused > 0:
            is_late = ~ok & np.isfinite(bars).all(axis=1)
            if is_late.any():
                self.refused -= int(is_late.sum())
                self._amend(slots, rows, bars, np.flatnonzero(is_late))
                self.placed = ok | is_late
                good = np.flatnonzero(self.placed)
                self._put_right(self._book.keys_of(slots[good], ts[good]), good, values, warm)
        return values, warm

    def _walk(self, wave: tuple[NDArray[np.int64], F64, NDArray[np.bool_]], calls: Any, bench: tuple[F64, F64], told: int = 0) -> Any:
        """Step tiles over a wave, see ``lay_k``; give values and warm of its rows, those before row ``told`` left as they may be.

        ``calls`` of each tile work on ``bench``, its candles and its values.
        """
        slots, count, (bars, out), first = wave[0], len(wave[0]), bench, 0
        lanes = bars.shape[1]
        values, warm = np.empty((count, len(self.columns))), np.empty((count, len(self.columns)), np.bool_)
        while first < count:
            end = lay_k(wave, first, bars)
            for step, *arrays in calls[slots[first] // lanes]:
                step(*arrays)
            if end > told:
                pick_k(wave, (first, end), out, values, warm)
            first = end
        return values, warm

    def _keep(self, slots: NDArray[np.int64], rows: NDArray[np.void], bars: F64, at: Any) -> None:
        """Put down the candles of the day that will be stepped now; what begins its day with one keeps its state as it is."""
        mine = slots[at]
        if not self._is_kept[mine].all():
            self._copy(self.states, self._base, np.unique(mine[~self._is_kept[mine]]))
            self._is_kept[mine] = True
        self._book.enter(mine, rows["ts"][at], bars[at, : VOLUME + 1])
        self._renew(mine, rows, at)

    def _renew(self, slots: NDArray[np.int64], rows: NDArray[np.void], at: Any) -> None:
        """Note the newest candles; by whole rows, see ``writable``."""
        whole = f"V{CANDLE.itemsize}"
        self.newest.view(whole)[slots] = np.ascontiguousarray(rows).view(whole)[at]

    def _copy(self, source: F64, target: F64, slots: NDArray[np.int64]) -> None:
        for tile, lanes, _ in self._by_tile(slots):
            target[tile][:, lanes] = source[tile][:, lanes]

    def _by_tile(self, slots: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
        """Give each tile that slots lie in, their lanes, and which of them they are."""
        tiles, lanes = np.divmod(slots, self._bars.shape[1])
        for tile in np.unique(tiles).tolist():
            at = np.flatnonzero(tiles == tile)
            yield tile, lanes[at], at

    def _amend(self, slots: NDArray[np.int64], rows: NDArray[np.void], bars: F64, late: NDArray[np.int64]) -> None:
        """Put candles that came late, or again, in their place and step their slots again."""
        mine, ts = slots[late], rows["ts"][late]
        self._book.amend(mine, ts, bars[late, : VOLUME + 1])
        is_newest = ts == self.last[mine]
        self._renew(mine[is_newest], rows, late[is_newest])
        touched, which = np.unique(mine, return_inverse=True)
        since = np.full(len(touched), NEVER, np.int64)
        np.minimum.at(since, which, ts)
        self.again = self._stepped_again(touched, since)

    def _put_right(self, keys: NDArray[np.int64], rows: NDArray[np.int64], values: F64, warm: NDArray[np.bool_]) -> None:
        """Give the rows of slots that were stepped again the values of their places; ``keys`` are those of ``rows``."""
        again = self.again
        if again is None:
            return
        told = self._book.keys_of(again.slots, again.ts)
        spots = np.minimum(np.searchsorted(told, keys), len(told) - 1)
        is_there = told[spots] == keys
        values[rows[is_there]], warm[rows[is_there]] = again.values[spots[is_there]], again.warm[spots[is_there]]

    def _stepped_again(self, slots: NDArray[np.int64], since: NDArray[np.int64]) -> Again:
        """Step slots again from where the day began; give what came of their candles from ``since`` (one instant a slot) on.

        Slots with about as many candles are stepped together, each in a lane.
        """
        keys, figures = self._book.of(slots)
        owners, ts = self._book.split(keys)
        bars, which = bars_of(_candles(ts, figures)), np.searchsorted(slots, owners)
        counts = np.bincount(which, minlength=len(slots))
        turns = np.arange(len(keys)) - np.repeat(np.cumsum(counts) - counts, counts)
        is_told = ts >= since[which]
        places = np.cumsum(is_told) - 1
        told = int(is_told.sum())
        values, warm = np.empty((told, len(self.columns))), np.empty((told, len(self.columns)), np.bool_)
        for group in _alike(counts):
            lane_of = np.full(len(slots), -1, np.int64)
            lane_of[group] = np.arange(len(group))
            at = np.flatnonzero(lane_of[which] >= 0)
            at = at[np.lexsort((which[at], turns[at]))]
            shown = is_told[at]
            first = int(shown.argmax()) if shown.any() else len(at)
            some_values, some_warm = self._rerun(slots[group], lane_of[which[at]], bars[at], first)
            values[places[at[shown]]], warm[places[at[shown]]] = some_values[shown], some_warm[shown]
        return Again(owners[is_told], ts[is_told], figures[is_told, CLOSE], values, warm)

    def _rerun(self, slots: NDArray[np.int64], lanes: NDArray[np.int64], bars: F64, told: int) -> Any:
        """Step some slots, side by side in a tile of their own, from where their day began; put them back."""
        tile = np.empty((self.states.shape[1], len(slots)))
        for home, theirs, mine in self._by_tile(slots):
            tile[:, mine] = self._base[home][:, theirs]
        bench = self._bench(len(slots))
        found = self._walk((lanes, bars, np.ones(len(lanes), np.bool_)), [list(self._calls_of(tile, *bench))], bench, told)
        for home, theirs, mine in self._by_tile(slots):
            self.states[home][:, theirs] = tile[:, mine]
        return found

    def dump(self) -> bytes:
        """Save where the day began and its candles since; a slot without any is as it was then."""
        self._copy(self.states, self._base, np.flatnonzero(~self._is_kept))
        arrays = {"states": self._base, "last": self.last, "newest": self.newest, **self._book.dump()}
        return pack({"refused": self.refused, **self._layout()}, arrays)

    def load(self, blob: bytes) -> None:
        """Take up a saved state; one that was written with other indicators or parameters, or laid out otherwise, is Corrupt."""
        plain, arrays = unpack(blob)
        if {name: plain.get(name) for name in self._layout()} != self._layout():
            raise Corrupt("the saved indicators are not those of this program: clear the session with `ticktick clear`")
        self.refused = plain["refused"]
        self.states[:], self.last[:], self.newest[:] = arrays["states"], arrays["last"], arrays["newest"]
        self._book.load(arrays)
        slots = self._book.slots()
        self._is_kept[:] = False
        self._is_kept[slots] = True
        self._copy(self.states, self._base, slots)
        self._stepped_again(slots, np.full(len(slots), NEVER, np.int64))

    def _layout(self) -> dict[str, Any]:
        """Tell what a place of the state means."""
        sizes = {spec.name: spec.size for spec in self._specs}
        params = {spec.name: list(spec.params) for spec in self._specs}
        shape = {"shape": list(self.states.shape), "slots": len(self.last), "since": self._book.since}
        return {"version": VERSION, "columns": list(self.columns), "sizes": sizes, "params": params, **shape}


def _candles(ts: NDArray[np.int64], figures: F64) -> NDArray[np.void]:
    """Make rows of the starts, prices and volumes of candles."""
    rows = np.zeros(len(ts), CANDLE)
    rows["ts"] = ts
    for column, name in ((OPEN, "open"), (HIGH, "high"), (LOW, "low"), (CLOSE, "close"), (VOLUME, "volume")):
        rows[name] = figures[:, column]
    return rows


def _alike(counts: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Group slots by how many candles they have: at most LANES in a group, and none with less than half as many as another."""
    order, first = np.argsort(-counts, kind="stable"), 0
    while first < len(order):
        alike = int((2 * counts[order[first:]] > counts[order[first]]).sum())
        end = first + min(max(alike, 1), LANES)
        yield np.sort(order[first:end])
        first = end


@warmer
def _warm() -> None:
    Bank(1).step(np.zeros(2, np.int64), np.zeros(2, CANDLE))
