import json

import pytest

from pipeline.simulator.subscriptions import ALONE, MIXED, Subscriptions


def frame(keys, mode="full", method="sub"):
    return json.dumps({"guid": "t", "method": method, "data": {"instrumentKeys": list(keys), "mode": mode}}).encode()


def names(count, start=0):
    return [f"k{n}" for n in range(start, start + count)]


KNOWN = frozenset(names(9_000))


@pytest.mark.parametrize("mode", ["ltpc", "option_greeks", "full", "full_d30"])
def test_a_mode_alone_takes_so_many_keys_and_no_more(mode):
    subs = Subscriptions("plus")
    fresh = subs.obey(frame(names(6_000), mode), KNOWN, 1)
    assert len(fresh) == len(subs.modes) == ALONE[mode]
    assert list(subs.modes) == names(ALONE[mode])


@pytest.mark.parametrize("mode", ["ltpc", "option_greeks", "full"])
def test_beside_another_mode_it_takes_fewer(mode):
    subs = Subscriptions("plus")
    subs.obey(frame(["k8999"], "full_d30"), KNOWN, 1)
    subs.obey(frame(names(6_000), mode), KNOWN, 2)
    assert sum(m == mode for m in subs.modes.values()) == MIXED[mode]


def test_a_second_mode_does_not_come_in_beside_too_many():
    subs = Subscriptions()
    subs.obey(frame(names(2_000)), KNOWN, 1)
    assert subs.obey(frame(["k8000"], "ltpc"), KNOWN, 2) == []
    subs.obey(frame(names(500), method="unsub"), KNOWN, 3)
    assert subs.obey(frame(["k8000"], "ltpc"), KNOWN, 4) == ["k8000"]


def test_thirty_levels_are_for_the_plus_plan():
    assert Subscriptions("normal").obey(frame(["k1"], "full_d30"), KNOWN, 1) == []
    assert Subscriptions("plus").obey(frame(["k1"], "full_d30"), KNOWN, 1) == ["k1"]


def test_room_is_given_back():
    subs = Subscriptions("plus")
    subs.obey(frame(names(50), "full_d30"), KNOWN, 1)
    assert subs.obey(frame(["k50"], "full_d30"), KNOWN, 2) == []
    assert subs.obey(frame(["k0"], method="unsub"), KNOWN, 3) == []
    assert subs.obey(frame(["k50"], "full_d30"), KNOWN, 4) == ["k50"]
    assert "k0" not in subs.modes


def test_a_change_of_mode_is_for_keys_that_are_subscribed():
    subs = Subscriptions()
    subs.obey(frame(["k1", "k2"]), KNOWN, 1)
    assert subs.obey(frame(["k1", "k3"], "ltpc", "change_mode"), KNOWN, 2) == ["k1"]
    assert subs.modes == {"k1": "ltpc", "k2": "full"}
    assert subs.obey(frame(["k2"], "ltpc"), KNOWN, 3) == ["k2"]
    assert subs.modes == {"k1": "ltpc", "k2": "ltpc"}


def test_asking_again_is_owed_a_snapshot_again():
    subs = Subscriptions()
    assert subs.obey(frame(["k1", "k1"]), KNOWN, 1) == ["k1"]
    assert subs.obey(frame(["k1"]), KNOWN, 2) == ["k1"]


@pytest.mark.parametrize(
    "payload",
    [b"", b"not json", b"[]", b'"x"', b"{}", b'{"method":"sub","data":null}', b'{"method":"sub","data":{"instrumentKeys":5}}', b"\xff\xfe"],
)
def test_nonsense_is_dropped_without_a_word(payload):
    subs = Subscriptions()
    assert subs.obey(payload, KNOWN, 1) == []
    assert not subs.asked


def test_unknown_keys_modes_and_methods_are_ignored():
    subs = Subscriptions()
    assert subs.obey(frame(["nobody"]), KNOWN, 1) == []
    assert subs.obey(frame(["k1"], "everything"), KNOWN, 2) == []
    assert subs.obey(frame(["k1"], "full", "dance"), KNOWN, 3) == []
    assert not subs.modes


def test_the_ledger_tells_what_was_asked_and_what_was_taken():
    subs = Subscriptions()
    subs.obey(frame(["k1", "nobody"]), KNOWN, 7)
    subs.obey(frame(["k1"], method="unsub"), KNOWN, 8)
    assert [one.row() for one in subs.asked] == [
        {"sim_ms": 7, "method": "sub", "mode": "full", "keys": 2, "taken": ["k1"]},
        {"sim_ms": 8, "method": "unsub", "mode": "full", "keys": 1, "taken": ["k1"]},
    ]
