import re
from dataclasses import replace

import pytest

from pipeline.core.types import Side
from pipeline.engine.identity import changed, entry_cause, exit_cause, from_plain, identity, tag_of, to_plain
from pipeline.engine.lifecycle import Order, Status
from tests.fakes.trading import recommendation


def test_the_same_cause_gives_the_same_name_everywhere():
    cause = entry_cause("ema_momentum", "RELIANCE", "1m", 1_763_612_100_000, Side.BUY)
    assert cause == "entry|ema_momentum|RELIANCE|1m|1763612100000|BUY"
    assert identity(cause) == "e7cc1b9ad427e55a"
    assert identity(cause) != identity(cause.replace("BUY", "SELL"))
    assert identity(exit_cause("x", "stop", 0)) != identity(exit_cause("x", "stop", 1))


def test_tags_fit_every_broker():
    assert re.fullmatch(r"[A-Za-z0-9-]{1,20}", tag_of(identity("x")))


@pytest.mark.parametrize(
    "record", [recommendation(), Order("i", "A", Side.SELL, "exit", "MARKET", 1, 0, "t", 5, status=Status.PARTIAL, order_id="P")]
)
def test_records_survive_plain_values(record):
    values = [str(v) if isinstance(v, Side | Status) else v for v in to_plain(record)]
    assert changed(record, side=Side.BUY, symbol="X") == replace(record, side=Side.BUY, symbol="X")
    back = from_plain(type(record), values)
    assert back == record
    assert isinstance(back.side, Side)


def test_a_field_that_a_record_does_not_have_cannot_be_changed():
    with pytest.raises(KeyError):
        changed(recommendation(), price=1)
