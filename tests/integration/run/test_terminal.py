"""The confirmation prompt on a real terminal and a real Redis: what it shows, what it takes for an answer, what it leaves alone."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from pipeline.core.job import HashWrite
from pipeline.core.schema import CONFIRM_TERMINAL, FILLS, HEALTH, INTENTS, RECOMMENDATIONS, TICKS, Role
from pipeline.core.types import Confirmation, Recommendation, Side
from pipeline.run.lease import Lease
from pipeline.store.client import open_clients
from pipeline.store.face import ZERO
from pipeline.store.server import start
from pipeline.store.streams import RedisStore
from tests.fakes.day_in_redis import NOW, Day, recommendation
from tests.fakes.doors import Doors, Terminal, descendants, environment, is_alive, script, wait_for
from tests.fakes.trading import frame

pytestmark = pytest.mark.xdist_group("processes")

DESK = (
    "from pipeline.run.settings import load; from pipeline.run.terminal import Desk; Desk(load(), '2026-11-20').ask_until(lambda: (0, 0))"
)
WAITING = "waiting for recommendations"


class Market:
    """A watchlist and a feed that stands at an instant until it is moved on."""

    def __init__(self, urls: Mapping[Role, str]) -> None:
        self.day = Day(urls)
        self.day.write_watchlist()
        self.store = RedisStore(open_clients(urls))
        self.at(NOW)

    def at(self, ts: int) -> None:
        """RELIANCE is quoted around 1,412.35, M&M around 3,702.95."""
        self.day.add(TICKS, frame(ts, (0, 1412.30, 1412.40), (12, 3702.90, 3703.00)))

    def propose(self, proposal: Recommendation) -> None:
        self.day.add(RECOMMENDATIONS, proposal)

    def answers(self) -> list[tuple[int, Confirmation]]:
        return [(e.id.ms, e.record) for e in self.store.read([(CONFIRM_TERMINAL, ZERO)], 100, 0)[CONFIRM_TERMINAL.name]]

    def entries(self) -> list[str]:
        """Give the papers of the entries that were journalled."""
        return [e.record.symbol for e in self.store.read([(INTENTS, ZERO)], 100, 0)[INTENTS.name] if e.record.purpose == "entry"]

    def count(self, stream) -> int:
        return len(self.store.read([(stream, ZERO)], 1000, 0)[stream.name])


@pytest.fixture
def market(redis_urls: Mapping[Role, str]) -> Market:
    return Market(redis_urls)


@pytest.fixture
def desk(market: Market, redis_urls: Mapping[Role, str], tmp_path: Path) -> Iterator[Terminal]:
    with Terminal([sys.executable, "-c", DESK], environment(tmp_path, redis_urls)) as terminal:
        terminal.sees(WAITING)
        yield terminal


def buy(number: int = 1, left_s: int = 24) -> Recommendation:
    return recommendation(number, "RELIANCE", Side.BUY, 0.82, left_s, "EMA 9 above EMA 21")


def sell(number: int = 2, left_s: int = 24) -> Recommendation:
    return recommendation(number, "M&M", Side.SELL, 0.74, left_s, "EMA 9 below EMA 21")


def test_the_prompt_shows_what_can_be_lost_and_takes_only_a_clear_answer(market: Market, desk: Terminal):
    market.propose(buy())
    screen = desk.sees("[y/n]")
    # At most 5 % of 10 lakh rupees in one paper: 35 shares at 1,412.45; to the stop at 1,406.70 it is 5.75 each.
    for words in (
        "BUY 35 RELIANCE",
        "at limit 1,412.45",
        "stop 1,406.70",
        "worst-case loss 201.25",
        "24 s left",
        "bid 1,412.30",
        "EMA 9 above EMA 21",
    ):
        assert words in screen
    desk.type("sure, why not")
    desk.sees("y or n, please")
    assert market.answers() == []
    market.at(NOW + 1_500)
    desk.type("y")
    desk.sees("confirmed")
    assert market.answers() == [(NOW + 1_500, Confirmation(NOW + 1_500, "r-1", "confirm", "terminal"))]
    market.propose(sell())
    # 13 shares at 3,702.85; the stop lies 14.80 above the reference.
    screen = desk.sees("[y/n]", 2)
    for words in ("SELL 13 M&M", "at limit 3,702.85", "stop 3,717.75", "worst-case loss 193.70", "22 s left"):
        assert words in screen
    desk.type("n")
    desk.sees("rejected")
    assert market.answers()[1:] == [(NOW + 1_500, Confirmation(NOW + 1_500, "r-2", "reject", "terminal"))]


def test_an_expired_question_takes_no_answer_and_is_not_asked_late(market: Market, desk: Terminal):
    market.propose(buy())
    desk.sees("[y/n]")
    market.at(NOW + 24_000)
    desk.sees("no answer in time")
    desk.type("y")
    market.propose(sell(left_s=24))  # expired when it comes
    market.propose(buy(3, left_s=60))
    screen = desk.sees("[y/n]", 2)
    assert "M&M" not in screen
    desk.type("n")
    desk.sees("rejected")
    assert [(record.recommendation_id, record.answer) for _, record in market.answers()] == [("r-3", "reject")]


def test_nothing_is_asked_while_an_emergency_word_holds(market: Market, desk: Terminal, redis_urls: Mapping[Role, str]):
    store = RedisStore(open_clients(redis_urls))
    store.put(HashWrite(HEALTH, ("orders",), {"word": "halt"}))
    market.propose(buy())
    assert "[y/n]" not in desk.sees("halt holds: BUY RELIANCE is not asked")
    store.put(HashWrite(HEALTH, ("orders",), {"word": ""}))
    market.propose(sell())
    desk.sees("[y/n]")
    assert market.answers() == []


def test_what_was_typed_before_the_question_is_no_answer_to_it(market: Market, desk: Terminal):
    market.propose(buy())
    desk.sees("[y/n]")
    desk.type("y\ny")  # a nervous finger
    desk.sees("confirmed")
    market.propose(sell())
    desk.sees("[y/n]", 2)
    desk.type("n")
    desk.sees("rejected")
    assert [(record.recommendation_id, record.answer) for _, record in market.answers()] == [("r-1", "confirm"), ("r-2", "reject")]


def test_a_question_that_redis_cut_short_is_asked_again(redis_server, tmp_path: Path):
    server = start(tmp_path / "redis", fsync="always")
    try:
        market = Market(server.urls)
        with Terminal([sys.executable, "-c", DESK], environment(tmp_path, server.urls)) as desk:
            desk.sees(WAITING)
            market.propose(buy())
            desk.sees("[y/n]")
            server.stop()
            desk.sees("Redis is away")
            server = start(tmp_path / "redis", port=server.port, fsync="always")
            desk.sees("[y/n]", 2)
            desk.type("y")
            desk.sees("confirmed")
            assert "Traceback" not in desk.text
        assert [record.answer for _, record in Market(server.urls).answers()] == ["confirm"]
    finally:
        server.stop()


def test_the_whole_script_from_the_answer_to_the_fill(market: Market, redis_urls: Mapping[Role, str], tmp_path: Path):
    with Terminal([sys.executable, "scripts/orders.py"], environment(tmp_path, redis_urls)) as terminal:
        terminal.sees(WAITING)
        market.propose(buy())
        terminal.sees("[y/n]")
        market.at(NOW + 1_000)
        terminal.type("y")
        terminal.sees("confirmed")
        wait_for(lambda: market.count(INTENTS), "an intent")
        market.at(NOW + 2_000)
        terminal.sees("filled 35/35")
        assert market.count(FILLS) > 0
        below = descendants(terminal.pid)
        assert below
        terminal.interrupt()
        assert terminal.ends() == 0
        assert "Traceback" not in terminal.text
        wait_for(lambda: not any(map(is_alive, below)), "the order process to end")


def test_a_dead_order_process_does_not_leave_a_prompt_behind(market: Market, redis_urls: Mapping[Role, str], tmp_path: Path):
    with Terminal([sys.executable, "scripts/orders.py"], environment(tmp_path, redis_urls)) as terminal:
        terminal.sees(WAITING)
        (child,) = wait_for(lambda: descendants(terminal.pid), "the order process")
        os.kill(child, signal.SIGKILL)
        assert terminal.ends() == 3
        assert terminal.text.strip().splitlines()[-1].startswith("orders: the order process died (signal 9)")
        assert "Traceback" not in terminal.text


def test_beside_an_order_process_the_terminal_only_asks(market: Market, redis_urls: Mapping[Role, str], tmp_path: Path):
    """As beside `ticktick up`: the answer goes to the process that runs, also to one that was started again underneath."""
    env, health = environment(tmp_path, redis_urls), HEALTH.key("orders")
    pids = open_clients(redis_urls)[Role.DERIVED]
    with Doors(tmp_path) as doors:
        first = doors.open(script("orders"), env)
        first.expect(lambda: pids.hget(health, "pid") == str(first.proc.pid).encode(), "the order process")
        with Terminal([sys.executable, "scripts/orders.py"], env) as terminal:
            screen = terminal.sees(WAITING)
            assert f"orders: runs already (process {first.proc.pid} on " in screen
            assert "this terminal only asks, your answers go to that process" in screen
            assert not descendants(terminal.pid)
            market.propose(buy())
            terminal.sees("[y/n]")
            market.at(NOW + 1_000)
            terminal.type("y")
            terminal.sees("confirmed")
            wait_for(lambda: market.entries() == ["RELIANCE"], "an intent")
            market.at(NOW + 2_000)
            terminal.sees("filled 35/35")
            first.kill()
            terminal.sees("the order process is away: answers wait for it")
            second = doors.open(script("orders"), env)
            terminal.sees("the order process is back")
            assert second.proc.poll() is None
            market.propose(sell())
            terminal.sees("[y/n]", 2)
            market.at(NOW + 3_000)
            terminal.type("y")
            terminal.sees("confirmed", 2)
            market.at(NOW + 4_000)
            wait_for(lambda: market.entries() == ["RELIANCE", "M&M"], "the second intent")
            terminal.interrupt()
            assert terminal.ends() == 0
            assert "Traceback" not in terminal.text
        assert second.proc.poll() is None, "who leaves the prompt ends no order process"


def test_a_terminal_of_another_mode_is_refused(market: Market, redis_urls: Mapping[Role, str], tmp_path: Path):
    clients = open_clients(redis_urls)
    clients[Role.DERIVED].hset(HEALTH.key("orders"), "mode", "simulated")
    with (
        Lease(clients[Role.DERIVED], "orders").held(),
        Beating(lambda n: clients[Role.DERIVED].hset(HEALTH.key("orders"), "at_ms", n)),
        Terminal([sys.executable, "scripts/orders.py"], environment(tmp_path, redis_urls)) as terminal,
    ):
        assert terminal.ends() == 4
        (line,) = terminal.text.strip().splitlines()
        assert "runs in mode simulated, this terminal's settings say paper: use its settings" in line


class Beating:
    """Says again and again that something lives."""

    def __init__(self, say: Callable[[int], object]) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, args=(say,))

    def _beat(self, say: Callable[[int], object]) -> None:
        number = 0
        while not self._over.wait(0.2):
            say(number := number + 1)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


@pytest.mark.parametrize("is_up", [False, True], ids=["no redis", "no symbols"])
def test_what_is_missing_is_one_line(is_up: bool, redis_urls: Mapping[Role, str], tmp_path: Path):
    env = environment(tmp_path, redis_urls if is_up else None, redis__port=1)
    with Terminal([sys.executable, "scripts/orders.py"], env) as terminal:
        assert terminal.ends() == (4 if is_up else 3)
        (line,) = terminal.text.strip().splitlines()
        assert ("run scripts/historical_data_fetcher.py first" if is_up else "no Redis answers at") in line
