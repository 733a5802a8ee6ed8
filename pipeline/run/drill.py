"""A drill of the emergency stop: each string in real processes, timed by what the simulator received.

Reads   the simulator's ledger
Writes  a Figure for each string: positions at the pull, the last entry and the last order after it, flat

Before the pull there are positions with their stops, an entry that rests far from the market, and a stream of proposals that are confirmed
at once; it goes on afterwards, so that an entry that should not leave has every chance to.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import redis

from pipeline.core.broker import Word
from pipeline.core.errors import Stopped
from pipeline.core.money import to_paise
from pipeline.core.schema import CONFIRM_TERMINAL, RECOMMENDATIONS, Role
from pipeline.core.types import Confirmation, Instrument, Recommendation, Side
from pipeline.engine.identity import purpose_of
from pipeline.engine.reconcile import is_over
from pipeline.run.drillstage import Stage, until
from pipeline.run.emergency import halt_file
from pipeline.run.settings import SHIPPED_ROOT
from pipeline.store.client import append

POSITIONS, UP_S, FLAT_S = 3, 30.0, 40.0
"""Held before the crowd begins; to be ready within; to be flat within, or it is given up."""
CROWD, AFTER_S = 2, 2.0
"""Entries of the crowd before the pull; how long it goes on after flat."""
PACE_S = 0.25
RESTING = 0.03
"""So far below the market rests the entry that must be cancelled."""
PLACE = "/v3/order/place"
EXIT = "/v2/order/positions/exit"


@dataclass(frozen=True, slots=True)
class Figure:
    """One pull. Milliseconds since the string; 0 when nothing was sent after it."""

    name: str
    positions: int
    entries: int
    """Entries that the broker received after the pull."""
    last_entry_ms: int
    orders: int
    """Orders of any kind after it."""
    last_order_ms: int
    flat_ms: int
    trouble: str = ""

    def is_within(self, last_order_ms: float, flat_s: float) -> bool:
        """Tell whether no entry left too late, and everything was closed in time."""
        return not self.trouble and self.last_entry_ms <= last_order_ms and 0 < self.flat_ms <= flat_s * 1000


def play(name: str, pull: Callable[[Stage], float], shot: Callable[[Stage], None] | None, stage: Stage) -> Figure:
    """Trade, shoot what is to be dead, pull the string, and look until everything is flat. ``pull`` gives the instant of the pull."""
    crowd = Crowd(stage)
    crowd.open_some()
    crowd.rest_one()
    began = time.monotonic()
    with crowd:
        until(lambda: len(_entries(_ledger(stage), began)) >= CROWD, f"{CROWD} entries of the crowd: without them nothing is proved", UP_S)
        if shot is not None:
            shot(stage)
        held = sum(row["quantity"] != 0 for row in _ledger(stage)["positions"])
        at = pull(stage)
        trouble = ""
        try:
            until(lambda: _is_flat(_ledger(stage)), "flat", FLAT_S)
        except Stopped as error:
            trouble = str(error)
        flat_ms = 0 if trouble else round((time.monotonic() - at) * 1000)
        time.sleep(AFTER_S)
    ledger = _ledger(stage)
    if not trouble and not _is_flat(ledger):
        trouble = "it did not stay flat"
    late, later = _entries(ledger, at), _orders(ledger, at)
    return Figure(name, held, len(late), _last_ms(late, at), len(later), _last_ms(later, at), flat_ms, trouble)


def _orders(ledger: Any, after: float) -> list[dict[str, Any]]:
    """Give the orders that the broker took after an instant; a request under way has no status yet."""
    posts = [r for r in ledger["requests"] if r["method"] == "POST" and r["path"] in (PLACE, EXIT) and r.get("status") == 200]
    return [r for r in posts if r["at_s"] > after]


def _entries(ledger: Any, after: float) -> list[dict[str, Any]]:
    return [r for r in _orders(ledger, after) if r["path"] == PLACE and purpose_of(json.loads(r["body"])["tag"]) == "entry"]


def _last_ms(requests: list[dict[str, Any]], at: float) -> int:
    return max((round((r["at_s"] - at) * 1000) for r in requests), default=0)


def _ledger(stage: Stage) -> Any:
    return stage.ask("/_ledger?instrument_key=none")


def _is_flat(ledger: Any) -> bool:
    return all(is_over(o["status"]) for o in ledger["orders"]) and all(p["quantity"] == 0 for p in ledger["positions"])


class Crowd:
    """Who proposes and confirms. ``with crowd:`` it goes on by itself."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._count = stage, 0
        self._papers = [p for p in stage.papers if not p.is_index]
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="crowd", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def open_some(self) -> None:
        """Hold positions, each with its stop at the broker."""

        def is_held() -> bool:
            ledger = _ledger(self._stage)
            stops = sum(o["status"] == "trigger pending" for o in ledger["orders"])
            held = sum(p["quantity"] != 0 for p in ledger["positions"])
            if held < POSITIONS:
                self.propose()
                time.sleep(PACE_S)
            return held >= POSITIONS and stops >= POSITIONS

        until(is_held, f"{POSITIONS} positions with their stops", UP_S)

    def rest_one(self) -> None:
        """Leave an entry at the broker that does not fill."""

        def is_resting() -> bool:
            rows = _ledger(self._stage)["orders"]
            is_there = any(o["status"] == "open" and purpose_of(o["tag"]) == "entry" for o in rows)
            if not is_there:
                self.propose(RESTING)
                time.sleep(PACE_S)
            return is_there

        until(is_resting, "an entry that rests", UP_S)

    def propose(self, below: float = 0.0) -> None:
        """Recommend a purchase or a sale at the market (a purchase so far ``below`` it), and confirm it."""
        stage, paper = self._stage, self._papers[self._count % len(self._papers)]
        told = stage.ask(f"/_ledger?instrument_key={paper.instrument_key.replace('|', '%7C')}")
        quote = told["quotes"].get(paper.instrument_key)
        self._count += 1
        if quote is None:
            return
        wish = _recommendation(paper, told["ts"], self._count, to_paise(quote["ltp"]), below)
        client = stage.clients[Role.DERIVED]
        append(client, RECOMMENDATIONS, wish)
        append(client, CONFIRM_TERMINAL, Confirmation(told["ts"] + 1, wish.id, "confirm", "terminal"))

    def _go_on(self) -> None:
        while not self._is_over.wait(PACE_S):
            try:
                self.propose()
            except (redis.exceptions.RedisError, Stopped):
                continue  # Redis was shot, or all is over: nobody can propose


def _recommendation(paper: Instrument, now: int, number: int, ltp: int, below: float) -> Recommendation:
    tick = paper.tick_size_paise
    side = Side.SELL if number % 2 and not below else Side.BUY
    ref = round(ltp * (1 - below)) // tick * tick
    far = max(tick, ref // 300 // tick * tick)
    limit = ref + (0 if below else side.sign * 2 * tick)
    return Recommendation(
        now, f"D{number}", f"S{number}", now - 60_000 - number, 1, paper.symbol, "1m", "drill", side, 0.8, "trending", ltp // tick * tick,
        limit, limit - side.sign * far, limit + side.sign * 8 * far, now + 60_000, "drill", 0,
    )  # fmt: skip


# ---------------------------------------------------------------------- strings


def by_page(word: Word, stage: Stage) -> float:
    """Press the page's button, as a browser does: the page, the arming, the pull."""
    parts = urlsplit(stage.page)

    def ask(method: str, path: str, body: Any = None, cookie: str = "") -> http.client.HTTPResponse:
        link = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        headers = {"Content-Type": "application/json", "X-Ticktick": "1", "Origin": stage.page, "Cookie": cookie} if cookie else {}
        link.request(method, path, None if body is None else json.dumps(body), headers)
        return link.getresponse()

    cookie = (ask("GET", "/").getheader("Set-Cookie") or "").partition(";")[0]
    nonce = json.load(ask("POST", "/api/v1/stop/arm", {}, cookie))["nonce"]
    at = time.monotonic()
    reply = ask("POST", "/api/v1/stop", {"word": word, "nonce": nonce, "typed": "KILL"}, cookie)
    if reply.status != 200:
        raise Stopped(f"the page refused the {word}: {reply.read().decode()}")
    return at


def by_command(word: Word, stage: Stage) -> float:
    """Run the command beside the processes; its own start counts."""
    flags = ["--yes-kill-everything"] if word is Word.KILL else []
    at = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "pipeline.run.cli", word.value, *flags],
        cwd=SHIPPED_ROOT, env=stage.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    threading.Thread(target=child.wait, daemon=True).start()
    return at


def by_file(word: Word, stage: Stage) -> float:
    """Leave the file, as any shell can: `echo flatten > logs/HALT`."""
    at = time.monotonic()
    halt_file(stage.settings).write_text(f"{word}\n", "utf-8")
    return at


def shoot_redis(stage: Stage) -> None:
    """SIGKILL the Redis of this stage."""
    if stage.redis.proc is not None:
        stage.redis.proc.kill()
        stage.redis.proc.wait()


def shoot_orders(stage: Stage) -> None:
    """SIGKILL the order process of this stage."""
    os.kill(stage.pids["orders"], signal.SIGKILL)
