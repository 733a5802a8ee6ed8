"""The rate table is whole and in order."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise, product

import pytest

from pipeline.core.rates import LINE_WORDS, RATES, Leg, Line, Product, product_for


@pytest.mark.parametrize(("paper", "line"), [*product(Product, Line)])
def test_every_line_of_every_product_reaches_back_and_rises_in_date(paper: Product, line: Line) -> None:
    rows = [rate for rate in RATES if rate.product is paper and rate.line is line]
    assert rows[0].since == ""
    assert all(one.since < two.since and one.per_cent != two.per_cent for one, two in pairwise(rows))
    assert len({rate.leg for rate in rows}) == 1
    for rate in rows[1:]:
        assert date.fromisoformat(rate.since).isoformat() == rate.since


def test_per_cents_are_numbers_and_only_brokerage_may_lack_one() -> None:
    for rate in RATES:
        assert rate.per_cent or rate.line is Line.BROKERAGE
        assert Decimal(rate.per_cent or "0") >= 0


def test_gst_alone_is_taken_of_the_fees() -> None:
    assert {rate.line for rate in RATES if rate.leg is Leg.FEES} == {Line.GST}
    assert set(LINE_WORDS) == set(Line)


@pytest.mark.parametrize(
    ("segment", "symbol", "kind"),
    [
        ("NSE_EQ", "RELIANCE", "INTRADAY"),
        ("BSE_EQ", "SPICE", "BSE_INTRADAY"),
        ("NSE_EQ", "PEL", "INTRADAY"),
        ("NSE_FO", "BANKNIFTY 54100 PE 27 JAN 26", "OPTIONS"),
        ("NSE_FO", "NIFTY26JAN25000CE", "OPTIONS"),
        ("BSE_FO", "SENSEX 81000 CE 29 JAN 26", "BSE_OPTIONS"),
        ("NSE_FO", "RELIANCE FUT 27 JAN 26", "FUTURES"),
        ("BSE_FO", "SENSEX FUT 29 JAN 26", "BSE_FUTURES"),
        ("NSE_FO", "", "FUTURES"),
    ],
)
def test_a_paper_is_charged_by_its_segment_and_its_symbol(segment: str, symbol: str, kind: str) -> None:
    assert product_for(segment, symbol) == kind
