from dataclasses import fields

from pipeline.core.schema import CONTROLS, DENIALS
from pipeline.core.trading import Control, Denial, TradingState
from pipeline.core.types import Side
from pipeline.store import codec

RECORDS = (
    (CONTROLS, Control(5, 3, "page", "drill")),
    (DENIALS, Denial(5, "i1", "AAA", Side.SELL, "entry", 13, "daily_loss", "the day's loss at worst of 20,001.00, at most 20,000.00")),
)


def test_they_survive_the_stream():
    for stream, record in RECORDS:
        assert codec.decode(stream, codec.encode(stream, record)) == record


def test_nothing_is_said_by_leaving_it_out():
    assert all(f.default is f.default_factory for kind in (Control, Denial) for f in fields(kind))
    assert list(TradingState) == ["ACTIVE", "REDUCING", "HALTED"]
