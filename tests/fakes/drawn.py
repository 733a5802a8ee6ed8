"""The tests that every pattern's file has: drawn candles that are it, and others that are it nearly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.fakes.bars import answer

Shape = tuple[float, float, float, float]
"""Open, high, low, close."""


def drawn_tests(hits: Mapping[str, tuple[int, list[Shape]]], misses: Mapping[str, list[Shape]]) -> tuple[Callable[..., None], ...]:
    """Make the two: ``test_drawn`` of name -> (strength, candles), ``test_nearly`` of name -> candles of no strength."""

    @pytest.mark.parametrize("name", hits)
    def test_drawn(name: str) -> None:
        strength, shapes = hits[name]
        assert answer(name, *shapes) == strength

    @pytest.mark.parametrize("name", misses)
    def test_nearly(name: str) -> None:
        assert answer(name, *misses[name]) == 0

    return test_drawn, test_nearly
