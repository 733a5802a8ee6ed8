"""A start in the middle of a session, over sockets and REST: the simulator, the feed with its repair, ticks and candles.

One feed is there from before the open; another comes when eleven minutes are over, or leaves a paper for six; at the end both
have the same candles.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.feed import SubscriptionChange
from pipeline.core.session import group_of, ist_ms
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
        windows = [day.hours(group_of(paper)) for paper in PAPERS]
        self.metrics, self.builder = ticks.TickState(len(PAPERS), TICKS), candles.CandleState(windows, CANDLES)
        self.told, self.now = [], 0

    def read(self) -> None:
        for record in self.run.source.read(200, 0.01):
            if isinstance(record, TickBatch):
                self.now = record.ts
                for wave in candles.step(self.builder, TickBatch(record.ts, ticks.step(self.metrics, record.rows))):
                    self.told += list(wave.rows)

    def want(self, action: str) -> None:
        self.run.source.want([SubscriptionChange(1, PAPERS[0].symbol, action, "", "test")])

    def by_slot(self, until: int) -> dict:
        out = defaultdict(list)
        for row in self.told:
            if row["ts"] + int(row["timeframe"]) * 60_000 <= until:
                out[int(row["timeframe"]), int(row["sid"])].append(row)
        return out


def read_to(chains: list[Chain], ts: int) -> None:
    deadline = time.monotonic() + 100
    while min(chain.now for chain in chains) < ts:
        assert time.monotonic() < deadline
        for chain in chains:
            chain.read()


@pytest.mark.timeout(150)
@pytest.mark.parametrize("is_late", [True, False], ids=["late", "away"])
def test_a_late_start_and_an_absence_end_with_the_candles_of_the_whole_session(is_late):
    with simulated(session="09:14-10:30", speed=SPEED, ping_s=0.2) as (sim, config), tempfile.TemporaryDirectory() as folder:
        until, chains = ist_ms(config.date, "09:45"), [Chain(sim, config, folder)]
        try:
            if not is_late:
                chains.append(Chain(sim, config, folder))
            read_to(chains, ist_ms(config.date, "09:20:30"))
            if not is_late:
                chains[1].want("remove")
            read_to(chains, ist_ms(config.date, "09:26:20"))
            if is_late:
                chains.append(Chain(sim, config, folder))
            else:
                chains[1].want("add")
            read_to(chains, until + 5_000)
            straight, mended = (chain.run.repair.counts() for chain in chains)
        finally:
            for chain in chains:
                chain.run.source.close()
    assert straight["calls"] == 0, "a start before the open is no gap"
    assert (mended["owed"], mended["gave_up"], mended["failed"]) == (0, 0, 0)
    papers = len(PAPERS) if is_late else 1
    assert papers <= mended["calls"] <= 3 * papers
    whole, other = (chain.by_slot(until) for chain in chains)
    assert {timeframe for timeframe, _ in whole} == set(TIMEFRAMES) - {60}
    for slot, rows in whole.items():
        newest = {int(r["ts"]): r for r in other[slot]}
        assert list(newest) == [int(r["ts"]) for r in rows], "in order, none left out"
        assert not is_late or len(newest) == len(other[slot]), "each once"
        for mine, theirs in zip(newest.values(), rows, strict=True):
            assert [mine[n] for n in PRICES] == [theirs[n] for n in PRICES], slot
            assert not mine["flags"] & ~np.uint16(CandleFlag.REVISED), slot
