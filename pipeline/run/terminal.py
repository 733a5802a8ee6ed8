"""The confirmation prompt in a terminal: `scripts/orders.py` when somebody sits there.

The order process itself runs forked, so that a slow answer never holds up a fill; the prompt reads
recommendations, asks, and writes the answer to ``confirmations:terminal``. Answers carry the feed's time.
One answer counts, wherever it was given first; an expired question takes none.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from pipeline.core.errors import Ambiguous, Stopped
from pipeline.core.schema import CONFIRM_TERMINAL, ORDERS, RECOMMENDATIONS, TICKS, Role
from pipeline.core.types import Confirmation, Instrument, Recommendation
from pipeline.engine.matching import Quote
from pipeline.engine.prompt import parse_answer, prompt_lines
from pipeline.engine.quotes import QuoteTable
from pipeline.engine.sizing import entry_qty
from pipeline.run import supervise, universe
from pipeline.run.options import Settings
from pipeline.store import codec
from pipeline.store.client import append, open_clients
from pipeline.store.face import EntryId
from pipeline.store.streams import AT, RedisStore

POLL_S = 0.2
RECENT = 300
"""Feed frames looked through for a paper's newest quote."""


def run_orders(settings: Settings, date_iso: str, run: Callable[[], None]) -> None:
    """Fork the order process (``run``), then ask until it ends or the person leaves."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            supervise.die_with_parent(parent)
            run()
            code = 0
        except Stopped as error:
            print(f"orders: {error}", file=sys.stderr)
        finally:
            os._exit(code)
    try:
        Desk(settings, date_iso).ask_until(lambda: os.waitpid(pid, os.WNOHANG)[0] != 0)
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)


class Desk:
    """Where the questions appear."""

    def __init__(self, settings: Settings, date_iso: str) -> None:
        self._clients = open_clients(settings.redis.urls())
        self._store = RedisStore(self._clients)
        self._risk = settings.params.risk
        self._instruments = {i.symbol: i for i in universe.load(self._store, date_iso)}
        self._now = 0
        newest: Any = self._clients[Role.DERIVED].xrevrange(RECOMMENDATIONS.name, count=1)
        self._after = EntryId.parse(newest[0][0]) if newest else EntryId(0, 0)

    def ask_until(self, is_over: Callable[[], bool]) -> None:
        """Ask each new recommendation that is still open; show what became of the orders."""
        orders_after = EntryId(self._clock(), 0)
        print("orders: waiting for recommendations; answer here or on the page (Ctrl-C leaves)")
        while not is_over():
            with contextlib.suppress(Ambiguous):
                fresh = self._store.read([(RECOMMENDATIONS, self._after), (ORDERS, orders_after)], 50, 200)
                for entry in fresh[ORDERS.name]:
                    orders_after, o = entry.id, entry.record
                    print(f"  {o.side.value} {o.order_qty} {o.symbol}: {o.status.lower()} {o.cum_qty}/{o.order_qty} {o.reason}".rstrip())
                for entry in fresh[RECOMMENDATIONS.name]:
                    self._after = entry.id
                    self._ask(entry.record)

    def _ask(self, wish: Recommendation) -> None:
        instrument = self._instruments[wish.symbol]
        qty = entry_qty(wish.limit_paise, wish.stop_paise, instrument, self._risk)
        if qty == 0 or wish.expires_ms <= self._clock():
            return
        print()
        print("\n".join(prompt_lines(wish, qty, self._quote(instrument), self._clock(), instrument)), flush=True)
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
