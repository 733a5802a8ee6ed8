from dataclasses import replace

import pytest

from pipeline.core.errors import Refused
from pipeline.core.session import Group
from pipeline.core.types import Side
from pipeline.engine.exits import Plan, closing_qty, closing_side, exit_reason, no_entry_ms, square_off_ms
from pipeline.engine.matching import Quote
from tests.fakes.trading import PARAMS, at, day

LONG = Plan("AAA", Side.BUY, "i", 99_00, 102_00, at("10:00"), at("15:05"), 1800)
SHORT = Plan("AAA", Side.SELL, "i", 101_00, 98_00, at("10:00"), at("15:05"), 1800)
NOW = at("10:05")


def quote(bid, ask, ltp):
    return Quote(NOW, bid, 1, ask, 1, ltp)


@pytest.mark.parametrize(
    ("plan", "q", "now", "reason"),
    [
        (LONG, quote(99_95, 100_05, 100_00), NOW, ""),
        (LONG, quote(98_95, 99_05, 99_00), NOW, "stop"),
        (LONG, quote(102_00, 102_05, 102_00), NOW, "target"),
        (LONG, quote(101_95, 102_05, 102_00), NOW, ""),
        (SHORT, quote(100_95, 101_05, 101_00), NOW, "stop"),
        (SHORT, quote(97_95, 98_00, 98_00), NOW, "target"),
        (LONG, quote(0, 0, 0), NOW, ""),
        (LONG, None, at("10:30"), "max_hold"),
        (LONG, None, at("15:05"), "square_off"),
        (LONG, quote(98_95, 99_05, 98_00), at("15:05"), "stop"),
    ],
)
def test_reasons(plan, q, now, reason):
    assert exit_reason(plan, q, now) == reason


def test_due_is_the_earlier_of_age_and_clock():
    assert LONG.due_ms == at("10:30")
    assert Plan("A", Side.BUY, "i", 1, 0, at("14:50"), at("15:05"), 1800).due_ms == at("15:05")
    assert Plan("A", Side.BUY, "i", 1, 0, at("10:00"), at("15:05"), 0).due_ms == at("15:05")


def test_a_closing_order_cannot_reverse():
    assert (closing_qty(10, 0), closing_qty(-10, 4), closing_qty(10, 10), closing_qty(0, 5)) == (10, 6, 0, 0)
    assert (closing_side(5), closing_side(-5)) == (Side.SELL, Side.BUY)


def test_clock_times_by_group():
    assert square_off_ms(day(), Group.EQ_CAS, PARAMS.orders) == at("15:05")
    assert square_off_ms(day(), Group.EQ, PARAMS.orders) == at("15:12")
    assert no_entry_ms(day(), Group.EQ, PARAMS.orders) == at("15:00")


def test_other_hours_end_with_the_session():
    muhurat = day("2025-10-21")
    end = muhurat.close_ms(Group.EQ)
    assert muhurat.kind == "muhurat"
    assert square_off_ms(muhurat, Group.EQ, PARAMS.orders) == end - 180_000
    assert no_entry_ms(muhurat, Group.EQ, PARAMS.orders) == end - 900_000


def test_the_rungs_end_before_the_phase_does():
    with pytest.raises(Refused, match=r"2 rungs of 301 s do not fit into the 600 s"):
        square_off_ms(day(), Group.EQ_CAS, replace(PARAMS.orders, rung_s=301.0))
    with pytest.raises(Refused, match="into the 180 s"):
        square_off_ms(day("2025-10-21"), Group.EQ, replace(PARAMS.orders, rung_s=100.0))
