"""Versions of the same minutes: collected by lineage, and seeded differences found and counted."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.candle import CANDLE, Lineage
from pipeline.core.types import TickFlag, TickKind
from pipeline.market import candles, ticks
from pipeline.market.candle_diff import PRICES, Versions, compare
from tests.fakes.feed_rows import CANDLES, CLOSE, OPEN, TICKS, batch, repair, tick
from tests.fakes.recorded import names, rows_of

M = 60_000


def minutes(n: int, sid: int = 0, lineage: Lineage = Lineage.TICKS) -> np.ndarray:
    rows = np.zeros(n, CANDLE)
    rows["sid"], rows["timeframe"], rows["ts"], rows["lineage"], rows["minutes"] = sid, 1, OPEN + np.arange(n) * M, int(lineage), 1
    for price, px in zip(PRICES, (100.0, 102.0, 98.0, 101.0), strict=True):
        rows[price] = px
    rows["volume"] = 1000
    return rows


def test_seeded_differences_are_found_and_counted():
    ours, theirs = minutes(20), minutes(20, lineage=Lineage.FEED_I1)
    theirs["open"][3] += 1.0
    theirs["high"][[3, 4]] += [0.05, 5.0]
    theirs["close"][5] -= 0.01  # about a hundredth of a percent
    theirs["volume"][[6, 7]] = [1040, 1100]
    ours, theirs = np.delete(ours, 19), np.delete(theirs, [0, 1])
    ((found, differences),) = compare(ours, theirs, Lineage.FEED_I1, 10.0)
    assert (found.both, found.only_ours, found.only_theirs) == (17, 2, 1)
    assert found.equal == (16, 15, 17, 16)
    assert (found.volume, found.within) == (16, 14)
    told = sorted(((d.ts - OPEN) // M, d.price, round(d.bps, 1)) for d in differences)
    assert told == [(3, "open", 99.0), (4, "high", 467.3), (5, "close", 1.0)]


def test_symbols_are_compared_apart_and_one_that_has_nothing_in_common_is_told():
    ours = np.concatenate([minutes(3, 0), minutes(2, 1)])
    theirs = np.concatenate([minutes(3, 0), minutes(1, 2)])
    found = [agreement for agreement, _ in compare(ours, theirs, Lineage.HISTORICAL, 0.0)]
    assert [(a.sid, a.both, a.only_ours, a.only_theirs, a.within) for a in found] == [(0, 3, 0, 0, 3), (1, 0, 2, 0, 0), (2, 0, 0, 1, 0)]


def test_versions_are_kept_apart_and_the_newest_telling_stays():
    versions = Versions()
    first, again = minutes(3), minutes(1)
    again["close"] = 99.0
    longer = minutes(1)
    longer["timeframe"] = 3
    for rows in (first, again, longer, minutes(2, lineage=Lineage.HISTORICAL), minutes(2, lineage=Lineage.TICKS | Lineage.INTRADAY)):
        versions.take_candles(rows)
    i1 = {"flags": int(TickFlag.HAS_MINUTE), "i1_open": 1.0, "i1_high": 1.0, "i1_low": 1.0, "i1_close": 1.0}
    told = [tick(OPEN + M + 100, 1.0, kind=TickKind.LIVE, i1_ts=OPEN, i1_vol=vol, **i1) for vol in (7, 8)]
    other = tick(OPEN + M, 1.0, sid=4, i1_ts=OPEN, **i1)
    for row in (*told, other):
        versions.take_ticks(batch(row).rows)
    versions.take_ticks(batch(repair(OPEN + M, 0, OPEN, 1.0, 2.0, 0.5, 1.5, 9, 3.0)).rows)
    assert versions.lineages == (Lineage.TICKS, Lineage.FEED_I1, Lineage.INTRADAY, Lineage.HISTORICAL)
    assert versions.rows(Lineage.TICKS)["close"].tolist() == [99.0, 101.0, 101.0]
    assert versions.rows(Lineage.FEED_I1)[["sid", "volume", "minutes"]].tolist() == [(0, 7, 1), (4, 0, 0)]
    assert versions.rows(Lineage.INTRADAY)[["open", "high", "low", "close", "volume", "oi"]].tolist() == [(1.0, 2.0, 0.5, 1.5, 9, 3.0)]
    assert len(versions.rows(Lineage.ARCHIVE)) == 0


def test_the_recorded_day_has_the_match_table_of_its_readme(shared_data):
    """Three stocks of 15 December 2025; and the table says what the running count of the live candles says."""
    papers = ("BSE", "MAXHEALTH", "VMM")
    raw, count = rows_of(shared_data, papers), len(names(shared_data, papers))
    metrics, state, versions = ticks.TickState(count, TICKS), candles.CandleState([[(OPEN, CLOSE)]] * count, CANDLES), Versions()
    for i in range(len(raw)):
        rows = ticks.step(metrics, raw[i : i + 1].copy())
        versions.take_ticks(rows)
        for wave in candles.step(state, batch(rows)):
            versions.take_candles(wave.rows)
    theirs = versions.rows(Lineage.FEED_I1)
    theirs = theirs[(theirs["ts"] >= OPEN) & (theirs["ts"] < CLOSE)]
    for found, _ in compare(versions.rows(Lineage.TICKS), theirs, Lineage.FEED_I1, 10.0):
        assert found.both == 351
        table = zip(PRICES, found.equal, ((61, 86), (75, 86), (74, 80), (86, 97)), strict=True)
        for price, equal, (low, high) in table:
            assert low <= round(100 * equal / found.both) <= high, (found.sid, price)
        assert 89 <= round(100 * found.volume / found.both) <= 99
        running = candles.checks(state, found.sid)
        # The first minute was joined late: the running count leaves it out.
        assert all(0 <= equal - running[price] <= 1 for price, equal in zip(PRICES, found.equal, strict=True))
        assert running["minutes"] == pytest.approx(found.both, abs=1)
