"""Rounding gives a valid price on the right side, whatever the price, the band and the side."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.money import TICK_BANDS, nse_tick_paise, round_out, round_to_tick, rupees, to_paise, whole_lots
from pipeline.core.types import Side

prices = st.one_of(
    st.integers(1, 50_000_00),
    # Close to the edges of the bands, where a rounded price lands in the neighbour's.
    st.builds(
        lambda edge, off: max(1, edge + off), st.sampled_from([250_00, 1_000_00, 5_000_00, 10_000_00, 20_000_00]), st.integers(-600, 600)
    ),
)
dates = st.sampled_from(["2016-08-16", *(since for since, _ in TICK_BANDS if since != ""), "2024-06-09", "2025-04-14", "2026-11-20"])
sides = st.sampled_from(list(Side))


@settings(max_examples=300, deadline=None)
@given(prices, dates, sides)
def test_a_rounded_limit_is_valid_and_never_worse(paise: int, day: str, side: Side) -> None:
    tick = nse_tick_paise(paise, day)
    if paise < tick:
        return
    limit, out = round_to_tick(paise, tick, side), round_out(paise, tick, side)
    for rounded in (limit, out):
        assert rounded > 0
        assert rounded % tick == 0
        assert rounded % nse_tick_paise(rounded, day) == 0, "valid in the band it lands in, too"
        assert abs(rounded - paise) < tick
    assert (limit - paise) * side.sign <= 0
    assert (out - paise) * side.sign >= 0
    assert round_to_tick(limit, tick, side) == limit
    assert round_out(paise, tick, side) == round_to_tick(paise, tick, side.opposite)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**12))
def test_paise_survive_the_trip_through_a_double_of_rupees(paise: int) -> None:
    assert to_paise(paise / 100) == paise


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**14), 10**14))
def test_written_rupees_read_back(paise: int) -> None:
    text = rupees(paise)
    assert int(text.replace(",", "").replace(".", "")) == paise
    head, *groups = text.lstrip("-").split(".")[0].split(",")
    assert len(head) <= (3 if groups == [] else 2)
    assert [len(g) for g in groups] == [2] * (len(groups) - 1) + [3] * (len(groups) > 0)


@settings(max_examples=200, deadline=None)
@given(st.integers(-100, 10**9), st.integers(1, 10_000))
def test_whole_lots_are_the_most_that_fits(qty: int, lot: int) -> None:
    whole = whole_lots(qty, lot)
    assert whole % lot == 0
    assert 0 <= whole <= max(0, qty) < whole + lot
