from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.broker import GUARD, Leg
from pipeline.core.types import Side
from pipeline.engine.brackets import Bracket, Brackets

B, S = Side.BUY, Side.SELL


class Shelf:
    """A book that fills what it is told to fill."""

    def __init__(self):
        self.sent, self.cancelled, self.filled, self._numbers = {}, [], {}, count(1)

    def send_child(self, child, now):
        order_id = f"C{next(self._numbers)}"
        self.sent[order_id], self.filled[order_id] = child, 0
        return order_id

    def cancel_child(self, order_id, now):
        self.cancelled.append(order_id)

    def child_qty(self, order_id):
        return self.filled[order_id]


def placed(side=B, trail=0, stop=99_00, target=102_00, trigger="IMMEDIATE", filled=10):
    if side is S:
        stop, target = 200_00 - stop, 200_00 - target
    shelf = Shelf()
    brackets = Brackets(shelf)
    bracket = Bracket("G1", "AAA", side, 10, 100_00, stop, target, trail, trigger)
    brackets.place(bracket, 1)
    if shelf.sent:
        shelf.filled["C1"] = filled
    return shelf, brackets, bracket


def test_an_immediate_entry_goes_out_and_its_exits_wait_for_a_fill():
    shelf, brackets, bracket = placed(filled=0)
    assert (shelf.sent["C1"].order_type, shelf.sent["C1"].limit_paise, shelf.sent["C1"].qty) == ("LIMIT", 100_00, 10)
    assert (brackets.status(bracket), brackets.guarded_qty(bracket)) == ("open pending", 0)
    brackets.on_trade("AAA", 90_00, 2)
    assert list(shelf.sent) == ["C1"], "nothing is held: nothing to stop"
    shelf.filled["C1"] = 4
    assert (brackets.status(bracket), brackets.guarded_qty(bracket)) == (GUARD, 4)


@pytest.mark.parametrize(("trigger", "before", "after"), [("ABOVE", 99_95, 100_00), ("BELOW", 100_05, 100_00)])
def test_other_entries_wait_for_their_price(trigger, before, after):
    shelf, brackets, _ = placed(trigger=trigger)
    brackets.on_trade("AAA", before, 2)
    brackets.on_trade("BBB", after, 2)
    assert shelf.sent == {}
    brackets.on_trade("AAA", after, 3)
    assert list(shelf.sent) == ["C1"]


@pytest.mark.parametrize("side", [B, S])
@pytest.mark.parametrize(("ltp", "leg"), [(99_00, Leg.STOPLOSS), (102_00, Leg.TARGET)])
def test_one_exit_goes_out_for_what_was_filled_and_only_once(side, ltp, leg):
    shelf, brackets, bracket = placed(side, filled=7)
    mirror = (lambda px: px) if side is B else (lambda px: 200_00 - px)
    brackets.on_trade("AAA", mirror(100_50), 2)
    assert list(shelf.sent) == ["C1"]
    brackets.on_trade("AAA", mirror(ltp), 3)
    out = shelf.sent["C2"]
    assert (out.side, out.order_type, out.qty) == (side.opposite, "MARKET", 7)
    assert shelf.cancelled == ["C1"], "the rest of the entry is not wanted any more"
    assert (bracket.children[leg], brackets.status(bracket), brackets.guarded_qty(bracket)) == ("C2", "cancelled", 0)
    for px in (98_00, 103_00):
        brackets.on_trade("AAA", mirror(px), 4)
    assert len(shelf.sent) == 2
    assert not brackets.cancel("G1"), "there is nothing left of it"


def test_what_is_cancelled_sends_nothing():
    shelf, brackets, bracket = placed()
    assert not brackets.cancel("G9")
    assert [brackets.cancel("G1"), brackets.cancel("G1")] == [True, False]
    brackets.on_trade("AAA", 98_00, 2)
    assert (list(shelf.sent), brackets.status(bracket)) == (["C1"], "cancelled")


@given(st.sampled_from([B, S]), st.lists(st.integers(99_05, 101_95), max_size=30))
def test_a_trailing_stop_follows_the_best_trade_and_never_goes_back(side, prices):
    shelf, brackets, bracket = placed(side, trail=80)
    best, stops = 0, [bracket.stop_paise * side.sign]
    for px in prices:
        if bracket.is_over:
            break
        brackets.on_trade("AAA", px, 2)
        best = max(best, (px - 100_00) * side.sign)
        stops.append(bracket.stop_paise * side.sign)
        if best > 0:
            assert bracket.stop_paise * side.sign >= (100_00 * side.sign + best) - 80
    assert stops == sorted(stops)
    assert len(shelf.sent) <= 2


def test_without_a_price_nothing_happens():
    shelf, brackets, _ = placed()
    brackets.on_trade("AAA", 0, 2)
    assert list(shelf.sent) == ["C1"]
