"""Series that somebody cleared are made again, and no sample is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.core.schema import Role
from pipeline.core.types import TICK
from pipeline.core.views import RowsWrite
from pipeline.jobs.ticks import VIEW
from pipeline.store.client import open_clients
from pipeline.store.face import Commit, Progress
from pipeline.store.series import SeriesWriter
from pipeline.store.shown import AT_ONCE, LATEST_S, RowsWriter, parsed
from pipeline.store.streams import RedisStore


def test_samples_survive_a_cleared_series(redis_urls):
    clients = open_clients(redis_urls)
    store, client = RedisStore(clients), clients[Role.TICKS]
    rows = np.zeros(2, TICK)
    rows["sid"], rows["mid"], rows["ltp"] = [0, 1], [10.05, 20.1], [1, 1]
    symbols = ("SHOWN1", "SHOWN2")

    def show(ts: int) -> None:
        store.commit(
            Commit("ticks", Role.TICKS, Progress(session="s"), shown=[RowsWrite(VIEW, symbols, ts, rows, np.full(2, 4, np.uint8))]), 1
        )

    show(1_000)
    client.delete("symbol:SHOWN2:mid")
    show(2_000)
    assert client.execute_command("TS.RANGE", "symbol:SHOWN1:mid", "-", "+") == [[1_000, 10.05], [2_000, 10.05]]
    assert client.execute_command("TS.RANGE", "symbol:SHOWN2:mid", "-", "+") == [[2_000, 20.1]]
    text = str(client.execute_command("TS.INFO", "symbol:SHOWN2:mid"))
    assert "SHOWN2" in text
    assert "last" in text


def test_the_newest_rows_are_written_a_few_times_a_second_of_our_clock(redis_urls):
    client, now = open_clients(redis_urls)[Role.TICKS], [100.0]
    writer = RowsWriter(SeriesWriter(client), lambda: now[0])
    rows = np.zeros(1, TICK)
    rows["ltp"] = 1.0

    def told(price: float, symbols=("SHOWN3",), *, is_last: bool = False) -> list[bytes]:
        fresh = rows.copy()
        fresh["ltp"] = price
        shown = writer.prepare([RowsWrite(VIEW, symbols, 5, fresh, np.ones(1, np.uint8))] if price else [], is_last=is_last)
        return [words[words.index(b"ltp") + 1] for part in shown for words in parsed(part.hashes)]

    names = ("SHOWN3",)
    assert told(1.5, names) == [b"1.5"]
    assert told(2.5, names) == []
    assert told(3.5, names) == []
    now[0] += LATEST_S
    assert told(0, names) == [b"3.5"], "what was held back is shown when it is due, the newest of it"
    assert told(4.5, names) == []
    assert told(5.5, names, is_last=True) == [b"5.5"], "the last commit leaves nothing behind"
    now[0] += LATEST_S
    assert told(0, names) == []


def test_a_view_that_is_not_paced_is_written_with_its_commit(redis_urls):
    writer = RowsWriter(SeriesWriter(open_clients(redis_urls)[Role.TICKS]), lambda: 100.0)
    view, names = replace(VIEW, is_paced=False), tuple(f"SHOWN{n}" for n in range(3 * AT_ONCE))
    rows = np.zeros(len(names), TICK)
    rows["sid"] = np.arange(len(names))
    for _ in range(2):
        (shown,) = writer.prepare([RowsWrite(view, names, 5, rows, np.ones(len(names), np.uint8))])
        assert shown.hash_count == len(parsed(shown.hashes)) == len(names)
