import pytest

from pipeline.core.broker import Leg
from pipeline.core.session import ist_ms
from pipeline.core.types import Side
from pipeline.engine.brackets import Bracket
from pipeline.simulator.gtt_server import GttServer
from pipeline.simulator.market import Frame, Kind
from tests.unit.simulator.test_desk import DATE, ITEM, desk_at, quote


class Stage:
    """A desk and the server beside it, at 10:00."""

    def __init__(self, clock="10:00", **terms):
        self.desk, self.now = desk_at(clock), ist_ms(DATE, clock)
        self.server = GttServer(self.desk)
        wanted = {"stop_paise": 1390_00, "target_paise": 1420_00, "trail_paise": 0} | terms
        self.gtt = Bracket("G1", ITEM.key, Side.BUY, 50, 1400_10, **wanted)
        self.server.place(self.gtt, "I")

    def show(self, ltp, after_ms=1_000):
        self.now += after_ms
        frame = Frame(self.now, Kind.LIVE, (quote(self.now, ltp - 0.1, ltp + 0.1, ltp=ltp),))
        self.desk.tape.take(frame)
        self.desk.on_frame(frame)
        self.server.on_frame(frame)

    def net(self):
        return sum(t["quantity"] * (1 if t["transaction_type"] == "BUY" else -1) for t in self.desk.trades)


def test_the_entry_is_an_order_without_a_tag():
    stage = Stage()
    row = stage.desk.entries[stage.gtt.children[Leg.ENTRY]].row
    assert (row["order_type"], row["price"], row["status"], row["tag"], row["product"]) == ("LIMIT", 1400.1, "complete", "", "I")
    assert stage.server.state(row["order_id"]) == "COMPLETED"


@pytest.mark.parametrize(("ltp", "leg"), [(1389.0, Leg.STOPLOSS), (1421.0, Leg.TARGET)])
def test_one_exit_closes_the_position_and_the_other_never_goes_out(ltp, leg):
    stage = Stage()
    stage.show(1405.0)
    assert stage.net() == 50
    for px in (ltp, 1389.0, 1421.0):
        stage.show(px)
    assert stage.net() == 0
    assert set(stage.gtt.children) == {Leg.ENTRY, leg}


def test_the_stop_trails():
    stage = Stage(trail_paise=5_00, target_paise=0)
    stage.show(1412.0)
    assert stage.gtt.stop_paise == 1407_00
    stage.show(1409.0)
    stage.show(1406.5)
    assert (stage.net(), set(stage.gtt.children)) == (0, {Leg.ENTRY, Leg.STOPLOSS})


def test_triggers_are_not_looked_at_in_the_closing_auction():
    stage = Stage("15:14")
    stage.show(1389.0, after_ms=120_000)
    assert stage.net() == 50
    assert ITEM.is_cas


def test_an_order_that_the_desk_refuses_is_a_failed_rule():
    stage = Stage()
    stage.server.products[ITEM.key] = "CO"
    stage.show(1389.0)
    assert stage.gtt.children[Leg.STOPLOSS] == ""
    assert stage.server.state("") == "FAILED"
    assert stage.server.child_qty("") == 0


def test_what_has_gone_out_is_not_changed_any_more():
    stage = Stage()
    stage.server.change(Bracket("G1", ITEM.key, Side.BUY, 70, 1300_00, 1380_00, 1450_00, 0))
    assert (stage.gtt.qty, stage.gtt.entry_paise, stage.gtt.stop_paise, stage.gtt.target_paise) == (50, 1400_10, 1380_00, 1450_00)
