"""Moving average convergence divergence, 12, 26, 9 (Appel, 1979)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, indicator, seed_fades
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import ewm_sma_k

F64 = NDArray[np.float64]


@indicator("macd", columns=("macd", "macd_signal", "macd_hist"), params=(12, 26, 9), warmup=34, size=7, settle=seed_fades(2 / 27))
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Fast EMA less slow EMA, an EMA of that, and the difference.

    As TA-Lib seeds it: both averages begin on the same candle, so the fast one leaves out the first
    slow - fast closes; all three columns begin together. state[7]: candles seen, fast, slow, signal.
    """
    fast_n, slow_n, signal_n = params[0], params[1], params[2]
    for i in range(out.shape[1]):
        close = bars[CLOSE, i]
        out[:, i] = np.nan
        if np.isnan(close):
            continue
        fast = np.nan
        if state[0, i] >= slow_n - fast_n:
            fast = ewm_sma_k(state, 1, i, fast_n, close)
        slow = ewm_sma_k(state, 3, i, slow_n, close)
        state[0, i] += 1.0
        signal = ewm_sma_k(state, 5, i, signal_n, fast - slow)
        if not np.isnan(signal):
            out[0, i] = fast - slow
            out[1, i] = signal
            out[2, i] = (fast - slow) - signal
