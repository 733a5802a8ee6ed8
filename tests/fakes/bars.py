"""Random candles on the price grid, with gaps between them, and one way to run an indicator alone."""

from __future__ import annotations

import numpy as np

from pipeline.core.registry import INDICATORS
from pipeline.core.types import CANDLE
from pipeline.indicators.bank import along, bars_of
from pipeline.indicators.spec import IndicatorSpec
from tests.fakes.feed_rows import OPEN

TICK = 0.05


def candles(n: int, seed: int = 7, gap_ticks: int = 3, start: float = 1000.0, per_day: int = 1_000_000) -> np.ndarray:
    """A walk of n one-minute candles, so many a day; prices are whole ticks, and opens jump, so that patterns with gaps occur."""
    rng = np.random.default_rng(seed)
    gaps = rng.integers(-gap_ticks, gap_ticks + 1, n)
    bodies = np.rint(rng.normal(0, 6, n)).astype(int)
    opens = round(start / TICK) + np.cumsum(gaps + bodies) - bodies
    closes = opens + bodies
    highs = np.maximum(opens, closes) + np.rint(rng.exponential(2, n)).astype(int)
    lows = np.minimum(opens, closes) - np.rint(rng.exponential(2, n)).astype(int)
    rows = np.zeros(n, CANDLE)
    rows["timeframe"], rows["ts"] = 1, OPEN + np.arange(n) // per_day * 86_400_000 + np.arange(n) % per_day * 60_000
    for name, ticks in (("open", opens), ("high", highs), ("low", lows), ("close", closes)):
        rows[name] = np.round(np.maximum(ticks, 1) * TICK, 2)
    rows["volume"], rows["trades"] = rng.integers(1, 5000, n), 3
    return rows


def run(name: str, rows: np.ndarray, *, plain: bool = False) -> dict[str, np.ndarray]:
    """Step one indicator alone over candles of one slot; columns with NaN where not defined."""
    spec = INDICATORS.get(name)
    bars = bars_of(rows)
    return dict(zip(spec.columns, (plainly(spec, bars) if plain else along(spec, bars)).T, strict=True))


def plainly(spec: IndicatorSpec, bars: np.ndarray) -> np.ndarray:
    """``along`` by the plain twin of the step."""
    state, out = np.zeros((spec.size, 1)), np.empty((len(bars), len(spec.columns)))
    for bar, values in zip(bars[:, :, np.newaxis], out[:, :, np.newaxis], strict=True):
        spec.step.py_func(state, bar, np.array(spec.params, np.float64), values)
    return out


def agree(ours: np.ndarray, theirs: np.ndarray, rel: float = 1e-9, scale: float = 1.0) -> None:
    """Defined at the same places, and equal there: relative to the value, or to ``scale`` when the value is smaller."""
    assert np.isnan(ours).tolist() == np.isnan(theirs).tolist()
    known = ~np.isnan(theirs)
    np.testing.assert_allclose(ours[known], theirs[known], rtol=rel, atol=rel * scale)


def drawn(*shapes: tuple[float, float, float, float], before: int = 14) -> np.ndarray:
    """Quiet candles around 100 with bodies and shadows of 1, then the ones drawn: (open, high, low, close)."""
    quiet = [(100.0, 102.0, 99.0, 101.0) if i % 2 else (101.0, 102.0, 99.0, 100.0) for i in range(before)]
    rows = np.zeros(before + len(shapes), CANDLE)
    rows["timeframe"], rows["ts"], rows["volume"], rows["trades"] = 1, OPEN + np.arange(len(rows)) * 60_000, 1, 1
    for name, column in zip(("open", "high", "low", "close"), zip(*quiet, *shapes, strict=True), strict=True):
        rows[name] = column
    return rows


def found(rows: np.ndarray, name: str) -> list[int]:
    """Scan candles of one slot for one pattern."""
    from pipeline.patterns.scan import Scan

    scan = Scan(1)
    return scan.step(np.zeros(len(rows), np.int64), rows)[:, scan.patterns.index(name)].tolist()


def answer(name: str, *shapes: tuple[float, float, float, float]) -> int:
    """Tell what the newest of drawn candles is to a pattern."""
    return found(drawn(*shapes), name)[-1]


def found_plain(rows: np.ndarray, name: str) -> list[int]:
    """The same by the plain twins, candle by candle."""
    from pipeline.core.registry import PATTERNS
    from pipeline.kernels.geometry import VIEW, push_k

    spec, view, answers = PATTERNS.get(name), np.zeros(VIEW), []
    for i, row in enumerate(rows):
        push_k.py_func(view, i, *(float(row[n]) for n in ("open", "high", "low", "close")))
        answers.append(int(spec.found.py_func(view)) if i >= spec.warmup else 0)
    return answers
