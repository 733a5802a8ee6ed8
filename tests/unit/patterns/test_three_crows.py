"""Three crows and three soldiers, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import candles, drawn, found, found_plain

CROWS = ((104.0, 106.0, 103.9, 105.9), (105.5, 105.6, 103.9, 104.0), (105.0, 105.1, 101.9, 102.0), (103.0, 103.1, 99.9, 100.0))
SOLDIERS = ((100.0, 102.05, 99.9, 102.0), (101.5, 104.05, 101.4, 104.0), (103.5, 106.05, 103.4, 106.0))


def test_drawn():
    assert found(drawn(*CROWS), "three_black_crows")[-1] == -1
    assert found(drawn(*SOLDIERS), "three_white_soldiers")[-1] == 1


@pytest.mark.parametrize(
    ("at", "shape"),
    [
        (0, (105.9, 106.0, 103.9, 104.0)),
        (1, (105.5, 105.6, 103.0, 104.0)),
        (2, (105.8, 105.9, 101.9, 102.0)),
        (3, (101.5, 104.0, 100.0, 102.5)),
    ],
    ids=["no white before", "lower shadow", "opens above", "white"],
)
def test_no_crows(at, shape):
    shapes = list(CROWS)
    shapes[at] = shape
    assert found(drawn(*shapes), "three_black_crows")[-1] == 0


@pytest.mark.parametrize(
    ("at", "shape"),
    [
        (0, (102.0, 102.05, 99.9, 100.0)),
        (1, (101.5, 105.0, 101.4, 104.0)),
        (2, (105.5, 107.05, 105.4, 107.0)),
        (2, (103.5, 104.25, 103.4, 104.2)),
    ],
    ids=["black", "upper shadow", "opens far", "shrinks"],
)
def test_no_soldiers(at, shape):
    shapes = list(SOLDIERS)
    shapes[at] = shape
    assert found(drawn(*shapes), "three_white_soldiers")[-1] == 0


@pytest.mark.parametrize("name", ["three_black_crows", "three_white_soldiers"])
def test_plain_twin_agrees(name):
    rows = candles(6000, seed=2)
    assert any(found(rows, name))
    assert found_plain(rows[:600], name) == found(rows[:600], name)
    assert found_plain(drawn(*CROWS, *SOLDIERS), name) == found(drawn(*CROWS, *SOLDIERS), name)
