"""Rounding gives a valid price on the right side, whatever the price, the band and the side."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.money import TICK_BANDS, nse_tick_paise, price_band, round_out, round_to_tick, rupees, to_paise, whole_lots
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


def test_no_invalid_price_over_all_paise_to_25_000_rupees() -> None:
    """Exhaustive: every band of today's table, every paisa in it, both sides, both directions."""
    bands = TICK_BANDS[-1][1]
    highs = [low for low, _ in bands[1:]] + [25_000_00 + 1]
    seen = 0
    for (low, tick), high in zip(bands, highs, strict=True):
        assert nse_tick_paise(max(low, 1), "2026-11-20") == nse_tick_paise(high - 1, "2026-11-20") == tick
        for paise in range(max(low, 1), high):
            buy, sell = round_to_tick(paise, tick, Side.BUY), round_to_tick(paise, tick, Side.SELL)
            is_valid = buy % tick == 0 and sell % tick == 0 and 0 < buy <= paise <= sell < buy + 2 * tick
            if not is_valid or (buy == sell) != (paise % tick == 0):
                raise AssertionError((paise, tick, buy, sell))
            if round_out(paise, tick, Side.BUY) != sell or round_out(paise, tick, Side.SELL) != buy:
                raise AssertionError((paise, tick))
            seen += 1
    assert seen == 25_000_00


@settings(max_examples=300, deadline=None)
@given(st.integers(1_00, 25_000_00), st.sampled_from([0.02, 0.05, 0.1, 0.2]), dates)
def test_the_price_band_lies_on_ticks_and_within(close: int, ratio: float, day: str) -> None:
    tick = nse_tick_paise(close, day)
    low, high = price_band(close, ratio, tick)
    assert low % tick == high % tick == 0
    assert close * (1 - ratio) - 1e-6 <= low < close * (1 - ratio) + tick + 1
    assert close * (1 + ratio) - tick - 1 < high <= close * (1 + ratio) + 1e-6


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
