"""`ticktick demo` as a visitor meets it: a page that moves, a proposal confirmed into a paper order, and nothing left after Ctrl-C."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import Refused
from pipeline.run import cli, demo
from pipeline.run.day import Plan
from pipeline.store.server import free_port
from tests.fakes.doors import LIMIT_S, Doors, descendants, environment, is_alive, verb, wait_for
from tests.fakes.visitor import Visitor

pytestmark = pytest.mark.xdist_group("processes")

QUIT_S = 15.0
"""It takes two; a loaded machine gets some more."""


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    with Doors(tmp_path) as made:
        yield made


def interactive(port: int, *more: str) -> list[str]:
    return verb("demo", "--no-browser", "--port", str(port), "--session", "09:15-10:00", "--speed", "60", *more)


class Person:
    """Somebody at the page."""

    def __init__(self, port: int) -> None:
        self.page = Visitor(f"http://127.0.0.1:{port}/")

    def sees(self) -> dict[str, Any] | None:
        """Give what the page shows, None as long as it does not answer."""
        try:
            if not self.page.cookie:
                self.page.load()
            return self.page.get("/api/v1/state")
        except (OSError, http.client.HTTPException):
            return None

    def prices(self) -> dict[str, float]:
        state = self.sees()
        return {symbol: row["ltp"] for symbol, row in state["watch"].items() if row["ltp"]} if state is not None else {}

    def confirm_what_is_open(self) -> bool:
        """Confirm every open proposal; say whether an order came of one that the exchange took."""
        for row in self.page.get("/api/v1/recommendations")["recommendations"]:
            if row["state"] == "open":
                wish = {"recommendation_id": row["id"], "answer": "confirm", "nonce": row["nonce"]}
                assert self.page.confirm(wish).status in {200, 409, 410}
        return any(order["status"] in {"ACCEPTED", "PARTIALLY_FILLED", "FILLED"} for order in self.page.get("/api/v1/trades")["orders"])


@pytest.mark.timeout(300)
def test_prices_move_a_proposal_becomes_an_order_and_ctrl_c_leaves_nothing(redis_server, doors: Doors, tmp_path: Path):
    port = free_port()
    door = doors.open(interactive(port), environment(tmp_path))
    person = Person(port)
    first = door.expect(lambda: len(found := person.prices()) == 15 and found, "fifteen prices")
    door.expect(lambda: any(person.prices()[symbol] != price for symbol, price in first.items()), "a price that moves")
    door.expect(person.confirm_what_is_open, "a paper order from a confirmed proposal", 120)
    state = person.sees()
    assert state is not None
    assert state["session"]["mode"] == "paper"
    assert "seed 7" in state["session"]["maker"]
    assert f"http://127.0.0.1:{port}/" in door.out
    below = descendants(door.proc.pid)
    assert len(below) >= 9, "simulator, Redis, seven workers and the page"
    began = time.monotonic()
    os.killpg(door.proc.pid, signal.SIGINT)  # as a terminal does
    assert door.wait(QUIT_S) == 0
    assert time.monotonic() - began < QUIT_S
    wait_for(lambda: not any(map(is_alive, below)), "the end of all processes", 5)
    assert "Traceback" not in door.out + door.err
    assert list((tmp_path / "run").iterdir()) == [], "the run's folder, its token and its Redis are gone"


@pytest.mark.timeout(180)
def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing(redis_server, doors: Doors, tmp_path: Path):
    door = doors.open(interactive(free_port()), environment(tmp_path))
    door.expect(lambda: "Redis:" in door.out, "Redis and the simulator")
    below = descendants(door.proc.pid)
    assert len(below) >= 2
    os.killpg(door.proc.pid, signal.SIGINT)
    assert door.wait(QUIT_S) in {0, cli.INTERRUPTED}
    wait_for(lambda: not any(map(is_alive, below)), "the end of all processes", 5)
    assert "Traceback" not in door.out + door.err
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.timeout(180)
def test_a_port_that_is_taken_is_one_line_before_anything_is_played(redis_server, doors: Doors, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        door = doors.open(interactive(port), environment(tmp_path))
        assert door.wait() == 4
    (line,) = door.err.splitlines()
    assert line.startswith(f"ticktick: port {port} is taken: stop the other program")
    assert "page:" not in door.out
    assert list((tmp_path / "run").iterdir()) == []


def test_json_is_all_that_stands_on_standard_output(doors: Doors, tmp_path: Path):
    words = ("demo", "--headless", "--store", "memory", "--session", "09:15-09:17", "--speed", "max", "--json")
    door = doors.open(verb(*words), environment(tmp_path))
    assert door.wait(LIMIT_S) == 0, door.err
    (line,) = door.out.splitlines()
    assert json.loads(line)["frames"] > 0
    assert "market: generated seed 7" in door.err


def planned(monkeypatch: pytest.MonkeyPatch, *words: str) -> Plan:
    """Give the plan that a command line leads to, without playing it."""
    plans: list[Plan] = []

    def play(plan: Plan, _base: object) -> dict[str, Any]:
        plans.append(plan)
        return {"digests": {}}

    monkeypatch.setattr(demo, "play", play)
    assert demo.main(cli.parser().parse_args(["demo", *words])) == 0
    return plans[0]


def test_a_headless_run_answers_by_policy_and_has_nobody_to_ask(monkeypatch: pytest.MonkeyPatch):
    plan = planned(monkeypatch, "--headless", "--speed", "max")
    assert (plan.is_headless, plan.confirm, plan.is_browsing, plan.simulator.session) == (True, "auto", False, "full")
    with pytest.raises(Refused, match="nobody to ask"):
        planned(monkeypatch, "--headless", "--confirm", "ask")


def test_a_demo_with_a_page_asks_begins_at_the_bell_and_leaves_time_to_answer(monkeypatch: pytest.MonkeyPatch):
    plan = planned(monkeypatch, "--speed", "60", "--port", "8123", "--no-browser")
    assert (plan.is_headless, plan.confirm, plan.is_browsing, plan.port) == (False, "ask", False, 8123)
    assert plan.simulator.session == demo.FROM_THE_BELL
    assert plan.overrides["filter.expiry_s"] == 60 * demo.ANSWER_S
    assert planned(monkeypatch, "--session", "10:00-10:10").simulator.session == "10:00-10:10"
    assert planned(monkeypatch).is_browsing


def test_in_memory_there_is_no_page_and_a_policy_answers(monkeypatch: pytest.MonkeyPatch):
    plan = planned(monkeypatch, "--store", "memory")
    assert (plan.is_headless, plan.confirm) == (True, "auto")


def test_a_demo_is_the_same_on_every_day(monkeypatch: pytest.MonkeyPatch):
    assert planned(monkeypatch, "--seed", "8").simulator.date == demo.DEMO_DATE
    monkeypatch.setenv("TICKTICK__SESSION_DATE", "2026-11-19")
    assert planned(monkeypatch).simulator.date == "2026-11-19"
