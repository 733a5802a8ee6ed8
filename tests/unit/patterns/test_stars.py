"""Morning and evening star, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import candles, drawn, found, found_plain

MORNING = ((101.0, 101.5, 97.5, 98.0), (97.4, 97.9, 96.8, 97.1), (97.5, 100.5, 97.4, 100.0))
EVENING = ((98.0, 101.5, 97.5, 101.0), (101.6, 102.2, 101.5, 101.9), (101.5, 101.6, 98.5, 99.0))


def test_stars():
    assert found(drawn(*MORNING), "morning_star")[-1] == 1
    assert found(drawn(*EVENING), "evening_star")[-1] == -1
    assert found(drawn(*EVENING), "morning_star")[-1] == found(drawn(*MORNING), "evening_star")[-1] == 0


@pytest.mark.parametrize(
    ("at", "shape"),
    [(0, (98.5, 99.0, 97.5, 98.0)), (1, (98.2, 98.5, 97.5, 98.1)), (2, (97.5, 98.8, 97.4, 98.7)), (2, (100.0, 100.5, 97.0, 97.5))],
    ids=["first short", "no gap", "not back", "black"],
)
def test_no_morning_star(at, shape):
    shapes = list(MORNING)
    shapes[at] = shape
    assert found(drawn(*shapes), "morning_star")[-1] == 0


@pytest.mark.parametrize("name", ["morning_star", "evening_star"])
def test_plain_twin_agrees(name):
    rows = candles(500)
    assert found_plain(rows, name) == found(rows, name)
    assert any(found(rows, name))
