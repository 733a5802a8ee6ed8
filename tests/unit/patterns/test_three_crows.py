"""Three crows and three soldiers, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer
from tests.fakes.drawn import drawn_tests

HITS = {
    "three_black_crows": (
        -10,
        [(104.0, 106.0, 103.9, 105.9), (105.5, 105.6, 103.9, 104.0), (105.0, 105.1, 101.9, 102.0), (103.0, 103.1, 99.9, 100.0)],
    ),
    "identical_three_crows": (-10, [(105.0, 105.1, 102.9, 103.0), (103.0, 103.05, 100.9, 101.0), (101.0, 101.1, 98.9, 99.0)]),
    "three_white_soldiers": (10, [(100.0, 102.05, 99.9, 102.0), (101.5, 104.05, 101.4, 104.0), (103.5, 106.05, 103.4, 106.0)]),
}
MISSES = {
    "three_black_crows": [
        (104.0, 106.0, 103.9, 105.9),
        (105.5, 105.6, 103.9, 104.0),
        (105.0, 105.1, 101.9, 102.0),
        (101.5, 104.0, 100.0, 102.5),
    ],
    "identical_three_crows": [(105.0, 105.1, 102.9, 103.0), (102.5, 102.6, 100.9, 101.0), (101.0, 101.1, 98.9, 99.0)],
    "three_white_soldiers": [(100.0, 102.05, 99.9, 102.0), (101.5, 104.05, 101.4, 104.0), (105.5, 107.05, 105.4, 107.0)],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)


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
    shapes = list(HITS["three_black_crows"][1])
    shapes[at] = shape
    assert answer("three_black_crows", *shapes) == 0


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
    shapes = list(HITS["three_white_soldiers"][1])
    shapes[at] = shape
    assert answer("three_white_soldiers", *shapes) == 0
