"""Charges against a slow version in decimals that shares no code and no rate with ours."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.charges import intraday_charges

turnovers = st.integers(0, 10**11)


def slow_intraday_paise(buy: int, sell: int, orders: int) -> Decimal:
    """In per cent, as the exchange's tables are written (rates since 1 Oct 2024)."""
    both = Decimal(buy) + Decimal(sell)
    brokerage = min(Decimal(2000) * orders, both * Decimal("0.1") / 100)
    transaction = both * Decimal("0.00297") / 100
    ipft = both * Decimal("0.0001") / 100
    sebi = both * Decimal("0.0001") / 100
    gst = (brokerage + transaction + ipft + sebi) * 18 / 100
    return brokerage + transaction + ipft + sebi + gst + Decimal(sell) * Decimal("0.025") / 100 + Decimal(buy) * Decimal("0.003") / 100


def test_the_slow_version_gives_the_check_figure() -> None:
    assert round(slow_intraday_paise(50_000_00, 50_500_00, 2) / 100, 4) == Decimal("65.0843")


@settings(max_examples=300, deadline=None)
@given(turnovers, turnovers, st.integers(0, 500))
def test_equal_to_the_slow_version(buy: int, sell: int, orders: int) -> None:
    expected = slow_intraday_paise(buy, sell, orders)
    charges = intraday_charges(buy, sell, orders, "2026-11-20")
    assert abs(Decimal(charges.exact) - expected) < Decimal("0.001")
    assert abs(charges.total_paise - expected) <= Decimal("0.501")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20))
def test_brokerage_of_a_sum_is_never_too_low(orders: list[int]) -> None:
    exact = sum(min(2000.0, 0.001 * each) for each in orders)
    assert intraday_charges(sum(orders), 0, len(orders), "2026-11-20").brokerage >= exact - 1e-6


@settings(max_examples=200, deadline=None)
@given(turnovers, turnovers, st.integers(1, 100), st.integers(0, 10**9))
def test_more_turnover_never_costs_less(buy: int, sell: int, orders: int, more: int) -> None:
    less = intraday_charges(buy, sell, orders, "2026-11-20").exact
    assert intraday_charges(buy + more, sell, orders, "2026-11-20").exact >= less
    assert intraday_charges(buy, sell + more, orders, "2026-11-20").exact >= less
