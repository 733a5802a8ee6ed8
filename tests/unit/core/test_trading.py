from dataclasses import fields

from pipeline.core.schema import DENIALS
from pipeline.core.trading import Denial, TradingState
from pipeline.core.types import Side
from pipeline.store import codec

DENIAL = Denial(5, "i1", "AAA", Side.SELL, "entry", 13, "daily_loss", "the day's loss at worst of 20,001.00, at most 20,000.00")


def test_a_denial_survives_the_stream():
    assert codec.decode(DENIALS, codec.encode(DENIALS, DENIAL)) == DENIAL


def test_nothing_is_said_by_leaving_it_out():
    assert all(f.default is f.default_factory for f in fields(Denial))
    assert list(TradingState) == ["ACTIVE", "REDUCING", "HALTED"]
