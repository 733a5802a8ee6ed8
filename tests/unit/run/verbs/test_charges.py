"""Charges of the day against the broker's."""

from dataclasses import replace

import pytest

from pipeline.core.charges import charges_for
from pipeline.core.errors import Refused
from pipeline.core.rates import Plan, Product
from pipeline.core.types import Fill, Side
from pipeline.run import cli
from pipeline.run.verbs.charges import compared, words_of
from tests.fakes.trading import DATE, PAPERS, at

T = at("10:00")
PAPERS_BY_NAME = {paper.symbol: paper for paper in PAPERS}
FILL = Fill(T, "t1", "B1", "i1", "AAA", Side.BUY, 100, 100_00, "entry")
SOLD = replace(FILL, trade_id="t3", order_id="B2", side=Side.SELL, last_qty=300)
DAY = [FILL, replace(FILL, trade_id="t2", last_qty=200, last_paise=100_30), SOLD]


def test_an_order_is_one_whatever_its_parts_and_agrees_with_a_broker_of_our_rates():
    asked = []

    def ask(key, side, qty, px_paise):
        asked.append((key, side, qty, px_paise))
        sides = (qty * px_paise, 0) if side is Side.BUY else (0, qty * px_paise)
        return charges_for(Product.INTRADAY, sides, 1, DATE, Plan.NORMAL).exact

    found = compared(DAY, PAPERS_BY_NAME, Plan.NORMAL, ask)
    assert asked == [(PAPERS[0].instrument_key, Side.BUY, 300, 100_20), (PAPERS[0].instrument_key, Side.SELL, 300, 100_00)]
    assert [line.is_apart for line in found] == [False, False]
    assert words_of(DATE, found, []).endswith("they agree")


def test_a_rate_that_has_changed_is_seen():
    found = compared(DAY, PAPERS_BY_NAME, Plan.NORMAL, lambda *_asked: 4_000.0)
    assert [line.is_apart for line in found] == [True, True]
    words = words_of(DATE, found, found)
    assert "B1 BUY 300 AAA" in words
    assert "40.00 by the broker" in words
    assert words.endswith("2 differ: a rate has changed, see pipeline/core/rates.py")


def test_a_paper_of_another_watchlist_and_paper_trading_are_refused(capsys):
    with pytest.raises(Refused, match="AAA is not in the watchlist"):
        compared(DAY, {}, Plan.NORMAL, lambda *_asked: 0.0)
    assert cli.main(["charges"]) == 4
    assert "no broker charges anything there" in capsys.readouterr().err
