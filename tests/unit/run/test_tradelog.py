import csv
import io
from dataclasses import asdict

from pipeline.run.tradelog import COLUMNS, trade_log
from tests.unit.run.test_audit import event, intent


def rows(*records):
    return [{"kind": "record", "stream": "intents" if hasattr(r, "cause") else "orders", "record": asdict(r)} for r in records]


def test_one_row_for_each_order_with_its_last_word():
    text = trade_log(
        [{"kind": "begin"}, *rows(intent(1), event(1, "SENDING"), event(1, "FILLED", 5), intent(2), event(2, "DENIED", reason="stale_quote"), event(3, "PARTIAL", 2), event(4, "CANCELLED", 2), event(5, "CANCELLED"))]
    )  # fmt: skip
    found = list(csv.DictReader(io.StringIO(text)))
    assert tuple(found[0]) == COLUMNS
    assert [(r["id"], r["status"], r["order_status"], r["filled"]) for r in found] == [
        ("i1", "EXECUTED", "FILLED", "5"),
        ("i2", "FAILED", "DENIED", "0"),
        ("i3", "PENDING", "PARTIAL", "2"),
        ("i4", "EXECUTED", "CANCELLED", "2"),
        ("i5", "FAILED", "CANCELLED", "0"),
    ]
    assert (found[0]["limit_price"], found[0]["average_price"], found[0]["stop_price"], found[0]["signal_id"]) == (
        "100.10",
        "100.0500",
        "99.00",
        "R1",
    )
    assert (found[1]["reason"], found[1]["average_price"], found[2]["stop_price"]) == ("stale_quote", "", "")
    assert found[0]["time"].endswith("+05:30")


def test_no_orders_leave_the_head():
    assert trade_log([]).strip() == ",".join(COLUMNS)
