import json
from dataclasses import replace

import pytest

from pipeline.core.charges import Product, total
from pipeline.core.errors import Corrupt
from pipeline.core.types import Fill, Side
from pipeline.engine.portfolio import Ledger, new_ledger, product_of
from tests.fakes.trading import PAPERS

B, S = Side.BUY, Side.SELL


def fill(n, side, qty, paise, symbol="AAA", order="O1"):
    return Fill(n, f"{order}-{n}", order, "i", symbol, side, qty, paise, "entry")


def booked(*fills):
    ledger = Ledger("2026-11-20")
    for f in fills:
        ledger.apply(f)
    return ledger


def test_average_cost_and_realised():
    ledger = booked(fill(1, B, 100, 500_00), fill(2, B, 100, 510_00), fill(3, S, 50, 520_00))
    h = ledger.holdings["AAA"]
    assert (h.qty, h.avg_px, h.realised_paise) == (150, 505.0, 50 * 15_00)
    ledger.mark("AAA", 500_00, 9)
    assert (h.unrealised_paise, h.mark_ms, ledger.exposure_paise) == (-150 * 5_00, 9, 150 * 500_00)


def test_short_and_reversal():
    ledger = booked(fill(1, S, 10, 100_00), fill(2, B, 15, 90_00))
    h = ledger.holdings["AAA"]
    assert (h.qty, h.cost_paise, h.realised_paise, h.opened_ms) == (5, 5 * 90_00, 10 * 10_00, 2)


def test_losing_trades_in_a_row_are_counted_when_they_end():
    ledger = booked(fill(1, B, 10, 100_00), fill(2, S, 4, 99_00))
    assert ledger.losses_in_row == 0, "the trade goes on"
    ledger.apply(fill(3, S, 6, 100_50))
    assert ledger.losses_in_row == 1, "4 lost one rupee each, 6 won half of one"
    for row in (fill(4, S, 5, 100_00), fill(5, B, 8, 101_00)):
        ledger.apply(row)
    assert ledger.losses_in_row == 2, "a reversal ends one trade and begins the next"
    ledger.apply(fill(6, S, 3, 101_00))
    assert ledger.losses_in_row == 0, "no loss, no row"


def test_a_trade_id_counts_once():
    ledger = booked(fill(1, B, 10, 100_00))
    assert ledger.apply(fill(1, B, 10, 100_00)) is False
    assert ledger.qty("AAA") == 10
    assert ledger.qty("nobody") == 0


def test_charges_are_capped_by_order():
    ledger = booked(fill(1, B, 100, 500_00, order="O1"), fill(2, S, 100, 505_00, order="O2"))
    assert ledger.charges_paise == 6508
    assert ledger.net_paise == 500_00 - 6508


def test_charges_are_those_of_all_fills_so_far():
    ledger = booked(fill(1, B, 100, 500_00, order="O1"))
    first = ledger.charges_paise
    ledger.apply(fill(2, S, 100, 505_00, order="O2"))
    assert first < ledger.charges_paise == 6508
    other = booked()
    assert other.charges_paise == 0
    other.restore(ledger.dump())
    assert other.charges_paise == 6508


def test_charges_stand_line_by_line():
    ledger = booked(fill(1, B, 100, 500_00, order="O1"), fill(2, S, 100, 505_00, order="O2"))
    assert ledger.charge_lines == total([ledger.charges["O1"], ledger.charges["O2"]])
    assert ledger.charge_lines.stt == pytest.approx(1262.5)


def test_a_cost_that_does_not_divide_is_not_lost():
    ledger = booked(fill(1, B, 2, 100), fill(2, B, 1, 101), fill(3, S, 1, 100), fill(4, S, 1, 100), fill(5, S, 1, 100))
    assert ledger.realised_paise == -1
    assert ledger.holdings["AAA"].cost_paise == 0


def test_no_mark_no_guess():
    ledger = booked(fill(1, B, 10, 100_00))
    ledger.mark("AAA", 0, 5)
    ledger.mark("BBB", 100, 5)
    h = ledger.holdings["AAA"]
    assert (h.mark_ms, h.unrealised_paise, h.exposure_paise) == (0, 0, 10 * 100_00)


def test_peak_and_drawdown():
    ledger = booked(fill(1, B, 100, 100_00))
    ledger.mark("AAA", 110_00, 1)
    first = ledger.minute(60_000)
    ledger.mark("AAA", 105_00, 2)
    second = ledger.minute(120_000)
    assert (first.drawdown_paise, second.drawdown_paise) == (0, 100 * 5_00)
    assert second.peak_paise == first.net_paise
    assert (second.positions, second.fills) == (1, 1)


@pytest.mark.parametrize("bad", [fill(1, B, 0, 100), fill(1, B, 1, 0)])
def test_an_empty_fill_is_corrupt(bad):
    with pytest.raises(Corrupt):
        booked(bad)


def test_dump_and_restore():
    ledger = booked(fill(1, B, 7, 101), fill(2, S, 3, 99))
    ledger.mark("AAA", 100, 4)
    ledger.observe()
    twin = Ledger("2026-11-20")
    twin.restore(json.loads(json.dumps(ledger.dump())))
    assert twin == ledger


OPTION = replace(PAPERS[1], symbol="NIFTY26NOV26000CE", instrument_key="NSE_FO|40001")


def test_products_by_segment_and_symbol():
    assert product_of(replace(PAPERS[1], symbol="RELIANCE")) is Product.INTRADAY
    assert product_of(OPTION) is Product.OPTIONS
    assert product_of(replace(OPTION, symbol="NIFTY26NOVFUT")) is Product.FUTURES


def test_options_are_charged_as_options():
    ledger = new_ledger("2026-11-20", [OPTION])
    ledger.apply(fill(1, B, 65, 120_00, OPTION.symbol, "O1"))
    ledger.apply(fill(2, S, 65, 130_00, OPTION.symbol, "O2"))
    assert ledger.charges_paise == 6694
