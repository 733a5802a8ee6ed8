"""What only the real store has to show: a lost server, blocking reads, several roles."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from pipeline.core import schema
from pipeline.core.errors import Ambiguous
from pipeline.core.schema import Role
from pipeline.core.types import TICK, Confirmation, TickBatch
from pipeline.store import codec
from pipeline.store.client import append, open_clients
from pipeline.store.face import ZERO, Commit, EntryId, Progress
from pipeline.store.server import free_port
from pipeline.store.streams import RedisStore


def test_a_lost_server_is_ambiguous_and_says_so():
    store = RedisStore(open_clients({role: f"redis://127.0.0.1:{free_port()}/0" for role in Role}))
    with pytest.raises(Ambiguous, match="nothing committed is lost"):
        store.commit(Commit("live", Role.CANDLES, Progress()), 1)
    with pytest.raises(Ambiguous):
        store.read([(schema.TICKS, ZERO)], 1, 0)


def test_waiting_read_wakes_for_an_entry_of_the_first_role(redis_urls):
    clients = open_clients(redis_urls)
    store = RedisStore(clients)
    coded = codec.encode(schema.TICKS, TickBatch(1, np.zeros(2, TICK)))

    def later() -> None:
        time.sleep(0.05)
        RedisStore(open_clients(redis_urls)).commit(Commit("ticks", Role.TICKS, Progress(), [(schema.TICKS, EntryId(1, 0), coded)]), 9)

    thread = threading.Thread(target=later)
    thread.start()
    got = store.read([(schema.TICKS, ZERO), (schema.RECOMMENDATIONS, ZERO)], 10, 2000)
    thread.join()
    assert len(got["ticks"]) == 1
    assert got["recommendations"] == []


def test_reads_over_two_roles(redis_urls):
    clients = open_clients(redis_urls)
    append(clients[Role.DERIVED], schema.CONFIRM_PAGE, Confirmation(5, "a", "confirm", "page"))
    got = RedisStore(clients).read([(schema.TICKS, ZERO), (schema.CONFIRM_PAGE, ZERO)], 10, 1)
    assert got["confirmations:page"][0].record.ts == 5
