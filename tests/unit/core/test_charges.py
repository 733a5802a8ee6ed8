"""Charges against the check figures that the facts sheet gives, item by item."""

from __future__ import annotations

import pytest

from pipeline.core.charges import Charges, Product, charges_for, intraday_charges, total
from pipeline.core.rates import Plan


def test_intraday_round_trip_of_the_facts_sheet() -> None:
    """Buy 100 at 500, sell 100 at 505."""
    charges = intraday_charges(50_000_00, 50_500_00, 2, "2026-11-20")
    found = [charges.brokerage, charges.transaction, charges.ipft, charges.sebi, charges.stt, charges.stamp, charges.gst]
    # The sheet prints four decimals of a rupee: half of the last is 0.005 paise.
    assert found == pytest.approx([4000.0, 298.49, 10.05, 10.05, 1262.5, 150.0, 777.35], abs=0.0051)
    assert charges.exact == pytest.approx(6508.43, abs=0.0051)
    assert charges.total_paise == 6508


def test_option_round_trip_of_the_facts_sheet() -> None:
    """Buy 65 at 120, sell at 130."""
    charges = charges_for(Product.OPTIONS, (7_800_00, 8_450_00), 2, "2026-11-20")
    found = [charges.brokerage, charges.transaction, charges.ipft, charges.sebi, charges.stt, charges.stamp, charges.gst]
    assert found == pytest.approx([4000.0, 569.24, 8.13, 1.63, 1267.5, 23.4, 824.22], abs=0.0051)
    assert charges.exact == pytest.approx(6694.11, abs=0.0051)
    assert charges.total_paise == 6694


def test_futures_pay_more_transaction_tax_since_april_2026() -> None:
    before = charges_for(Product.FUTURES, (0, 1_000_000_00), 1, "2026-03-31")
    after = charges_for(Product.FUTURES, (0, 1_000_000_00), 1, "2026-04-01")
    assert (before.stt, after.stt) == pytest.approx((20_000.0, 50_000.0))
    assert before.brokerage == after.brokerage == 2000.0


def test_small_orders_pay_the_ratio_and_not_the_cap() -> None:
    charges = intraday_charges(1_000_00, 0, 1, "2026-11-20")
    assert charges.brokerage == pytest.approx(100.0)
    assert charges.stt == 0.0
    assert charges.stamp == pytest.approx(3.0)


def test_transaction_charges_by_date() -> None:
    found = [intraday_charges(1_000_000_00, 0, 1, day).transaction for day in ("2021-04-26", "2024-09-30", "2024-10-01")]
    assert found == pytest.approx([3450.0, 3220.0, 2970.0])


def test_no_trade_costs_nothing() -> None:
    for product in Product:
        assert charges_for(product, (0, 0), 0, "2026-11-20").total_paise == 0


@pytest.mark.parametrize(("turnover", "orders"), [((-1, 0), 1), ((0, -1), 1), ((0, 0), -1)])
def test_negative_turnover_is_a_bug(turnover: tuple[int, int], orders: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        charges_for(Product.INTRADAY, turnover, orders, "2026-11-20")


def test_delivery_is_taxed_on_both_legs_and_bse_has_its_own_exchange_charge() -> None:
    bought = charges_for(Product.DELIVERY, (1_000_00, 0), 1, "2026-11-20")
    assert (bought.brokerage, bought.stt, bought.stamp) == pytest.approx((2000.0, 100.0, 15.0))
    bse = charges_for(Product.BSE_INTRADAY, (1_000_000_00, 0), 1, "2026-11-20")
    assert (bse.transaction, bse.ipft, bse.stamp) == pytest.approx((3750.0, 0.0, 3000.0))


def test_options_and_futures_tax_by_date() -> None:
    days = ("2024-09-30", "2024-10-01", "2026-03-31", "2026-04-01")
    assert [charges_for(Product.OPTIONS, (0, 1_000_00), 1, day).stt for day in days] == pytest.approx([62.5, 100.0, 100.0, 150.0])
    assert [charges_for(Product.FUTURES, (0, 1_000_00), 1, day).stt for day in days] == pytest.approx([12.5, 20.0, 20.0, 50.0])


def test_lines_add_up_in_any_order() -> None:
    parts = [intraday_charges(n * 1_000_01, n * 999_99, n, "2026-11-20") for n in range(1, 50)]
    assert total(parts) == total(parts[::-1])
    assert total(parts).exact == pytest.approx(sum(part.exact for part in parts))
    assert total([]) == Charges(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_the_plus_plan_raises_the_cap_and_nothing_else():
    big = [charges_for(Product.INTRADAY, (10_000_000_00, 0), 1, "2026-11-20", plan) for plan in Plan]
    assert [charges.brokerage for charges in big] == [20_00, 30_00]
    assert len({(c.stt, c.transaction, c.ipft, c.sebi, c.stamp) for c in big}) == 1
    assert big[1].gst - big[0].gst == pytest.approx(1_80)
    small = [charges_for(Product.INTRADAY, (1_000_00, 0), 1, "2026-11-20", plan) for plan in Plan]
    assert small[0] == small[1], "0.1 % is below either cap"
    assert [charges_for(Product.OPTIONS, (1_000_00, 0), 1, "2026-11-20", plan).brokerage for plan in Plan] == [20_00, 30_00]
