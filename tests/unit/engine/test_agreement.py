from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.types import Fill, Side
from pipeline.engine.agreement import Agreement, BrokerPosition, Verdict, compare
from pipeline.engine.portfolio import Ledger

OURS = {"AAA": BrokerPosition(60, 100 * 100_00, 40 * 101_00), "BBB": BrokerPosition(-10, 0, 10 * 50_00)}


def ledger():
    out = Ledger("2026-11-20")
    for n, (symbol, side, qty, px) in enumerate(
        (("AAA", Side.BUY, 100, 100_00), ("AAA", Side.SELL, 40, 101_00), ("BBB", Side.SELL, 10, 50_00))
    ):
        out.apply(Fill(n, f"T{n}", f"O{n}", "i", symbol, side, qty, px, "entry"))
    return out


def test_the_same_book_agrees_and_a_closed_row_is_flat():
    assert compare(ledger(), OURS, 0) == Agreement(Verdict.AGREES, ())
    assert compare(ledger(), OURS | {"CCC": BrokerPosition(0, 0, 0)}, 0).verdict is Verdict.AGREES
    assert compare(Ledger("2026-11-20"), {}, 0).verdict is Verdict.AGREES


def test_a_failed_question_is_not_a_flat_account():
    assert compare(ledger(), None, 0).verdict is Verdict.UNKNOWN
    assert compare(Ledger("2026-11-20"), None, 0).verdict is Verdict.UNKNOWN
    assert compare(ledger(), {}, 0).verdict is Verdict.DIFFERS


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (OURS | {"AAA": replace(OURS["AAA"], qty=59)}, "AAA: we hold 60, the broker says 59"),
        (OURS | {"BBB": replace(OURS["BBB"], sold_paise=501_00)}, "BBB: we sold for 500.00, the broker says 501.00"),
        (OURS | {"AAA": replace(OURS["AAA"], bought_paise=0)}, "AAA: we bought for 10,000.00, the broker says 0.00"),
        (OURS | {"HAND": BrokerPosition(5, 500_00, 0)}, "HAND: we hold 0, the broker says 5"),
        ({"AAA": OURS["AAA"]}, "BBB: we hold -10, the broker says 0"),
    ],
)
def test_each_difference_is_named(theirs, words):
    found = compare(ledger(), theirs, 99)
    assert found.verdict is Verdict.DIFFERS
    assert words in found.differences


@given(st.integers(-3, 3), st.integers(-150, 150), st.integers(-150, 150))
def test_quantities_must_be_equal_and_turnover_within_the_tolerance(more, bought, sold):
    row = OURS["AAA"]
    theirs = OURS | {"AAA": BrokerPosition(row.qty + more, row.bought_paise + bought, row.sold_paise + sold)}
    agrees = more == 0 and abs(bought) <= 100 and abs(sold) <= 100
    assert (compare(ledger(), theirs, 100).verdict is Verdict.AGREES) == agrees
