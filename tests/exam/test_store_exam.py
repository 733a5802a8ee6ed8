"""The store's exam: every implementation sits it unchanged."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import fakeredis
import numpy as np
import pytest

from pipeline.core import schema
from pipeline.core.batches import HashesWrite, Records, Words
from pipeline.core.errors import Corrupt
from pipeline.core.job import HashWrite, SampleWrite
from pipeline.core.schema import Role
from pipeline.core.types import CANDLE, TICK, CandleWave, Confirmation, TickBatch
from pipeline.core.views import RowsWrite
from pipeline.jobs.ticks import VIEW
from pipeline.store import batch, codec
from pipeline.store.client import open_clients
from pipeline.store.face import END, ZERO, Batch, Commit, EntryId, Progress, Store
from pipeline.store.memory import MemoryStore
from pipeline.store.streams import RedisStore

SHOWN_SYMBOLS = ("HELD",)
Maker = Callable[[], Store]


@pytest.fixture(params=["memory", "fakeredis", "redis"])
def store(request: pytest.FixtureRequest) -> Store:
    """The real server judges; the fake one lets a clone without Redis check the client's half."""
    if request.param == "memory":
        return MemoryStore()
    if request.param == "fakeredis":
        server = fakeredis.FakeServer()
        return RedisStore({role: fakeredis.FakeRedis(server=server, db=number) for role, number in schema.DEFAULT_DATABASE.items()})
    return RedisStore(open_clients(request.getfixturevalue("redis_urls")))


def _answer(ts: int, text: str = "confirm") -> Confirmation:
    return Confirmation(ts, "r1", text, "auto")


def _commit(entries: list, n: int = 1, **more) -> Commit:
    coded = [(schema.CONFIRM_AUTO, i, codec.encode(schema.CONFIRM_AUTO, r)) for i, r in entries]
    return Commit("orders", Role.DERIVED, Progress(session="s", commits=n, watermark=n), coded, **more)


def test_fresh_job_has_no_progress(store):
    assert store.progress("orders", Role.DERIVED) == Progress()
    assert store.snapshot("orders", Role.DERIVED) is None
    assert store.progresses([("orders", Role.DERIVED)]) == [(-1, "")]


def test_entries_come_back_in_order_after_the_cursor(store):
    ids = [EntryId(9, 0), EntryId(10, 0), EntryId(10, 1), EntryId(100, 0)]
    store.commit(_commit([(i, _answer(i.ms)) for i in ids]), 7)
    got = store.read([(schema.CONFIRM_AUTO, EntryId(9, 0))], 2, 0)["confirmations:auto"]
    assert [e.id for e in got] == ids[1:3]
    assert got[0].record == _answer(10)
    assert got[0].committed_ms == 7


def test_limit_and_empty_read(store):
    assert store.read([(schema.CONFIRM_AUTO, ZERO), (schema.TICKS, ZERO)], 10, 0) == {"confirmations:auto": [], "ticks": []}


def test_commit_is_all_progress_snapshot_and_views(store):
    views = [
        HashWrite(schema.REGIME, ("RELIANCE",), {"state": "ranging", "since": 1}),
        HashWrite(schema.REGIME, ("RELIANCE",), {"state": "trending", "adx": 0.1}),
    ]
    done = _commit([(EntryId(5, 0), _answer(5))], 3, hashes=views, snapshot=b"\x00state")
    done.progress.cursors["ticks"] = EntryId(4, 2)
    done.progress.digests["fills"] = b"\x01\x02"
    store.commit(done, 1)
    assert store.progress("orders", Role.DERIVED) == done.progress
    saved = store.snapshot("orders", Role.DERIVED)
    assert saved is not None
    assert saved == (done.progress, b"\x00state")
    assert store.fetch(Role.DERIVED, "regime:RELIANCE") == {"state": "trending", "since": "1", "adx": "0.1"}
    assert store.progresses([("orders", Role.DERIVED), ("live", Role.CANDLES)]) == [(3, "s"), (-1, "")]


def test_an_id_that_is_not_newer_is_corrupt(store):
    store.commit(_commit([(EntryId(5, 0), _answer(5))]), 1)
    with pytest.raises(Corrupt, match="another copy"):
        store.commit(_commit([(EntryId(5, 0), _answer(5))], 2), 1)


def test_a_stream_of_another_role_is_corrupt(store):
    wrong = (schema.TICKS, EntryId(1, 0), codec.encode(schema.TICKS, TickBatch(1, np.zeros(1, TICK))))
    with pytest.raises(Corrupt, match="lies in"):
        store.commit(Commit("orders", Role.DERIVED, Progress(), [wrong]), 1)


def test_samples_repeat_harmlessly(store):
    sample = SampleWrite(schema.PORTFOLIO_PNL, (), 60_000, 1.5)
    for n, value in ((1, 1.5), (2, 2.5)):
        store.commit(_commit([], n, samples=[sample, SampleWrite(schema.PORTFOLIO_PNL, (), 60_000, value)]), 1)


def test_trim_leaves_the_newest(store):
    store.commit(_commit([(EntryId(i, 0), _answer(i)) for i in range(1, 1001)]), 1)
    store.trim(schema.CONFIRM_AUTO, 100)
    got = store.read([(schema.CONFIRM_AUTO, ZERO)], 2000, 0)["confirmations:auto"]
    assert 100 <= len(got) <= 300
    assert got[-1].id == EntryId(1000, 0)


def test_packed_rows_come_back_bit_for_bit(store):
    rows = np.zeros(3, CANDLE)
    rows["close"] = [0.1, 1e-300, 1e300]
    coded = codec.encode(schema.CANDLES, CandleWave(12, rows))
    store.commit(Commit("live", Role.CANDLES, Progress(), [(schema.CANDLES, EntryId(12, 0), coded)]), 1)
    (entry,) = store.read([(schema.CANDLES, ZERO)], 5, 0)["candles"]
    assert entry.record.ts == 12
    assert entry.record.rows.tobytes() == rows.tobytes()


def test_end_survives(store):
    done = _commit([])
    done.progress.watermark = END
    store.commit(done, 1)
    assert store.progresses([("orders", Role.DERIVED)])[0][0] >= END


def test_rows_are_shown_alike_everywhere(store):
    """A hash with words and numbers; the same text whoever keeps it."""
    rows = np.zeros(2, TICK)
    rows["sid"], rows["ltp"], rows["mid"], rows["flags"], rows["kind"], rows["vtt"] = [1, 0], [101.35, 99.0], [101.3, 0], 5, 1, 7
    symbols = ("ALPHA", "BRAVO")
    shown = [RowsWrite(VIEW, symbols, 5_000, rows, np.full(2, 7, np.uint8))]
    for n in (1, 2):  # a repeat is harmless
        store.commit(Commit("ticks", Role.TICKS, Progress(session="s", commits=n), shown=shown), 7)
    got = store.fetch(Role.TICKS, "tick:BRAVO")
    assert (got["ltp"], got["mid"], got["vtt"], got["marks"], got["kind"]) == ("101.35", "101.3", "7", "has_depth traded", "live")
    assert got["time"] == "1970-01-01 05:30:05.000 +05:30"
    assert store.fetch(Role.TICKS, "tick:ALPHA")["ltp"] == "99"
    assert store.progress("ticks", Role.TICKS).commits == 2
    if isinstance(store, MemoryStore):
        assert store.samples["symbol:BRAVO"] == {5_000: 101.35}
        assert store.samples["symbol:BRAVO:mid"] == {5_000: 101.3}
        assert "symbol:ALPHA:mid" not in store.samples
    else:
        client = store._clients[Role.TICKS]
        assert client.execute_command("TS.GET", "symbol:BRAVO") == [5_000, 101.35]
        assert client.execute_command("TS.GET", "symbol:BRAVO:mid") == [5_000, 101.3]
        assert client.exists("symbol:ALPHA")


def test_what_was_held_back_is_shown_when_asked(store):
    rows = np.zeros(1, TICK)
    for n, price in enumerate((1.5, 2.5, 3.5), start=1):
        fresh = rows.copy()
        fresh["ltp"] = price
        shown = [RowsWrite(VIEW, SHOWN_SYMBOLS, n, fresh, np.ones(1, np.uint8))]
        store.commit(Commit("ticks", Role.TICKS, Progress(session="s", commits=n), shown=shown), 7)
    deadline = time.monotonic() + 5.0
    while store.fetch(Role.TICKS, "tick:HELD")["ltp"] != "3.5":
        assert time.monotonic() < deadline, "it was never its turn"
        store.show(Role.TICKS)
        time.sleep(0.02)
    store.show(Role.TICKS)


def _batch(first: EntryId) -> Batch:
    word = Words(("confirm", "M&M"), np.array([0, 1]))
    return batch.encode(schema.CONFIRM_AUTO, Records(Confirmation, (np.array([3, 4]), word, word, word)), first)


def test_a_batch_lies_there_as_its_entries_would(store):
    store.commit(_commit([(EntryId(5, 0), _answer(5))], batches=[_batch(EntryId(5, 1))]), 7)
    got = store.read([(schema.CONFIRM_AUTO, EntryId(5, 0))], 9, 0)["confirmations:auto"]
    assert [tuple(e) for e in got] == [
        (EntryId(5, 1), Confirmation(3, "confirm", "confirm", "confirm"), 7),
        (EntryId(5, 2), Confirmation(4, "M&M", "M&M", "M&M"), 7),
    ]
    with pytest.raises(Corrupt, match="another copy"):
        store.commit(_commit([], 2, batches=[_batch(EntryId(5, 2))]), 7)


def test_hashes_of_a_batch_are_set_behind_the_single_ones(store):
    text, ends = np.frombuffer(bytearray(b"5ranging7"), np.uint8), np.array([0, 1, 8, 9])
    places = np.array([[1, 1], [1, 0], [0, 1]])
    told = HashesWrite(schema.REGIME, (("ALPHA",), ("BRAVO",)), ("state", "since"), places, text, ends)
    single = HashWrite(schema.REGIME, ("BRAVO",), {"state": "trending", "adx": 1})
    samples = [SampleWrite(schema.PORTFOLIO_PNL, (), 60_000, 1.5)]
    for n in (1, 2):  # a repeat is harmless
        store.commit(_commit([], n, hashes=[single], samples=samples, told=[told], snapshot=b"x"), 7)
    assert store.fetch(Role.DERIVED, "regime:BRAVO") == {"state": "ranging", "since": "5", "adx": "1"}
    assert store.fetch(Role.DERIVED, "regime:ALPHA") == {"since": "7"}
    assert store.progress("orders", Role.DERIVED).commits == 2


def test_batches_of_another_role_are_corrupt(store):
    told = HashesWrite(schema.TICK_LATEST, (("ALPHA",),), ("ltp",), np.zeros((1, 2), np.int64), np.zeros(1, np.uint8), np.array([0, 1]))
    for name, more in (("stream confirmations:auto", {"batches": [_batch(EntryId(5, 1))]}), ("tick:{symbol}", {"told": [told]})):
        with pytest.raises(Corrupt, match=f"but {re.escape(name)} lies in"):
            store.commit(Commit("live", Role.CANDLES, Progress(), **more), 1)
