"""The latency table: what the processes measured, in the chain's order, and the sum against the budget."""

from __future__ import annotations

import json

import pytest

from pipeline.run.latency import BUDGET_US, CHAIN
from tests.fakes.day_in_redis import hops
from web import latency


def told(name: str, place: int = 0) -> dict[str, str]:
    """Give what a process writes, as it comes back from Redis."""
    return {field: str(value) for field, value in hops(name, place).fields().items()}


def flat(us: int, inputs: int = latency.FEW) -> dict[str, str]:
    return {**{f"total_{part}_us": str(us * n) for n, part in enumerate(("p50", "p99", "p999"), 1)}, "inputs": str(inputs)}


def test_a_row_holds_every_hop_with_three_percentiles():
    row = latency.row("ticks", told("ticks"))
    assert list(row["hops"]) == ["exchange", "decode", "step", "commit", "total"]
    assert all(parts == sorted(parts) and len(parts) == 3 for parts in row["hops"].values())
    assert row["inputs"] == 1200
    assert len(row["worst"]) == 10
    assert row["worst"] == sorted(row["worst"], key=lambda w: -w["us"])
    assert {w["hop"] for w in row["worst"]} <= {"decode", "step", "commit"}
    assert "wait" in latency.row("live", told("live"))["hops"]


def test_the_chain_comes_first_in_its_order_and_the_silent_are_left_out():
    found = latency.latency({"portfolio": flat(1), "orders": flat(1), "history": {}, "ticks": flat(1), "live": {}})
    assert [(row["process"], row["is_chain"]) for row in found["rows"]] == [("ticks", True), ("orders", True), ("portfolio", False)]
    assert found["chain"]["missing"] == ["live", "indicators", "chart", "filtering"]


def test_the_chain_is_the_sum_of_its_processes_and_no_other():
    found = latency.latency({name: flat(1000 * n) for n, name in enumerate(CHAIN, 1)} | {"portfolio": flat(10**9)})["chain"]
    assert found == {"us": [21_000, 42_000, 63_000], "budget_us": BUDGET_US, "is_over": False, "is_sure": False, "rough": [], "missing": []}


@pytest.mark.parametrize(("us", "is_over"), [(BUDGET_US // 2, False), (BUDGET_US // 2 + 1, True)])
def test_over_the_budget_is_told_by_the_p99(us, is_over):
    found = latency.latency({"ticks": flat(us)})["chain"]
    assert (found["is_over"], found["is_sure"]) == (is_over, is_over)


def test_over_by_a_process_that_has_seen_little_is_not_sure():
    slow_start = {"ticks": flat(20_000), "indicators": flat(BUDGET_US, inputs=latency.FEW - 1)}
    found = latency.latency(slow_start)["chain"]
    assert (found["is_over"], found["is_sure"], found["rough"]) == (True, False, ["indicators"])
    assert latency.latency(slow_start | {"live": flat(BUDGET_US)})["chain"]["is_sure"]


def test_without_inputs_nothing_was_measured():
    found = latency.latency({"ticks": flat(0, inputs=0), "live": flat(70)})
    assert found["rows"][0]["hops"] == {}
    assert found["chain"]["us"] == [70, 140, 210]
    assert latency.latency({})["chain"]["us"] is None
    nothing = latency.latency({"ticks": flat(0, inputs=0), "history": flat(0, inputs=0)})
    assert (nothing["chain"]["us"], nothing["chain"]["is_over"], nothing["chain"]["missing"]) == (None, False, list(CHAIN))
    assert [row["process"] for row in nothing["rows"]] == ["ticks"]


def test_a_feed_of_another_day_tells_nothing_of_the_way_from_the_exchange():
    fields = told("ticks") | {f"exchange_{part}_us": "0" for part in ("p50", "p99", "p999")}
    assert list(latency.row("ticks", fields)["hops"]) == ["decode", "step", "commit", "total"]


def test_a_hop_that_lacks_a_percentile_is_left_out():
    fields = flat(5) | {"wait_p50_us": "1", "wait_p99_us": "nan", "wait_p999_us": "3", "step_p50_us": "<b>"}
    assert list(latency.row("live", fields)["hops"]) == ["total"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "7", '"x"', "{}", "[" * 100_000, '[1, null, "x", []]', '[{"us": "9"}]', '[{"us": true}]', '[{"us": NaN}]', '[{"us": Infinity}]', '[{"us": -1}]',
     f'[{{"us": 1{"0" * 400}}}]', f'[{{"us": 1{"0" * 5000}}}]', "[{}]"],
)  # fmt: skip
def test_a_list_that_is_none_is_empty(text):
    assert latency.worst(text) == []


def test_the_slowest_are_cut_to_size():
    many = [{"time": "t" * 500, "us": us, "hop": ["no", "text"] * 50} for us in range(40)]
    found = latency.worst(json.dumps(many))
    assert [w["us"] for w in found] == list(range(39, 29, -1))
    assert all(len(w["time"]) <= latency.WORD and len(w["hop"]) <= latency.WORD for w in found)
