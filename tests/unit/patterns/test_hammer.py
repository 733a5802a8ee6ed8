"""Hammer and inverted hammer, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import candles, drawn, found, found_plain

HAMMER = (98.8, 99.21, 97.0, 99.2)
INVERTED = (99.0, 101.0, 98.79, 98.8)


def test_hammer():
    assert found(drawn(HAMMER), "hammer")[-1] == 1


@pytest.mark.parametrize(
    "shape",
    [(98.8, 99.21, 98.5, 99.2), (98.8, 100.0, 97.0, 99.2), (98.0, 99.91, 95.0, 99.9), (100.8, 101.21, 99.0, 101.2)],
    ids=["short tail", "upper shadow", "long body", "too high"],
)
def test_no_hammer(shape):
    assert found(drawn(shape), "hammer")[-1] == 0


def test_inverted_hammer():
    assert found(drawn(INVERTED), "inverted_hammer")[-1] == 1


@pytest.mark.parametrize(
    "shape",
    [(99.0, 99.1, 98.79, 98.8), (99.0, 101.0, 98.0, 98.8), (100.2, 102.0, 99.99, 100.0)],
    ids=["short shadow", "lower shadow", "no gap"],
)
def test_no_inverted_hammer(shape):
    assert found(drawn(shape), "inverted_hammer")[-1] == 0


@pytest.mark.parametrize("name", ["hammer", "inverted_hammer"])
def test_plain_twin_agrees(name):
    rows = candles(400)
    assert found_plain(rows, name) == found(rows, name)
    assert any(found(rows, name))
