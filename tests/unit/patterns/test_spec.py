"""The form of a pattern."""

from __future__ import annotations

import pytest
import talib

from pipeline.core.registry import PATTERNS, Registry
from pipeline.kernels.geometry import BACK
from pipeline.patterns import spec
from pipeline.patterns.spec import Lean


def test_one_decorator_registers_it(monkeypatch):
    fresh = Registry("pattern")
    monkeypatch.setattr(spec, "PATTERNS", fresh)

    @spec.pattern("pin_bar", candles=2, lean=Lean.BULLISH, warmup=11)
    def pin_bar(v):
        return 0

    found = fresh.get("pin_bar")
    assert (found.candles, found.lean, found.warmup, found.mirror, found.oracle) == (2, "bullish", 11, "", "")
    assert found.found is pin_bar


def test_mirrors_know_each_other():
    for name, found in PATTERNS.items():
        if found.mirror:
            assert PATTERNS.get(found.mirror).mirror == name


def test_every_function_of_talib_is_here():
    assert {f"CDL{found.oracle}" for _, found in PATTERNS.items() if found.oracle} == {n for n in dir(talib) if n.startswith("CDL")}


def test_a_pattern_looks_no_further_than_it_says():
    assert all(1 <= found.candles <= found.warmup + 1 and found.candles <= BACK + 1 for _, found in PATTERNS.items())


@pytest.mark.parametrize(
    ("name", "strength", "side"),
    [
        ("doji", 10, "neutral"),
        ("spinning_top", -10, "neutral"),
        ("hammer", 10, "bullish"),
        ("harami", 8, "bullish"),
        ("harami", -10, "bearish"),
    ],
)
def test_the_side_of_an_answer(name, strength, side):
    assert PATTERNS.get(name).side(strength) == side
