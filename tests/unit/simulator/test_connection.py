import asyncio
import json

import pytest

from pipeline.simulator.connection import Connection
from pipeline.simulator.faults import STALLS, Fault
from pipeline.simulator.subscriptions import Subscriptions

KNOWN = {"a": 1, "b": 2, "c": 3}


class Line:
    """Stands for a transport; notes what was done to it."""

    def __init__(self):
        self.done: list[str] = []

    def is_closing(self):
        return "abort" in self.done

    def pause_reading(self):
        self.done.append("pause")

    def resume_reading(self):
        self.done.append("resume")

    def abort(self):
        self.done.append("abort")


def connection(line=None):
    made = Connection(0, 100, Subscriptions(), None, line or Line())
    made.hear(sub("a", "b", "c"), KNOWN, 101)
    made.fresh.clear()
    return made


def sub(*keys, method="sub"):
    return json.dumps({"method": method, "data": {"mode": "full", "instrumentKeys": keys}}).encode()


@pytest.mark.parametrize(
    ("kind", "is_dumb", "is_silent"),
    [("mute", True, True), ("half_open", True, True), ("mute_frames", False, True), ("freeze", False, False), ("mute_keys", False, False)],
)
def test_five_ways_to_be_silently_dead(kind, is_dumb, is_silent):
    assert kind in STALLS
    made = connection()
    made.strike(Fault(kind, keys=("a",)))
    assert (made.is_dumb, made.is_silent) == (is_dumb, is_silent)
    made.heal()
    assert (made.is_dumb, made.is_silent, made.stall, set(made.modes)) == (False, False, "", {"a", "b", "c"})


def test_a_half_open_line_is_no_longer_read():
    line = Line()
    made = connection(line)
    made.strike(Fault("half_open"))
    assert line.done == ["pause"]
    made.heal()
    assert line.done == ["pause", "resume"]
    made.cut()
    made.strike(Fault("half_open"))
    assert line.done == ["pause", "resume", "abort"]


def test_muted_keys_are_left_out_until_they_are_asked_for_again():
    made = connection()
    made.strike(Fault("mute_keys", keys=("a", "b")))
    assert set(made.modes) == {"c"}
    assert made.hear(sub("a"), KNOWN, 200)
    assert set(made.modes) == {"a", "c"}
    assert made.fresh == ["a"]


def test_a_lasting_fault_is_not_cured_by_asking():
    made = connection()
    made.strike(Fault("mute_keys", keys=("a",), lasting=True))
    made.hear(sub("a"), KNOWN, 200)
    assert set(made.modes) == {"b", "c"}


def test_what_is_owed_no_snapshot():
    made = connection()
    assert not made.hear(sub("a", method="unsub"), KNOWN, 200)
    assert not made.hear(b"nonsense", KNOWN, 201)


def test_it_lingers_until_the_client_goes_or_it_is_healed():
    async def body(end):
        made = connection()
        made.strike(Fault("mute"))
        waiting = asyncio.ensure_future(made.linger())
        await asyncio.sleep(0)
        assert not waiting.done()
        end(made)
        await asyncio.wait_for(waiting, 10)

    asyncio.run(body(Connection.heal))
    asyncio.run(body(Connection.cut))


def test_the_ledger_row_outlives_the_socket():
    made = connection()
    made.sent, made.last_ts = 5, 150
    made.end(160)
    row = made.row(with_keys=True)
    assert (row["opened_ms"], row["closed_ms"], row["sent"], row["last_ts"], row["keys"]) == (100, 160, 5, 150, 3)
    assert row["modes"] == {"a": "full", "b": "full", "c": "full"}
    assert [one["taken"] for one in row["asked"]] == [["a", "b", "c"]]
    assert "modes" not in made.row(with_keys=False)


def test_an_abnormal_close_cuts_the_line():
    line = Line()
    asyncio.run(connection(line).hang_up(1006))
    assert line.done == ["abort"]
