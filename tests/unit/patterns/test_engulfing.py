"""Engulfing, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import candles, drawn, found, found_plain

WHITE, BLACK = (100.0, 102.0, 99.0, 101.0), (101.0, 102.0, 99.0, 100.0)


@pytest.mark.parametrize(
    ("first", "second", "bull", "bear"),
    [
        (BLACK, (99.5, 102.0, 99.0, 101.5), 1, 0),
        (BLACK, (100.0, 102.0, 99.0, 101.5), 1, 0),
        (BLACK, (100.0, 102.0, 99.0, 101.0), 0, 0),
        (BLACK, (100.2, 102.0, 99.0, 101.5), 0, 0),
        (WHITE, (101.5, 102.0, 99.0, 99.5), 0, -1),
        (WHITE, (101.0, 102.0, 99.0, 99.5), 0, -1),
        (WHITE, (99.5, 102.0, 99.0, 101.5), 0, 0),
    ],
)
def test_the_body_must_cover_the_other_colour(first, second, bull, bear):
    rows = drawn(first, second)
    assert found(rows, "bullish_engulfing")[-1] == bull
    assert found(rows, "bearish_engulfing")[-1] == bear


@pytest.mark.parametrize("name", ["bullish_engulfing", "bearish_engulfing"])
def test_plain_twin_agrees(name):
    rows = candles(200)
    assert found_plain(rows, name) == found(rows, name)
    assert any(found(rows, name))
