"""The confirmation prompt in a terminal: `scripts/orders.py` when somebody sits there.

The order process itself runs forked, so that a slow answer never holds up a fill; the prompt reads
recommendations, asks, and writes the answer to ``confirmations:terminal``. Answers carry the feed's time.
One answer counts, wherever it was given first; an expired question takes none. Where an order process runs
already (`ticktick up`), there is no second one: the terminal asks for that one, also over its restarts.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

import redis

from pipeline.core.errors import Ambiguous, Refused, Stopped, TickTickError
from pipeline.core.schema import CONFIRM_TERMINAL, HEALTH, ORDERS, RECOMMENDATIONS, TICKS, Role
from pipeline.core.types import Confirmation, Instrument, Recommendation
from pipeline.engine.matching import Quote
from pipeline.engine.prompt import parse_answer, prompt_lines, terms_of
from pipeline.engine.quotes import QuoteTable
from pipeline.run import supervise, universe
from pipeline.run.brokerterms import with_brokers
from pipeline.run.lease import SILENT_S, Holder, Lease
from pipeline.run.options import Settings
from pipeline.run.redaction import redact
from pipeline.store import codec
from pipeline.store.client import append, check, open_clients
from pipeline.store.face import EntryId
from pipeline.store.streams import AT, RedisStore

POLL_S = 0.2
RECENT = 300
"""Feed frames looked through for a paper's newest quote."""


def run_orders(settings: Settings, date_iso: str, run: Callable[[], None]) -> None:
    """Fork the order process (``run``), or find the one that runs; then ask until it ends or the person leaves.

    Raises:
        Stopped, Refused: no Redis, or no watchlist in it. Stopped: the order process died. Refused: one runs, in another mode.
    """
    desk = Desk(settings, date_iso)  # before the fork: what is missing is said once
    if _ask_beside(desk, settings.mode):
        return
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            supervise.die_with_parent(parent)
            run()
            code = 0
        except TickTickError as error:
            print(f"orders: {redact(str(error))}", file=sys.stderr)
            code = error.exit_code
        finally:
            if sys.exc_info()[1] is not None:
                sys.excepthook(*sys.exc_info())
            os._exit(code)
    try:
        _outcome(desk.ask_until(lambda: os.waitpid(pid, os.WNOHANG)))
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)


def ask_only(settings: Settings, date_iso: str) -> None:
    """Ask for the order process that runs, until the person leaves.

    Raises:
        Stopped, Refused: no Redis, no watchlist in it, no order process, or one in another mode.
    """
    if not _ask_beside(Desk(settings, date_iso), settings.mode):
        raise Stopped("no order process runs here, so there is nothing to confirm: start `ticktick up`, or scripts/orders.py")


def _ask_beside(desk: Desk, mode: str) -> bool:
    """Ask for the order process that runs; False when none does."""
    holder = desk.lease.living()
    if holder is not None:
        desk.ask_until(Neighbour(desk, mode, holder).look)
    return holder is not None


def _outcome(status: int) -> None:
    """Leave as the order process left: it has said why, unless a signal ended it."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        raise Stopped(f"the order process died (signal {-code}): start it again, it goes on from what was committed")
    if code > 0:
        sys.exit(code)


class Neighbour:
    """The order process that somebody else keeps running: seen by its lease and its beats, missed when both are gone."""

    def __init__(self, desk: Desk, mode: str, holder: Holder) -> None:
        found = desk.health().get("mode", mode)
        if found != mode:
            raise Refused(f"the order process ({holder}) runs in mode {found}, this terminal's settings say {mode}: use its settings")
        print(f"orders: runs already ({holder}): this terminal only asks, your answers go to that process")
        self._desk, self._beat, self._heard_s, self._is_there = desk, "", time.monotonic(), True

    def look(self) -> tuple[int, int]:
        """Say when it goes and when it is back; never over."""
        with contextlib.suppress(Ambiguous):  # which is said already
            beat, gone = self._desk.health().get("at_ms", ""), self._desk.lease.is_free()
            if beat != self._beat:
                self._beat, self._heard_s = beat, time.monotonic()
            is_there = not gone and time.monotonic() - self._heard_s < SILENT_S
            if is_there != self._is_there:
                self._is_there = is_there
                print("  the order process is back" if is_there else "  the order process is away: answers wait for it", flush=True)
        return 0, 0


class Desk:
    """Where the questions appear."""

    def __init__(self, settings: Settings, date_iso: str) -> None:
        urls = settings.redis.urls()
        self._clients = open_clients(urls)
        check(self._clients, urls)
        self._store = RedisStore(self._clients)
        self.lease = Lease(self._clients[Role.DERIVED], "orders")
        self._settings, self._risk = settings, settings.params.risk
        self._instruments = {i.symbol: i for i in universe.load(self._store, date_iso)}
        self._now = 0
        self._is_away = False
        self._orders_after = EntryId(0, 0)
        newest: Any = self._clients[Role.DERIVED].xrevrange(RECOMMENDATIONS.name, count=1)
        self._after = EntryId.parse(newest[0][0]) if newest else EntryId(0, 0)

    def ask_until(self, ended: Callable[[], tuple[int, int]]) -> int:
        """Ask each new recommendation that is still open; show what became of the orders.

        ``ended`` is as ``waitpid``: (0, 0) while there is an order process to ask for. Gives its status.
        """
        self._orders_after = EntryId(self._clock(), 0)
        print("orders: waiting for recommendations; answer here or on the page (Ctrl-C leaves)")
        while (end := ended())[0] == 0:
            try:
                self._turn()
                self._is_away = False
            except (Ambiguous, redis.exceptions.RedisError):
                if not self._is_away:
                    print("  Redis is away: what is open is asked again when it is back", flush=True)
                self._is_away = True
                time.sleep(POLL_S)
        return end[1]

    def health(self) -> dict[str, str]:
        """Give what the order process says of itself."""
        return self._store.fetch(Role.DERIVED, HEALTH.key("orders"))

    def _turn(self) -> None:
        fresh = self._store.read([(RECOMMENDATIONS, self._after), (ORDERS, self._orders_after)], 50, 200)
        for entry in fresh[ORDERS.name]:
            self._orders_after, o = entry.id, entry.record
            print(f"  {o.side.value} {o.order_qty} {o.symbol}: {o.status.lower()} {o.cum_qty}/{o.order_qty} {o.reason}".rstrip())
        for entry in fresh[RECOMMENDATIONS.name]:
            self._ask(entry.record)
            self._after = entry.id  # only now: a question that Redis cut short is asked again

    def _ask(self, wish: Recommendation) -> None:
        instrument = self._instruments[wish.symbol]
        terms = terms_of(wish, instrument, self._risk)
        if terms.qty == 0 or wish.expires_ms <= self._clock():
            return
        word = self.health().get("word", "")
        if word:
            print(f"  {word} holds: {wish.side.value} {wish.symbol} is not asked; lift it with `ticktick resume`", flush=True)
            return
        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # a `y` typed before the question is no answer to it
        terms = with_brokers(self._settings, wish, instrument, terms)
        print()
        print("\n".join(prompt_lines(wish, terms, self._quote(instrument), self._clock(), instrument)), flush=True)
        answer = self._answer(wish.expires_ms)
        if answer is None:
            print("  no answer in time: nothing is sent")
            return
        append(self._clients[Role.DERIVED], CONFIRM_TERMINAL, Confirmation(self._clock(), wish.id, answer, "terminal"))
        print(f"  {answer}ed")

    def _answer(self, expires_ms: int) -> str | None:
        """Wait for a clear yes or no, but not past the expiry (on the feed's clock)."""
        while self._clock() < expires_ms:
            if select.select([sys.stdin], [], [], POLL_S)[0]:
                answer = parse_answer(sys.stdin.readline())
                if answer is not None:
                    return answer
                print("  y or n, please", flush=True)
        return None

    def _clock(self) -> int:
        """Give the feed's time: the newest tick's."""
        newest: Any = self._clients[Role.TICKS].xrevrange(TICKS.name, count=1)
        self._now = EntryId.parse(newest[0][0]).ms if newest else time.time_ns() // 1_000_000
        return self._now

    def _quote(self, instrument: Instrument) -> Quote | None:
        newest: Any = self._clients[Role.TICKS].xrevrange(TICKS.name, count=RECENT)
        table = QuoteTable(len(self._instruments))
        for _, fields in reversed(newest):
            fields.pop(AT, None)
            table.take(codec.decode(TICKS, fields))
        return table.quote(instrument.sid)
