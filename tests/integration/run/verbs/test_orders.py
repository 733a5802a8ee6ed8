"""`ticktick orders`: the prompt of the day that runs, over a real Redis and on a real terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.core.job import HashWrite
from pipeline.core.schema import CONFIRM_TERMINAL, HEALTH, RECOMMENDATIONS, SESSION, Role
from pipeline.core.types import Side
from pipeline.store.client import open_clients
from pipeline.store.face import ZERO
from pipeline.store.streams import RedisStore
from tests.fakes.day_in_redis import Day, recommendation
from tests.fakes.doors import Doors, Terminal, environment, script, verb

pytestmark = pytest.mark.xdist_group("processes")


def announce(urls: Mapping[Role, str]) -> None:
    RedisStore(open_clients(urls)).put(HashWrite(SESSION, (), {"date": "2026-11-20"}))


def test_it_asks_for_the_process_that_runs(day: Day, redis_urls: Mapping[Role, str], tmp_path: Path):
    announce(redis_urls)
    client = open_clients(redis_urls)[Role.DERIVED]
    with Doors(tmp_path) as doors:
        order = doors.open(script("orders"), environment(tmp_path, redis_urls))
        order.expect(lambda: client.hget(HEALTH.key("orders"), "pid") == str(order.proc.pid).encode(), "the order process")
        with Terminal(verb("orders"), environment(tmp_path, redis_urls, session_date="2026-11-19")) as terminal:
            terminal.sees("waiting for recommendations")
            day.add(RECOMMENDATIONS, recommendation(1, "RELIANCE", Side.BUY, 0.82, 24, "EMA 9 above EMA 21"))
            terminal.sees("[y/n]")
            terminal.type("n")
            terminal.sees("rejected")
            terminal.interrupt()
            assert terminal.ends() == 130
            assert "Traceback" not in terminal.text
        assert order.proc.poll() is None
    found = RedisStore(open_clients(redis_urls)).read([(CONFIRM_TERMINAL, ZERO)], 10, 0)[CONFIRM_TERMINAL.name]
    assert [entry.record.answer for entry in found] == ["reject"]


@pytest.mark.parametrize("is_announced", [False, True], ids=["no day", "no order process"])
def test_what_does_not_run_is_one_line(day: Day, is_announced: bool, redis_urls: Mapping[Role, str], tmp_path: Path):
    if is_announced:
        announce(redis_urls)
    with Terminal(verb("orders"), environment(tmp_path, redis_urls)) as terminal:
        assert terminal.ends() == 3
        (line,) = terminal.text.strip().splitlines()
        assert ("no order process runs here" if is_announced else "nothing runs here, so there is nothing to confirm") in line


def test_without_a_terminal_it_is_refused(redis_urls: Mapping[Role, str], tmp_path: Path):
    with Doors(tmp_path) as doors:
        door = doors.open(verb("orders"), environment(tmp_path, redis_urls))
        assert door.wait() == 4
        assert door.err.strip() == "ticktick: there is no terminal to ask in: confirm on the page"
