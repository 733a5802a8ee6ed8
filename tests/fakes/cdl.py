"""TA-Lib's word on a pattern of ours, and where we differ."""

from __future__ import annotations

import numpy as np
import talib

from pipeline.core.registry import PATTERNS
from pipeline.patterns.reliability import Tally, from_candles
from pipeline.patterns.scan import Scan
from pipeline.patterns.spec import Lean


def judged() -> tuple[str, ...]:
    """Name the patterns that TA-Lib knows."""
    return tuple(name for name, spec in PATTERNS.items() if spec.oracle)


def scanned(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Scan candles of one slot; strengths by pattern."""
    scan = Scan(1)
    return dict(zip(scan.patterns, scan.step(np.zeros(len(rows), np.int64), rows).T, strict=True))


def of_one(rows: np.ndarray, parts: int = 1) -> Tally:
    """Give the record of candles of one slot, handed over in so many parts."""
    return from_candles(((np.zeros(len(part), np.int64), part) for part in np.array_split(rows, parts)), 1)


def oracle(name: str, rows: np.ndarray) -> np.ndarray:
    """Give TA-Lib's numbers. Where it has one function for two patterns of ours, each takes its own side."""
    spec = PATTERNS.get(name)
    told = getattr(talib, f"CDL{spec.oracle}")(*(np.ascontiguousarray(rows[f]) for f in ("open", "high", "low", "close")))
    if sum(other.oracle == spec.oracle for _, other in PATTERNS.items()) == 1:
        return told
    return np.maximum(told, 0) if spec.lean is Lean.BULLISH else np.minimum(told, 0)


def differences(rows: np.ndarray) -> dict[str, tuple[int, int]]:
    """Give (hits of TA-Lib, candles where we differ) by pattern."""
    got, out = scanned(rows), {}
    for name in judged():
        told = oracle(name, rows)
        out[name] = int(np.count_nonzero(told)), int(np.count_nonzero(told != 10 * got[name].astype(np.int32)))
    return out
