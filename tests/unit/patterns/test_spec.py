"""The form of a pattern."""

from __future__ import annotations

from pipeline.core.registry import PATTERNS, Registry
from pipeline.patterns import spec


def test_one_decorator_registers_it(monkeypatch):
    fresh = Registry("pattern")
    monkeypatch.setattr(spec, "PATTERNS", fresh)

    @spec.pattern("harami", candles=2, lean=spec.Lean.BULLISH, warmup=11)
    def step(rings, counts, states, slots, out):
        pass

    found = fresh.get("harami")
    assert (found.candles, found.lean, found.warmup, found.size, found.mirror) == (2, "bullish", 11, 1, "")


def test_mirrors_know_each_other():
    for name, found in PATTERNS.items():
        if found.mirror:
            assert PATTERNS.get(found.mirror).mirror == name
