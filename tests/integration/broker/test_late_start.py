"""A start in the middle of a session, over sockets and REST: the simulator, the feed with its repair, ticks and candles.

One feed is there from before the open, another comes when eleven minutes are over; at the end both have the same candles.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.session import ist_ms
from pipeline.core.types import TIMEFRAMES, CandleFlag, TickBatch
from pipeline.market import candles, ticks
from tests.fakes.feed_rows import CANDLES, TICKS
from tests.simulation.feed_run import CALENDAR, PAPERS, Limits, Run, simulated

PRICES = ("open", "high", "low", "close", "volume", "minutes", "quiet")
SPEED = 60.0


class Chain:
    """A feed and what is built behind it."""

    def __init__(self, sim, config, folder) -> None:
        self.run = Run(sim, config, Limits(60.0, 60.0, 60.0, 60.0), Path(folder))
        day = CALENDAR.day(config.date)
        windows = [day.hours("EQ_CAS" if p.is_cas_eligible else "INDEX" if "INDEX" in p.instrument_key else "EQ") for p in PAPERS]
        self.metrics, self.builder = ticks.TickState(len(PAPERS), TICKS), candles.CandleState(windows, CANDLES)
        self.told, self.now = [], 0

    def read(self) -> None:
        for record in self.run.source.read(200, 0.01):
            if isinstance(record, TickBatch):
                self.now = record.ts
                for wave in candles.step(self.builder, TickBatch(record.ts, ticks.step(self.metrics, record.rows))):
                    self.told += list(wave.rows)

    def by_slot(self, until: int) -> dict:
        out = defaultdict(list)
        for row in self.told:
            if row["ts"] + int(row["timeframe"]) * 60_000 <= until:
                out[int(row["timeframe"]), int(row["sid"])].append(row)
        return out


@pytest.mark.timeout(150)
def test_a_late_start_ends_with_the_candles_of_a_start_before_the_open():
    with simulated(session="09:14-10:30", speed=SPEED, ping_s=0.2) as (sim, config), tempfile.TemporaryDirectory() as folder:
        whole, until = Chain(sim, config, folder), ist_ms(config.date, "09:45")
        try:
            deadline = time.monotonic() + 100
            while whole.now < ist_ms(config.date, "09:26:20"):
                assert time.monotonic() < deadline
                whole.read()
            late = Chain(sim, config, folder)
            try:
                while min(late.now, whole.now) < until + 5_000:
                    assert time.monotonic() < deadline
                    whole.read()
                    late.read()
                counts = late.run.repair.counts()
            finally:
                late.run.source.close()
        finally:
            whole.run.source.close()
    assert whole.run.repair.counts()["calls"] == 0, "a start before the open is no gap"
    assert (counts["owed"], counts["gave_up"], counts["failed"]) == (0, 0, 0)
    assert len(PAPERS) <= counts["calls"] <= 3 * len(PAPERS)
    want, got = whole.by_slot(until), late.by_slot(until)
    assert {timeframe for timeframe, _ in want} == set(TIMEFRAMES) - {60}
    assert got.keys() == want.keys()
    for slot, rows in want.items():
        ours = got[slot]
        assert [int(r["ts"]) for r in ours] == [int(r["ts"]) for r in rows], slot
        for mine, theirs in zip(ours, rows, strict=True):
            assert [mine[n] for n in PRICES] == [theirs[n] for n in PRICES], slot
            assert not mine["flags"] & ~np.uint16(CandleFlag.REVISED), slot
