"""The form of an indicator."""

from __future__ import annotations

import pytest

from pipeline.core.registry import INDICATORS
from pipeline.indicators import spec


@pytest.fixture
def registry(monkeypatch):
    from pipeline.core.registry import Registry

    fresh = Registry("indicator")
    monkeypatch.setattr(spec, "INDICATORS", fresh)
    return fresh


def test_one_decorator_registers_it(registry):
    @spec.indicator("twice", columns=("a", "b"), warmup=3, size=2, params=(5,), settle=9)
    def step(state, bars, params, out):
        pass

    found = registry.get("twice")
    assert (found.columns, found.params, found.warmup, found.size, found.degree) == (("a", "b"), (5,), 3, 2, (1, 1))
    assert (found.settle, found.sessions, found.has_gaps) == (9, 0, False)
    assert found.step is step


@pytest.mark.parametrize("alpha", [2 / 201, 1 / 14])
def test_a_seed_fades_to_a_thousandth(alpha):
    candles = spec.seed_fades(alpha)
    assert (1 - alpha) ** candles <= 1e-3 < (1 - alpha) ** (candles - 1)


def test_a_name_is_taken_once(registry):
    for _ in range(2):
        decorate = spec.indicator("x", columns=("a",), warmup=1, size=1)
    decorate(lambda *_: None)
    with pytest.raises(ValueError, match="two indicators"):
        decorate(lambda *_: None)


def test_every_column_has_one_owner():
    columns = [c for _, s in INDICATORS.items() for c in s.columns]
    assert len(columns) == len(set(columns))
    assert all(len(s.degree) == len(s.columns) for _, s in INDICATORS.items())
