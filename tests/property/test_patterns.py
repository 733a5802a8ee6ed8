"""Laws that every registered pattern keeps, and equality with TA-Lib's CDL functions on every candle."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.registry import PATTERNS
from pipeline.patterns.scan import Scan
from pipeline.run.discovery import discover
from tests.fakes.bars import candles

discover()
ORACLES = {
    "doji": talib.CDLDOJI,
    "hammer": talib.CDLHAMMER,
    "inverted_hammer": talib.CDLINVERTEDHAMMER,
    "bullish_engulfing": lambda *ohlc: np.maximum(talib.CDLENGULFING(*ohlc), 0),
    "bearish_engulfing": lambda *ohlc: np.minimum(talib.CDLENGULFING(*ohlc), 0),
    "morning_star": talib.CDLMORNINGSTAR,
    "evening_star": talib.CDLEVENINGSTAR,
    "three_black_crows": talib.CDL3BLACKCROWS,
    "three_white_soldiers": talib.CDL3WHITESOLDIERS,
}
walks = st.builds(
    candles, st.integers(1, 300), seed=st.integers(0, 2**31), gap_ticks=st.integers(0, 10), start=st.sampled_from([3.0, 90.0, 1500.0])
)


def scanned(rows):
    scan = Scan(1)
    return dict(zip(scan.patterns, scan.step(np.zeros(len(rows), np.int64), rows).T, strict=True))


def oracle(name, rows):
    return np.sign(ORACLES[name](*(np.ascontiguousarray(rows[f]) for f in ("open", "high", "low", "close"))))


@settings(max_examples=100, deadline=None)
@given(walks)
def test_equals_talib_on_random_candles(rows):
    got = scanned(rows)
    if len(rows) > 2:
        for name in ORACLES:
            assert got[name].tolist() == oracle(name, rows).tolist(), name


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_equals_talib_where_it_fires(name):
    rows = candles(30_000, seed=11)
    got = scanned(rows)[name]
    assert np.abs(got).sum() > 0
    assert got.tolist() == oracle(name, rows).tolist()


@pytest.mark.parametrize("symbol", ["RELIANCE", "ACC", "INDIA VIX"])
def test_equals_talib_on_recorded_minutes(shared_data, symbol):
    """Real prices have gaps, ties and still minutes; any symbol of the file does."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(shared_data / "candles_1m" / "nse_1m_2016-08-16_2016-09-09.parquet").to_pandas()
    known = set(table["symbol"])
    frame = table[table["symbol"] == (symbol if symbol in known else sorted(known)[len(symbol)])].sort_values("timestamp")
    rows = candles(len(frame))
    for field in ("open", "high", "low", "close"):
        rows[field] = frame[field].to_numpy()
    got = scanned(rows)
    for name in ORACLES:
        assert got[name].tolist() == oracle(name, rows).tolist(), name


@pytest.mark.parametrize("name", [name for name, spec in PATTERNS.items() if spec.mirror])
def test_mirror_law(name):
    """Prices upside down: bull becomes bear. On whole numbers, so that every difference is exact."""
    spec = PATTERNS.get(name)
    rows = candles(4000, seed=5)
    for field in ("open", "high", "low", "close"):
        rows[field] = np.rint(rows[field] * 20)
    flipped, top = rows.copy(), 2.0**17
    for field, other in (("open", "open"), ("close", "close"), ("high", "low"), ("low", "high")):
        flipped[field] = top - rows[other]
    # A candle that closes where it opened counts as white on both sides of the mirror.
    clean = rows["open"] != rows["close"]
    quiet = np.array([clean[max(0, i - 3) : i + 1].all() for i in range(len(rows))])
    sign = 1 if spec.mirror == name else -1
    assert (scanned(flipped)[spec.mirror] * sign)[quiet].tolist() == scanned(rows)[name][quiet].tolist()


@pytest.mark.parametrize("name", PATTERNS.names())
def test_scale_law(name):
    rows = candles(3000, seed=6)
    bigger = rows.copy()
    for field in ("open", "high", "low", "close"):
        bigger[field] *= 8.0
    assert scanned(bigger)[name].tolist() == scanned(rows)[name].tolist()


@pytest.mark.parametrize("name", PATTERNS.names())
def test_answers_fit_the_lean_and_the_warmup(name):
    spec, got = PATTERNS.get(name), scanned(candles(3000))[name]
    allowed = {"bullish": {0, 1}, "bearish": {0, -1}, "neutral": {0, 1}}[spec.lean]
    assert set(got.tolist()) <= allowed
    assert not got[: spec.warmup].any()


@settings(max_examples=30, deadline=None)
@given(walks, st.data())
def test_prefix_invariance_and_warm_equals_cold(rows, data):
    cut = data.draw(st.integers(0, len(rows)))
    zero = np.zeros(len(rows), np.int64)
    whole, first, second = Scan(1), Scan(1), Scan(1)
    expected = whole.step(zero, rows)
    head = first.step(zero[:cut], rows[:cut])
    second.load(first.dump())
    assert expected.tolist() == head.tolist() + second.step(zero[cut:], rows[cut:]).tolist()
    assert whole.dump() == second.dump()
