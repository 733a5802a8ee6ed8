"""Charges against a slow version in decimals that shares no code and no rate with ours."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.charges import Product, charges_for, intraday_charges

turnovers = st.integers(0, 10**11)
DATES = ("2021-04-26", "2023-03-31", "2023-04-01", "2024-09-30", "2024-10-01", "2026-03-31", "2026-04-01", "2026-11-20")
BSE = (Product.BSE_INTRADAY, Product.BSE_FUTURES, Product.BSE_OPTIONS)
NONE = Decimal(0)


def slow_lines(product: Product, buy: int, sell: int, orders: int, day: str) -> dict[str, Decimal]:
    """Spell the rules out once more, in per cent, as the exchanges' notices are written."""
    both, cap = Decimal(buy) + Decimal(sell), Decimal(2000) * orders
    kind = product.value.removeprefix("BSE_")
    per_cent = {"INTRADAY": Decimal("0.1"), "FUTURES": Decimal("0.05")}.get(kind)
    brokerage = NONE if both == 0 else cap if per_cent is None else min(cap, both * per_cent / 100)
    if kind in ("INTRADAY", "DELIVERY"):
        charge = Decimal("0.00297") if day >= "2024-10-01" else Decimal("0.00322") if day >= "2023-04-01" else Decimal("0.00345")
        ipft = Decimal("0.0001") if day >= "2023-04-01" else NONE
        tax = Decimal(sell) * Decimal("0.025") if kind == "INTRADAY" else both * Decimal("0.1")
        stamp = Decimal("0.003") if kind == "INTRADAY" else Decimal("0.015")
    elif kind == "FUTURES":
        charge, ipft, stamp = Decimal("0.00173"), Decimal("0.0001"), Decimal("0.002")
        tax = Decimal(sell) * (Decimal("0.05") if day >= "2026-04-01" else Decimal("0.02") if day >= "2024-10-01" else Decimal("0.0125"))
    else:
        charge, ipft, stamp = Decimal("0.03503"), Decimal("0.0005"), Decimal("0.003")
        tax = Decimal(sell) * (Decimal("0.15") if day >= "2026-04-01" else Decimal("0.1") if day >= "2024-10-01" else Decimal("0.0625"))
    if product in BSE:
        charge, ipft = {"INTRADAY": Decimal("0.00375"), "FUTURES": NONE, "OPTIONS": Decimal("0.0325")}[kind], NONE
    lines = {"brokerage": brokerage, "transaction": both * charge / 100, "ipft": both * ipft / 100, "sebi": both * Decimal("0.0001") / 100}
    return lines | {"gst": sum(lines.values(), NONE) * 18 / 100, "stt": tax / 100, "stamp": Decimal(buy) * stamp / 100}


def test_the_slow_version_gives_the_check_figures() -> None:
    intraday = slow_lines(Product.INTRADAY, 50_000_00, 50_500_00, 2, "2026-11-20")
    assert round(sum(intraday.values(), NONE) / 100, 4) == Decimal("65.0843")
    options = slow_lines(Product.OPTIONS, 7_800_00, 8_450_00, 2, "2026-11-20")
    assert round(sum(options.values(), NONE) / 100, 4) == Decimal("66.9411")


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(list(Product)), turnovers, turnovers, st.integers(0, 500), st.sampled_from(DATES))
def test_every_line_equals_the_slow_version(product: Product, buy: int, sell: int, orders: int, day: str) -> None:
    expected, found = slow_lines(product, buy, sell, orders, day), charges_for(product, (buy, sell), orders, day)
    for line, paise in expected.items():
        assert abs(Decimal(getattr(found, line)) - paise) < Decimal("0.001"), line
    exact = sum(expected.values(), NONE)
    assert abs(Decimal(found.exact) - exact) < Decimal("0.001")
    assert abs(found.total_paise - exact) <= Decimal("0.501")


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
