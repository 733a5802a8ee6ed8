"""Hikkake, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer
from tests.fakes.drawn import drawn_tests

HITS = {
    "hikkake": (10, [(100.0, 103.0, 97.0, 101.0), (100.5, 102.0, 98.0, 100.0), (99.0, 101.0, 97.5, 99.5)]),
    "modified_hikkake": (
        10,
        [(100.0, 104.0, 96.0, 101.0), (100.0, 103.0, 97.0, 97.3), (98.0, 102.0, 97.5, 99.0), (98.5, 101.0, 97.2, 98.0)],
    ),
}
MISSES = {
    "hikkake": [(100.0, 103.0, 97.0, 101.0), (100.5, 102.0, 98.0, 100.0), (99.0, 102.0, 97.5, 99.5)],
    "modified_hikkake": [(100.0, 104.0, 96.0, 101.0), (100.0, 103.0, 97.0, 98.0), (98.0, 102.0, 97.5, 99.0), (98.5, 101.0, 97.2, 98.0)],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)


@pytest.mark.parametrize("name", ["hikkake", "modified_hikkake"])
def test_the_first_close_beyond_the_inside_candle_confirms_it(name):
    quiet, beyond = (99.0, 101.5, 98.0, 99.5), (100.0, 103.0, 99.5, 102.5)
    assert answer(name, *HITS[name][1], beyond) == 20
    assert answer(name, *HITS[name][1], beyond, (100.0, 104.0, 99.6, 102.6)) == 0
    assert answer(name, *HITS[name][1], quiet, quiet, beyond) == 20
    assert answer(name, *HITS[name][1], quiet, quiet, quiet, beyond) == 0
