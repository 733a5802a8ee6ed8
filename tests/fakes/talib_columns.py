"""TA-Lib's answer for each column that it has, over arrays of open, high, low, close and volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import talib


@dataclass(frozen=True, slots=True)
class Oracle:
    """One function of TA-Lib, its inputs (letters of o h l c v) and options, and the columns that are its outputs, in its order."""

    function: str
    inputs: str
    options: tuple[Any, ...]
    columns: tuple[str, ...]

    def outputs(self, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        found = getattr(talib, self.function)(*(arrays[letter] for letter in self.inputs), *self.options)
        return found if isinstance(found, tuple) else (found,)


TALIB = (
    *(Oracle("EMA", "c", (n,), (f"ema_{n}",)) for n in (9, 20, 21, 50, 200)),
    *(Oracle("BBANDS", "c", (n, 1.0, 1.0), (f"sma_{n}_upper", f"sma_{n}", f"sma_{n}_lower")) for n in (20, 50)),
    Oracle("SMA", "v", (20,), ("volume_avg_20",)),
    Oracle("RSI", "c", (14,), ("rsi_14",)),
    Oracle("ATR", "hlc", (14,), ("atr_14",)),
    Oracle("MACD", "c", (12, 26, 9), ("macd", "macd_signal", "macd_hist")),
    Oracle("BBANDS", "c", (20, 2.0, 2.0), ("bollinger_upper", "bollinger_middle", "bollinger_lower")),
    Oracle("STOCH", "hlc", (14, 3, 0, 3, 0), ("stoch_k", "stoch_d")),
    Oracle("ADX", "hlc", (14,), ("adx_14",)),
    Oracle("PLUS_DI", "hlc", (14,), ("plus_di",)),
    Oracle("MINUS_DI", "hlc", (14,), ("minus_di",)),
    Oracle("SUPERTREND", "hlc", (10, 3.0), ("supertrend", "supertrend_dir")),
    Oracle("MOM", "c", (10,), ("mom_10",)),
    Oracle("ROC", "c", (10,), ("roc_10",)),
    Oracle("OBV", "cv", (), ("obv",)),
    Oracle("CCI", "hlc", (20,), ("cci_20",)),
    Oracle("WILLR", "hlc", (14,), ("willr_14",)),
    Oracle("MFI", "hlcv", (14,), ("mfi_14",)),
    Oracle("KC", "hlc", (20, 10, 2.0), ("keltner_upper", "keltner_middle", "keltner_lower")),
    Oracle("DONCHIAN", "hl", (20,), ("donchian_upper", "donchian_middle", "donchian_lower")),
)
"""VWAP is not here: TA-Lib's knows no session (see ``slow_columns.py``)."""


def arrays_of(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Lay candles out as TA-Lib takes them."""
    return {name[0]: rows[name].astype(np.float64) for name in ("open", "high", "low", "close", "volume")}


def talib_columns(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Give each column over candles of one slot, NaN where TA-Lib has none."""
    arrays, found = arrays_of(rows), {}
    for oracle in TALIB:
        found.update(zip(oracle.columns, oracle.outputs(arrays), strict=True))
    # Directions are whole numbers: 0 stands where there is none.
    found["supertrend_dir"] = np.where(found["supertrend_dir"] == 0, np.nan, found["supertrend_dir"].astype(np.float64))
    return found
