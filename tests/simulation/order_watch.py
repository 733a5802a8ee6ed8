"""A session watched: a digest of everything it did, and how often each fault, each edge of an order's life and each reason came up.

A change that is only to be faster must leave every digest as it is; one that may not must at least leave no fault, edge or code behind.
What is read and written is taken in as it is committed: input, outputs, requests as they leave, then the broker's own book, both ledgers,
the desk's state and the verdicts.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any
from unittest import mock

from pipeline.core.broker import OrderRequest
from pipeline.core.snapshot import pack
from pipeline.core.trading import Denial
from pipeline.core.types import OrderEvent, TickBatch
from pipeline.engine import lifecycle
from pipeline.engine.desk import dump
from pipeline.engine.lifecycle import Event, Status
from tests.simulation.order_broker import Rates
from tests.simulation.order_run import CHUNK, prepare
from tests.simulation.order_session import Input, Outcome, Session


class Watched(Session):
    """A session that keeps a digest and counts."""

    def __init__(self, seed: int, rates: Rates | None = None) -> None:
        super().__init__(seed, rates)
        self.seen: Counter[str] = Counter()
        self._digest = blake2b(digest_size=16)

    def run(self) -> Outcome:
        with mock.patch.object(lifecycle, "TABLE", _CountedTable(lifecycle.TABLE, self.seen)):
            out = super().run()
        broker = self.broker
        self._note(
            out.violations,
            out.crashes,
            out.actions,
            broker.received,
            broker.trades,
            broker.naked,
            broker.reversals,
            sorted(broker.position.items()),
        )
        self._digest.update(pack([dump(self.desk)[0], self.portfolio.dump()], dump(self.desk)[1]))
        self.seen.update({f"fault {name}": count for name, count in self.faults.items()})
        self.seen.update(f"violation {words}" for words in out.violations)
        return out

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    def _commit(self, item: Input, outputs: list[Any], now: int) -> None:
        if type(item.record) is TickBatch:
            self._note(now, item.record.ts)
            self._digest.update(item.record.rows.tobytes())
        else:
            self._note(now, item.kind, item.record)
        self._note(outputs)
        for out in outputs:
            if type(out) is Denial:
                self.seen[f"check {out.code}"] += 1
            elif type(out) is OrderEvent and out.status == Status.DENIED.value:
                self.seen[f"denied {out.reason}"] += 1
            elif type(out) is OrderRequest:
                self.seen[f"request {out.ask.value}"] += 1
        super()._commit(item, outputs, now)

    def _perform(self, request: OrderRequest, now: int) -> None:
        self._note("leaves", now, request.id)
        super()._perform(request, now)

    def _note(self, *what: Any) -> None:
        self._digest.update(repr(what).encode())


class _CountedTable(dict[tuple[Status, Event], Status]):
    """The table of an order's life, with a count of each pair that was found in it."""

    def __init__(self, table: dict[tuple[Status, Event], Status], seen: Counter[str]) -> None:
        super().__init__(table)
        self.seen = seen

    def get(self, pair: tuple[Status, Event], default: Any = None) -> Any:
        found = super().get(pair, default)
        if found is not None:
            self.seen[f"edge {pair[0].value} {pair[1].value}"] += 1
        return found


def watch(seed: int) -> tuple[int, str, Counter[str]]:
    """Play a seed; give its digest and its counts."""
    session = Watched(seed)
    session.run()
    return seed, session.digest, session.seen


def watch_all(seeds: range, jobs: int = 0) -> Iterator[tuple[int, str, Counter[str]]]:
    """Watch seeds, in their order, over so many processes."""
    prepare()
    with multiprocessing.get_context("fork").Pool(jobs or os.cpu_count(), maxtasksperchild=20) as pool:
        yield from pool.imap(watch, seeds, CHUNK // 5)


def unseen(seen: Iterable[str]) -> list[str]:
    """Give the edges of an order's life that never came up."""
    known = set(seen)
    return [name for status, event in lifecycle.TABLE if (name := f"edge {status.value} {event.value}") not in known]
