"""Doji, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import candles, drawn, found, found_plain


@pytest.mark.parametrize(("close", "is_doji"), [(100.0, True), (100.3, True), (100.31, False), (99.7, True), (99.69, False)])
def test_a_body_of_a_tenth_of_the_range_at_most(close, is_doji):
    rows = drawn((100.0, 102.0, 98.0, close))
    assert found(rows, "doji") == [0] * 14 + [int(is_doji)]


def test_plain_twin_agrees():
    rows = candles(200)
    assert found_plain(rows, "doji") == found(rows, "doji")
