"""All registered indicators of all symbols and timeframes: a wave of closed candles in, a row of values for each out.

Reads   slots int64[n], rows CANDLE[n]; a slot is one symbol and timeframe
Writes  values float64[n, columns] (0.0 where not warm) and warm bool[n, columns]
State   one float64[slots, size] per indicator, the last candle's start per slot, the number of refused rows

A candle that is not newer than the last of its slot, or not finite, is refused and counted: its row is
not warm and no state moves. Columns stand in the order of the registry, whatever the order of import was.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import Corrupt
from pipeline.core.registry import INDICATORS
from pipeline.core.session import DAY_MS, IST_OFFSET_MS
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import CANDLE, MINUTE_MS
from pipeline.indicators.spec import DAY, MINUTE, IndicatorSpec
from pipeline.kernels.jit import kernel, warmer
from pipeline.kernels.rolling import accept_k

F64 = NDArray[np.float64]


BLOCK = 1024
"""Rows that go through all indicators before the next ones come: their candles and values stay in the processor's cache."""


def bars_of(rows: NDArray[np.void]) -> F64:
    """Lay candles out as kernels take them: see ``spec.py``."""
    return laid_out(rows["ts"], *(rows[name] for name in ("open", "high", "low", "close", "volume")))


def laid_out(ts: NDArray[np.int64], *prices_and_volume: NDArray[Any]) -> F64:
    """Put columns open, high, low, close and volume beside the IST day number and minute of the day of their start."""
    bars = np.empty((len(ts), MINUTE + 1))
    for k, column in enumerate(prices_and_volume):
        bars[:, k] = column
    local = ts + IST_OFFSET_MS
    day = local // DAY_MS
    bars[:, DAY] = day
    bars[:, MINUTE] = (local - day * DAY_MS) // MINUTE_MS
    return bars


@kernel
def gather_k(parts: F64, widths: NDArray[np.int64], first: int, count: int, values: F64, warm: NDArray[np.bool_]) -> None:
    """Copy the parts of a block, one float64[count, width] behind the other, into rows first.. of values; what is no number becomes 0.0."""
    at, column = 0, 0
    for width in widths:
        for i in range(count):
            for k in range(width):
                x = parts[at]
                at += 1
                is_warm = np.isfinite(x)
                warm[first + i, column + k] = is_warm
                values[first + i, column + k] = x if is_warm else 0.0
        column += width


class Bank:
    """State of every indicator (or of ``specs``) for ``slots`` pairs of symbol and timeframe."""

    __slots__ = ("_params", "_parts", "_specs", "_widths", "columns", "last", "refused", "states", "taken")

    def __init__(self, slots: int, specs: tuple[IndicatorSpec, ...] | None = None) -> None:
        self._specs: tuple[IndicatorSpec, ...] = tuple(spec for _, spec in INDICATORS.items()) if specs is None else specs
        self.columns: tuple[str, ...] = tuple(column for spec in self._specs for column in spec.columns)
        self._params = [np.array(spec.params, np.float64) for spec in self._specs]
        self._widths = np.array([len(spec.columns) for spec in self._specs], np.int64)
        self._parts = np.empty(BLOCK * len(self.columns))
        self.states = [np.zeros((slots, spec.size)) for spec in self._specs]
        self.last = np.full(slots, np.iinfo(np.int64).min, np.int64)
        self.refused = 0
        self.taken = np.empty(0, np.bool_)
        """Which rows of the last wave were stepped."""

    def step(self, slots: NDArray[np.int64], rows: NDArray[np.void]) -> tuple[F64, NDArray[np.bool_]]:
        """Step every indicator over a wave; rows of one slot must stand in order of time."""
        bars = bars_of(rows)
        ok = self.taken = np.empty(len(rows), np.bool_)
        refused = accept_k(slots, np.ascontiguousarray(rows["ts"]), bars, self.last, ok)
        if refused == 0:
            return self._values(slots, bars)
        self.refused += refused
        values, warm = np.zeros((len(rows), len(self.columns))), np.zeros((len(rows), len(self.columns)), np.bool_)
        values[ok], warm[ok] = self._values(slots[ok], bars[ok])
        return values, warm

    def _values(self, slots: NDArray[np.int64], bars: F64) -> tuple[F64, NDArray[np.bool_]]:
        values = np.empty((len(slots), len(self.columns)))
        warm = np.empty((len(slots), len(self.columns)), np.bool_)
        for first in range(0, len(slots), BLOCK):
            mine, these = slots[first : first + BLOCK], bars[first : first + BLOCK]
            at = 0
            for spec, state, params in zip(self._specs, self.states, self._params, strict=True):
                end = at + len(mine) * len(spec.columns)
                spec.step(state, mine, these, params, self._parts[at:end].reshape(len(mine), -1))
                at = end
            gather_k(self._parts, self._widths, first, len(mine), values, warm)
        return values, warm

    def dump(self) -> bytes:
        arrays: dict[str, NDArray[Any]] = {spec.name: state for spec, state in zip(self._specs, self.states, strict=True)}
        return pack({"refused": self.refused, "columns": list(self.columns)}, arrays | {"last:": self.last})

    def load(self, blob: bytes) -> None:
        """Take up a saved state; one that was written with other indicators is Corrupt."""
        plain, arrays = unpack(blob)
        if tuple(plain["columns"]) != self.columns:
            raise Corrupt("the saved indicators are not those of this program: clear the session with `ticktick clear`")
        self.refused = plain["refused"]
        self.last[:] = arrays["last:"]
        for spec, state in zip(self._specs, self.states, strict=True):
            state[:] = arrays[spec.name]


@warmer
def _warm() -> None:
    Bank(1).step(np.zeros(2, np.int64), np.zeros(2, CANDLE))
