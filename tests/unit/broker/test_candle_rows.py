import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.archive.soundness import BAR
from pipeline.broker.candle_rows import CandleChecker, parse
from pipeline.simulator.answers import iso_time
from tests.fakes.archive import CALENDAR, STOCK, minutes_of

BARS = minutes_of("2026-11-19")


def plain(bars):
    return [[iso_time(int(b["ts"])), *(float(b[n]) for n in ("open", "high", "low", "close")), int(b["volume"]), 0] for b in bars]


def take(rows, most=10_000):
    refused = []
    found = CandleChecker(STOCK, 1, CALENDAR, refused.append).take(rows, most, lambda _: True)
    return found, refused


def test_either_order_gives_the_same_bars_newest_first():
    for rows in (plain(BARS), plain(BARS)[::-1]):
        bars, refused = parse(rows)
        assert (bars.tobytes(), refused) == (BARS[::-1].tobytes(), [])
    assert parse([])[0].dtype == BAR


def test_the_newest_are_taken_with_their_ends():
    found, refused = take(plain(BARS), 3)
    assert sorted(found) == BARS["ts"][-3:].tolist()
    assert all(candle[1] == start + 60_000 for start, candle in found.items())
    assert refused == []


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([], "six or seven"),
        ({}, "six or seven"),
        (["2026-11-19T09:15:00+05:30", 1, 1, 1, 1, 1e300, 0], "out of bounds"),
        (["2026-11-19T09:15:00+05:30", 10**400, 1, 1, 1, 1, 0], "no number"),
        (["2026-11-19T09:15:00+05:30", True, 1, 1, 1, 1, 0], "no number"),
        (["2026-11-19T09:15:00+05:30", 1, 1, 1, 1, None], "no number"),
    ],
)
def test_a_row_that_is_none_is_named(row, words):
    found, refused = take([row])
    assert found == {}
    assert words in refused[0]
    assert refused[0].startswith("RELIANCE 1m: ")


@given(st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=30), st.booleans()), max_size=8)), max_size=5))  # fmt: skip
def test_nothing_that_comes_raises_and_nothing_unsound_is_taken(rows):
    found, _ = take(rows)
    assert np.all([candle[4] > 0 for candle in found.values()])
