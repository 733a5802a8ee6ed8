"""Where versions of minutes are found: a file, a session in a store, the broker; and one line where there is nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.candle import CANDLE, Lineage
from pipeline.core.errors import Refused
from pipeline.core.job import HashWrite
from pipeline.core.schema import CANDLES, HISTORY, SESSION, TICKS
from pipeline.core.session import ist_text
from pipeline.core.types import CandleWave, TickFlag
from pipeline.run import minutes
from pipeline.run.record import Recorder
from pipeline.run.settings import load
from pipeline.store.memory import MemoryStore
from tests.fakes.context import DAY, STOCKS
from tests.fakes.feed_rows import OPEN, batch, repair, tick
from tests.fakes.frames import FRAMES, commit, end_others, frame_events, open_session, task

M = 60_000


def candle(minute: int, lineage: Lineage, sid: int = 0) -> np.ndarray:
    row = np.zeros(1, CANDLE)
    row["sid"], row["timeframe"], row["ts"], row["lineage"], row["minutes"] = sid, 1, OPEN + minute * M, int(lineage), 1
    for name in ("open", "high", "low", "close"):
        row[name] = 100.0
    return row


@pytest.fixture
def store():
    made = MemoryStore()
    open_session(made)
    made.put(HashWrite(SESSION, (), {"date": DAY.date}))
    return made


def test_a_session_in_a_store(store):
    commit(store, HISTORY, [CandleWave(OPEN, candle(-1, Lineage.HISTORICAL))])
    waves = [candle(m, lineage) for m, lineage in ((0, Lineage.TICKS), (1, Lineage.TICKS), (1, Lineage.INTRADAY))]
    commit(store, CANDLES, [CandleWave(OPEN + (n + 1) * M, row) for n, row in enumerate(waves)])
    i1 = tick(OPEN + M + 50, 100.0, flags=int(TickFlag.HAS_MINUTE), i1_ts=OPEN, i1_open=100.0, i1_vol=3)
    commit(store, TICKS, [batch(i1), batch(repair(OPEN + 3 * M, 1, OPEN, 1.0, 1.0, 1.0, 1.0, 1))])
    found = minutes.from_redis(store, DAY)
    assert (found.source, found.instruments) == ("Redis", STOCKS)
    assert {lineage: len(found.versions.rows(lineage)) for lineage in found.versions.lineages} == {
        Lineage.TICKS: 2,
        Lineage.FEED_I1: 1,
        Lineage.INTRADAY: 2,
        Lineage.HISTORICAL: 1,
    }


def test_another_day_in_the_store_is_one_line(store):
    with pytest.raises(Refused, match="nothing of 2026-11-20: Redis holds 2025-12-15 and there is no recording"):
        minutes.from_redis(store, replace(DAY, date="2026-11-20"))
    with pytest.raises(Refused, match="Redis holds no session"):
        minutes.from_redis(MemoryStore(), DAY)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("TICKTICK__PATHS__RECORDINGS", str(tmp_path))
    return load()


def test_a_recording_of_the_date_is_found_and_another_date_is_refused(settings, tmp_path):
    store = MemoryStore()
    open_session(store)
    commit(store, HISTORY, [CandleWave(OPEN, candle(0, Lineage.INTRADAY, 1))], is_end=True)
    commit(store, FRAMES, frame_events(50), is_end=True)
    end_others(store)
    recorder = Recorder(store, task(tmp_path))
    while not recorder.is_done:
        recorder.turn(0)
    found = minutes.find(settings, DAY.date, "")
    assert found.source == recorder.path.name
    assert found.versions.lineages == (Lineage.INTRADAY,), "frames of noise make no candle"
    with pytest.raises(Refused, match="was recorded on 2025-12-15, not on 2025-12-16"):
        minutes.find(settings, "2025-12-16", str(recorder.path))
    with pytest.raises(Refused, match="no trading on 2025-12-14"):
        minutes.find(settings, "2025-12-14", "")


class Broker:
    def __init__(self, rows):
        self.asked, self._rows = [], rows

    def get_data(self, path, _query=None):
        self.asked.append(path)
        return {"candles": self._rows}


def test_the_broker_is_asked_for_the_history_of_a_day_that_is_over(settings, monkeypatch):
    rows = [[ist_text(OPEN + m * M).replace(" +", "+"), 100.0, 101.0, 99.0, 100.5, 7, 0] for m in range(374, -1, -1)]
    broker = Broker(rows)
    monkeypatch.setattr(minutes, "rest_client", lambda _settings: broker)
    found = minutes.Minutes(DAY, STOCKS[:1], "Redis")
    minutes.ask_broker(settings, found)
    assert [(path.split("/")[2], path.split("/")[-2]) for path in broker.asked] == [("historical-candle", DAY.date)], "one call"
    assert found.versions.lineages == (Lineage.HISTORICAL,)
    assert found.versions.rows(Lineage.HISTORICAL)["ts"].tolist() == [OPEN + m * M for m in range(375)]
    monkeypatch.setattr(minutes, "rest_client", lambda _settings: Broker([]))
    with pytest.raises(Refused, match="no minutes came from the broker"):
        minutes.ask_broker(settings, found)


def test_the_running_day_is_asked_for_over_the_intraday_call(settings, monkeypatch):
    rows = [[ist_text(OPEN).replace(" +", "+"), 100.0, 101.0, 99.0, 100.5, 7, 0]]
    broker = Broker(rows)
    monkeypatch.setattr(minutes, "rest_client", lambda _settings: broker)
    monkeypatch.setattr(minutes, "now_ms", lambda: OPEN + 10 * M)
    found = minutes.Minutes(DAY, STOCKS[:1], "Redis")
    minutes.ask_broker(settings, found)
    assert found.versions.lineages == (Lineage.INTRADAY,)
    assert "/intraday/" in broker.asked[0]
    assert found.versions.rows(Lineage.INTRADAY)["ts"].tolist() == [OPEN]


def test_a_simulators_day_is_its_running_one(monkeypatch):
    broker = Broker([[ist_text(OPEN + 374 * M).replace(" +", "+"), 100.0, 101.0, 99.0, 100.5, 7, 0]])
    monkeypatch.setattr(minutes, "rest_client", lambda _settings: broker)
    found = minutes.Minutes(DAY, STOCKS[:1], "Redis")
    minutes.ask_broker(load(overrides={"session_date": DAY.date}), found)
    assert "/intraday/" in broker.asked[0]
    assert found.versions.rows(Lineage.INTRADAY)["ts"].tolist() == [OPEN + 374 * M]


def test_neither_a_recording_nor_a_redis_is_one_line(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("TICKTICK__REDIS__PORT", "1")
    with pytest.raises(Refused, match=rf"no recording of 2026-11-20 in {tmp_path}, and no Redis answers: name a day file with --file"):
        minutes.find(load(), "2026-11-20", "")
