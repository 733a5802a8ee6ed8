"""Tick metrics: every feed row in, the same row with its metrics filled out, in O(1) a tick.

Reads   TICK[n] rows, raw fields (rupees, shares, epoch ms); metric fields and metric flags of the input are ignored
Writes  TICK[n] rows with ``volume`` ... ``iv_change``, ``aggressor`` and the flags of ``market/tick_kernel.py``
State   per symbol 336 bytes and a ring of ``window`` rows of 24 bytes (7,536 bytes with 300 rows)

Volume comes from ``vtt`` and is never negative: a late packet (``vtt`` and ``ltt`` both back) changes nothing and
is counted; a new IST day starts from zero; the first row after a start, a snapshot or a gap (of its symbol, or of all)
sets the base, so that what was missed is not booked on one tick. Without ``vtt`` (mode ltpc) the last trade's quantity
stands in. Running sums are of whole numbers, or summed afresh once a lap of the ring. Never asks a clock.

A CONFLATED row stands for several updates. Its volume is whole, since ``vtt`` is. Its price has come a longer way than one
tick, and the quote before its trade was dropped: so its ``tick_return`` is not defined (0), its return stays out of the
volatility, and its aggressor is told by the tick rule alone.

``iv_change`` compares implied volatility with what it was ``iv_window_s`` ago: the window is cut into 15 slots of time, and the
reference is the newest value that came before the 15 slots that precede the present one. It stood between one window and one
window and a fifteenth ago. Before there is so much history, and in a row without ``iv``, the change is not defined (0).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import Corrupt
from pipeline.core.params import TickParams
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import NO_SYMBOL, TICK, TickFlag, TickKind
from pipeline.kernels.jit import warmer, writable
from pipeline.market.tick_kernel import HEAD, IV, IV_SLOTS, RING, STATE, step_k

MIN_WARM = 30
"""Rows before a standard deviation means something."""
LINE = 64
"""Bytes of a cache line."""


class TickState:
    """Windows of all symbols in one stretch of memory. ``dump`` and ``load`` keep every bit."""

    __slots__ = ("head", "memory", "parts", "states")

    def __init__(self, symbols: int, params: TickParams) -> None:
        if not 0 < params.vwap_fast < params.vwap_slow <= params.window:
            msg = f"ticks: 0 < vwap_fast < vwap_slow <= window must hold, got {params.vwap_fast}, {params.vwap_slow}, {params.window}"
            raise ValueError(msg)
        if params.iv_window_s <= 0:
            msg = f"ticks: iv_window_s must be 1 or more, got {params.iv_window_s}"
            raise ValueError(msg)
        widths = (STATE.itemsize, IV.itemsize, RING.itemsize * params.window)
        self.memory = _aligned(HEAD.itemsize + symbols * sum(widths))
        head = self.memory[: HEAD.itemsize].view(HEAD)
        head["symbols"], head["window"] = symbols, params.window
        head["warm_at"] = min(params.window, max(params.vwap_slow, MIN_WARM))
        head["fast"], head["slow"] = params.vwap_fast, params.vwap_slow
        head["per_fast"], head["per_slow"] = 1.0 / params.vwap_fast, 1.0 / params.vwap_slow
        head["vwap_ms"], head["iv_ms"] = params.vwap_s * 1000, -(-params.iv_window_s * 1000 // (IV_SLOTS - 1))
        head["liquid"], head["illiquid"] = params.liquid_spread_bps, params.liquid_spread_bps * params.hysteresis
        head["volatile"] = params.volatile_bps / 10_000.0
        head["calm"] = params.volatile_bps / 10_000.0 / params.hysteresis
        head["iv_jump"] = params.iv_jump_ratio
        self.head = head
        self.parts: dict[str, NDArray[np.uint8]] = {}
        at = HEAD.itemsize
        for name, width in zip(("states", "iv", "ring"), widths, strict=True):
            self.parts[name] = self.memory[at : at + symbols * width].reshape(symbols, width)
            at += symbols * width
        self.states = self.parts["states"].view(STATE)[:, 0]

    @property
    def shape(self) -> list[int]:
        """What must be the same for saved windows to fit."""
        return [int(self.head[name][0]) for name in ("symbols", "window", "fast", "slow", "iv_ms")]

    def dump(self) -> bytes:
        """Save the symbols that had a row; of a big watchlist most may not have had one yet."""
        sids = np.flatnonzero(self.states["midnight"])
        return pack({"shape": self.shape}, {"sids": sids} | {name: part[sids] for name, part in self.parts.items()})

    def load(self, blob: bytes) -> None:
        plain, arrays = unpack(blob)
        sids = arrays.pop("sids", None)
        if sids is None or plain.get("shape") != self.shape or arrays.keys() != self.parts.keys():
            raise Corrupt(
                "the saved tick windows have another size (watchlist or settings changed): clear the session with `ticktick clear`"
            )
        for name, part in self.parts.items():
            part[:] = 0
            part[sids] = arrays[name]


def _aligned(size: int) -> NDArray[np.uint8]:
    """Zeroed bytes that start on a cache line, so that a symbol's state is three of them and not four."""
    raw = np.zeros(size + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + size]


def step(state: TickState, rows: NDArray[np.void]) -> NDArray[np.void]:
    """Fill the metrics of a batch and return it: writable rows in place (they are ours then), others in a copy."""
    if not rows.flags.carray:
        rows = writable(rows)
    step_k(rows, state.memory)
    return rows


@warmer
def _warm() -> None:
    state = TickState(1, TickParams(4, 60, 2, 3, 5.0, 1.0, 1.5, 60, 0.2, 1000, 250))
    rows = np.zeros(3, TICK)
    rows["kind"][1], rows["sid"][1] = TickKind.GAP, NO_SYMBOL
    rows["flags"][2] = TickFlag.CONFLATED
    step(state, rows)
