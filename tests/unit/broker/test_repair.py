import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.broker.quota import ReadBudget
from pipeline.broker.repair import MinuteRepair
from pipeline.broker.repair_book import RepairConfig
from pipeline.broker.rest import Throttled
from pipeline.core.errors import Ambiguous, Refused
from pipeline.core.session import Calendar, ist_clock, ist_ms
from pipeline.core.types import TICK, Instrument, TickKind
from tests.fakes.broker_server import eventually

ROOT = Path(__file__).resolve().parents[3]
CALENDAR = Calendar.from_rows(json.loads((ROOT / "config" / "holidays.json").read_text()))
DATE = "2026-11-20"
STOCK = Instrument(3, "RELIANCE", "NSE_EQ|INE002A01018", "Reliance", 10, 1, 1_000, is_cas_eligible=True)
FUTURE = Instrument(1, "FUT", "NSE_FO|12345", "Future", 5, 1, 1_000, is_cas_eligible=False)
PAPERS = {paper.instrument_key: paper for paper in (STOCK, FUTURE)}


def at(clock):
    return ist_ms(DATE, clock)


def candle(clock, px=100.0, volume=500, oi=0):
    return [f"{DATE}T{ist_clock(at(clock))}+05:30", px, px + 1, px - 1, px + 0.5, volume, oi]


class Broker:
    """Serves ``rows`` (newest first) for every key; ``fail`` holds errors to raise first."""

    def __init__(self, rows, fail=()):
        self.rows, self.fail = list(rows), list(fail)
        self.asked: list[str] = []

    def get_data(self, path, _query=None):
        self.asked.append(path)
        if self.fail:
            raise self.fail.pop(0)
        return {"candles": self.rows}


@pytest.fixture
def repairs(monkeypatch):
    monkeypatch.setattr("pipeline.broker.repair.LOOK_S", 0.01)
    monkeypatch.setattr("pipeline.broker.repair.FAULT_PAUSE_S", 0.01)
    made = []

    def make(broker, papers=PAPERS, **config):
        repair = MinuteRepair(
            broker, CALENDAR, DATE, papers, budget=ReadBudget(), config=RepairConfig(**({"retry_ms": 0, "retry_s": 0.01} | config))
        )
        made.append(repair)
        return repair

    yield make
    for repair in made:
        repair.close()


def rows_until(repair, now_ms, count):
    found = []

    def is_there():
        rows = repair.ready(now_ms)
        if rows is not None:
            found.append(rows)
        return sum(len(rows) for rows in found) >= count

    eventually(is_there)
    return np.concatenate(found)


def test_a_gap_becomes_repair_rows(repairs):
    broker = Broker([candle("10:02"), candle("10:01", 101.0, 700), candle("10:00", 100.0, 500, 42), candle("09:59")])
    repair = repairs(broker)
    now = at("10:02:30")
    repair.missed([STOCK.instrument_key], at("10:00:30"), at("10:01:20"), now)
    rows = rows_until(repair, now, 2)
    assert rows.dtype == TICK
    assert rows["sid"].tolist() == [3, 3]
    assert set(rows["kind"].tolist()) == {TickKind.REPAIR}
    assert set(rows["ts_exch"].tolist()) == {now}
    assert rows["i1_ts"].tolist() == [at("10:00"), at("10:01")]
    assert rows["i1_open"].tolist() == [100.0, 101.0]
    assert rows["i1_high"].tolist() == [101.0, 102.0]
    assert rows["i1_low"].tolist() == [99.0, 100.0]
    assert rows["i1_close"].tolist() == [100.5, 101.5]
    assert rows["i1_vol"].tolist() == [500, 700]
    assert rows["oi"].tolist() == [42.0, 0.0]
    assert not rows["flags"].any()
    assert not rows["ltp"].any()
    assert broker.asked == ["/v3/historical-candle/intraday/NSE_EQ%7CINE002A01018/minutes/1"]
    assert repair.ready(now) is None
    assert repair.counts() == {"owed": 0, "repaired": 2, "gave_up": 0, "dropped": 0, "calls": 1, "failed": 0, "refused": 0, "unknown": 0}


def test_nothing_is_asked_before_the_minute_is_due(repairs):
    broker = Broker([candle("10:00")])
    repair = repairs(broker)
    repair.missed([STOCK.instrument_key], at("10:00:10"), at("10:00:20"), at("10:00:20"))
    assert repair.ready(at("10:00:30")) is None
    assert broker.asked == []
    rows_until(repair, at("10:01:10"), 1)


def test_it_asks_again_until_the_broker_has_the_minute(repairs):
    broker = Broker([candle("09:59")])
    repair = repairs(broker)
    now = at("10:01:15")
    repair.missed([STOCK.instrument_key], at("10:00:10"), at("10:00:20"), now)
    eventually(lambda: len(broker.asked) >= 3)
    assert repair.ready(now) is None
    broker.rows = [candle("10:00"), *broker.rows]
    assert rows_until(repair, now, 1)["i1_ts"].tolist() == [at("10:00")]


def test_a_minute_that_never_comes_is_given_up(repairs):
    repair = repairs(Broker([]), give_up_ms=60_000)
    repair.missed([STOCK.instrument_key], at("10:00:10"), at("10:00:20"), at("10:01:15"))
    eventually(lambda: repair.counts()["calls"] >= 1)
    assert repair.ready(at("10:03")) is None
    eventually(lambda: repair.counts()["gave_up"] == 1)
    assert repair.counts()["owed"] == 0


def test_faults_are_counted_said_once_and_asked_again(repairs, caplog, monkeypatch):
    monkeypatch.setattr("pipeline.broker.repair.THROTTLED_PAUSE_S", 0.01)
    broker = Broker([candle("10:00")], [Ambiguous("503"), Ambiguous("503"), Throttled("429"), Refused("404")])
    repair = repairs(broker)
    repair.missed([STOCK.instrument_key], at("10:00:10"), at("10:00:20"), at("10:02"))
    rows_until(repair, at("10:02"), 1)
    assert repair.counts()["failed"] == 4
    assert [r.fields["kind"] for r in caplog.records if r.name == "ticktick.repair"] == ["Ambiguous", "Throttled", "Refused"]


@pytest.mark.parametrize(
    "bad",
    [
        [f"{DATE}T10:00:00+05:30", 100.0, 99.0, 98.0, 100.5, 500, 0],
        [f"{DATE}T10:00:00+05:30", 100.0, 101.0, 99.0, 100.5, -500, 0],
        [f"{DATE}T10:00:00+05:30", 100.0, 101.0, 99.0, float("nan"), 500, 0],
        [f"{DATE}T10:00:00+05:30", 0.0, 0.0, 0.0, 0.0, 0, 0],
        ["10 o'clock", 100.0, 101.0, 99.0, 100.5, 500, 0],
        "candle",
    ],
)
def test_a_bad_candle_is_refused_and_waited_for(repairs, bad):
    broker = Broker([bad])
    repair = repairs(broker)
    repair.missed([STOCK.instrument_key], at("10:00:10"), at("10:00:20"), at("10:02"))
    eventually(lambda: repair.counts()["refused"] >= 1)
    assert repair.ready(at("10:02")) is None
    broker.rows = [candle("10:00")]
    rows_until(repair, at("10:02"), 1)


def test_an_answer_of_another_shape_is_refused(repairs):
    broker = Broker([])
    broker.get_data = lambda path, query=None: [1]
    repair = repairs(broker)
    repair.missed([STOCK.instrument_key], at("10:00:10"), at("10:00:20"), at("10:02"))
    eventually(lambda: repair.counts()["failed"] >= 1)


def test_each_paper_has_its_call_and_rows_are_in_order(repairs):
    broker = Broker([candle("10:01"), candle("10:00")])
    repair = repairs(broker)
    repair.missed([STOCK.instrument_key, FUTURE.instrument_key, "NSE_EQ|UNKNOWN"], at("10:00:10"), at("10:01:20"), at("10:03"))
    eventually(lambda: repair.counts()["repaired"] == 4)
    rows = repair.ready(at("10:03"))
    assert list(zip(rows["i1_ts"].tolist(), rows["sid"].tolist(), strict=True)) == [(at(c), s) for c in ("10:00", "10:01") for s in (1, 3)]
    assert len(broker.asked) == 2
    assert repair.counts()["unknown"] == 1


def test_a_paper_that_was_left_meanwhile_gives_no_row(repairs):
    papers = dict(PAPERS)
    repair = repairs(Broker([candle("10:00")]), papers)
    repair.missed([STOCK.instrument_key], at("10:00:10"), at("10:00:20"), at("10:02"))
    eventually(lambda: repair.counts()["repaired"] == 1)
    del papers[STOCK.instrument_key]
    assert repair.ready(at("10:02")) is None


def test_after_the_last_frame_our_clock_goes_on(repairs, monkeypatch):
    broker = Broker([candle("15:14")])
    repair = repairs(broker)
    repair.missed([STOCK.instrument_key], at("15:14:10"), at("15:14:20"), at("15:15"))
    assert broker.asked == []
    real = time.monotonic
    monkeypatch.setattr("pipeline.broker.repair.time.monotonic", lambda: real() + 11.0)
    assert rows_until(repair, at("15:15"), 1)["i1_ts"].tolist() == [at("15:14")]


def test_closing_ends_the_thread(repairs):
    repair = repairs(Broker([]))
    repair.missed([STOCK.instrument_key], at("10:00:10"), at("10:00:20"), at("10:02"))
    repair.close()
    assert not any(t.name == "gap-repair" for t in threading.enumerate())
    repair.missed([STOCK.instrument_key], at("11:00:10"), at("11:00:20"), at("11:02"))
    assert not any(t.name == "gap-repair" for t in threading.enumerate())


def test_a_day_without_trading_is_refused():
    with pytest.raises(Refused, match="2026-11-21"):
        MinuteRepair(Broker([]), CALENDAR, "2026-11-21", PAPERS, budget=ReadBudget())
