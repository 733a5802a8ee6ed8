"""What was heard of each symbol last: when, at what price and volume, and whether it answered its subscription.

Reads   the rows of the frames that were taken (``TICK[n]``)
Writes  arrays over ``sid``, changed in place: one kernel call a frame
Marks of a gap and repairs are not heard: they come from us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.types import TICK
from pipeline.kernels.jit import kernel, warmer

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEVER = 0


@kernel
def hear_k(rows: Any, ts: int, at_ms: Any, ltp: Any, vtt: Any, is_confirmed: Any) -> None:  # noqa: PLR0917 - a kernel takes arrays
    """Note each row of a kind below GAP under its symbol."""
    for i in range(len(rows)):
        sid = np.int64(rows[i]["sid"])
        if rows[i]["kind"] < 2 and sid < len(at_ms):
            at_ms[sid] = ts
            is_confirmed[sid] = True
            if rows[i]["ltp"] > 0.0:
                ltp[sid] = rows[i]["ltp"]
            if rows[i]["vtt"] > 0:
                vtt[sid] = rows[i]["vtt"]


class Heard:
    """Arrays over ``sid``."""

    def __init__(self, symbols: int) -> None:
        self.at_ms: NDArray[np.int64] = np.full(symbols, NEVER, np.int64)
        """Event time of the last row."""
        self.ltp: NDArray[np.float64] = np.zeros(symbols, np.float64)
        self.vtt: NDArray[np.int64] = np.zeros(symbols, np.int64)
        self.is_confirmed: NDArray[np.bool_] = np.zeros(symbols, np.bool_)
        """A row came since the symbol was asked for."""

    def hear(self, rows: NDArray[np.void], ts: int) -> None:
        hear_k(rows, ts, self.at_ms, self.ltp, self.vtt, self.is_confirmed)


@warmer
def _warm() -> None:
    Heard(1).hear(np.zeros(1, TICK), 1)
