"""Series that somebody cleared are made again, and no sample is lost."""

from __future__ import annotations

import numpy as np

from pipeline.core.schema import Role
from pipeline.core.types import TICK
from pipeline.core.views import RowsWrite
from pipeline.jobs.ticks import METRICS
from pipeline.store.client import open_clients
from pipeline.store.face import Commit, Progress
from pipeline.store.streams import RedisStore


def test_samples_survive_a_cleared_series(redis_urls):
    clients = open_clients(redis_urls)
    store, client = RedisStore(clients), clients[Role.TICKS]
    rows = np.zeros(2, TICK)
    rows["sid"], rows["mid"], rows["ltp"] = [0, 1], [10.05, 20.1], [1, 1]
    symbols = ("SHOWN1", "SHOWN2")

    def show(ts: int) -> None:
        store.commit(Commit("ticks", Role.TICKS, Progress(session="s"), shown=[RowsWrite(METRICS, symbols, ts, rows, np.arange(2))]), 1)

    show(1_000)
    client.delete("symbol:SHOWN2:mid")
    show(2_000)
    assert client.execute_command("TS.RANGE", "symbol:SHOWN1:mid", "-", "+") == [[1_000, 10.05], [2_000, 10.05]]
    assert client.execute_command("TS.RANGE", "symbol:SHOWN2:mid", "-", "+") == [[2_000, 20.1]]
    text = str(client.execute_command("TS.INFO", "symbol:SHOWN2:mid"))
    assert "SHOWN2" in text
    assert "last" in text
