"""All registered indicators of all symbols and timeframes: a wave of closed candles in, a row of values for each out.

Reads   slots int64[n], rows CANDLE[n]; a slot is one symbol and timeframe
Writes  values float64[n, columns] (0.0 where not warm) and warm bool[n, columns]
State   float64[tiles, places, lanes], one indicator's places behind the other's; the last candle's start per slot, the number of
        refused rows

Slots lie side by side, so many to a tile, and an indicator steps a tile at a time: see ``spec.py``. A wave is quick when its slots rise
(whole tiles are then stepped once); a slot that comes again is simply stepped again. A candle that is not newer than the last of
its slot, or not finite, is refused and counted: its row is not warm and no state moves. Columns stand in the order of the
registry, whatever the order of import was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

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


class Bank:
    """State of every indicator (or of ``specs``) for ``slots`` pairs of symbol and timeframe."""

    __slots__ = ("_bars", "_calls", "_out", "_specs", "columns", "last", "refused", "states", "taken")

    def __init__(self, slots: int, specs: tuple[IndicatorSpec, ...] | None = None) -> None:
        self._specs: tuple[IndicatorSpec, ...] = tuple(spec for _, spec in INDICATORS.items()) if specs is None else specs
        self.columns: tuple[str, ...] = tuple(column for spec in self._specs for column in spec.columns)
        lanes = min(LANES, max(slots, 1))
        self.states = np.zeros((-(-slots // lanes), sum(spec.size for spec in self._specs), lanes))
        self.last = np.full(slots, np.iinfo(np.int64).min, np.int64)
        self.refused = 0
        self.taken = np.empty(0, np.bool_)
        """Which rows of the last wave were stepped."""
        self._bars, self._out = np.empty((MINUTE + 1, lanes)), np.empty((len(self.columns), lanes))
        self._calls = [list(self._calls_of(tile)) for tile in self.states]

    def _calls_of(self, tile: F64) -> Iterator[tuple[Any, ...]]:
        """Give the calls that step a tile: kernel, its part of the state, candles, parameters, its part of the values."""
        at, column = 0, 0
        for spec in self._specs:
            end, last = at + spec.size, column + len(spec.columns)
            params = np.array(spec.params, np.float64)
            yield compiled(spec), tile[at:end], self._bars, params, self._out[column:last]
            at, column = end, last

    def step(self, slots: NDArray[np.int64], rows: NDArray[np.void]) -> tuple[F64, NDArray[np.bool_]]:
        """Step every indicator over a wave; rows of one slot must stand in order of time."""
        bars = bars_of(rows)
        ok = self.taken = np.empty(len(rows), np.bool_)
        self.refused += accept_k(slots, np.ascontiguousarray(rows["ts"]), bars, self.last, ok)
        values, warm = np.empty((len(rows), len(self.columns))), np.empty((len(rows), len(self.columns)), np.bool_)
        wave, first, lanes = (slots, bars, ok), 0, self._bars.shape[1]
        while first < len(rows):
            end = lay_k(wave, first, self._bars)
            for step, *arrays in self._calls[slots[first] // lanes]:
                step(*arrays)
            pick_k(wave, (first, end), self._out, values, warm)
            first = end
        return values, warm

    def dump(self) -> bytes:
        return pack({"refused": self.refused, **self._layout()}, {"states": self.states, "last": self.last})

    def load(self, blob: bytes) -> None:
        """Take up a saved state; one that was written with other indicators, or laid out otherwise, is Corrupt."""
        plain, arrays = unpack(blob)
        if {name: plain.get(name) for name in self._layout()} != self._layout():
            raise Corrupt("the saved indicators are not those of this program: clear the session with `ticktick clear`")
        self.refused = plain["refused"]
        self.states[:], self.last[:] = arrays["states"], arrays["last"]

    def _layout(self) -> dict[str, Any]:
        """Tell what a place of the state means."""
        sizes = {spec.name: spec.size for spec in self._specs}
        return {"columns": list(self.columns), "sizes": sizes, "shape": list(self.states.shape), "slots": len(self.last)}


@warmer
def _warm() -> None:
    Bank(1).step(np.zeros(2, np.int64), np.zeros(2, CANDLE))
