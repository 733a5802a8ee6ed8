"""Candles on hand-made prints, and on the recorded day against the feed's own minutes."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.types import CandleFlag, TickFlag, TickKind
from pipeline.market import candles, ticks
from tests.fakes.feed_rows import CANDLES, CLOSE, OPEN, TICKS, batch, gap, tick, trade
from tests.fakes.recorded import names, rows_of

M = 60_000


@pytest.fixture
def state():
    fresh = candles.CandleState([[(OPEN, CLOSE)], [(OPEN, CLOSE)]], CANDLES)
    assert list(candles.step(fresh, batch(ts=OPEN - M))) == []
    return fresh


def feed(state, *rows, ts=None):
    return list(candles.step(state, batch(*rows, ts=ts)))


def quiet(state, start, end):
    """Frames without prints, so that time goes on without a gap."""
    out = []
    for ts in range(start, end + 1, 5000):
        out += feed(state, ts=ts)
    return out


def told(wave):
    return [
        (r["timeframe"].item(), r["sid"].item(), (r["ts"].item() - OPEN) // M, r["close"].item(), r["volume"].item()) for r in wave.rows
    ]


def test_a_minute_closes_after_its_grace(state):
    assert feed(state, trade(OPEN + 1000, 100.0, 5), trade(OPEN + 2000, 102.0, 5), trade(OPEN + 3000, 99.0, 1), ts=OPEN + 3000) == []
    assert quiet(state, OPEN + 8000, OPEN + M + 1999) == []
    (wave,) = feed(state, ts=OPEN + M + 2000)
    row = wave.rows[0]
    assert wave.ts == OPEN + M + 2000
    assert [row[n] for n in ("open", "high", "low", "close", "volume", "trades", "flags")] == [100.0, 102.0, 99.0, 99.0, 11, 3, 0]
    assert (row["timeframe"], row["sid"], row["ts"]) == (1, 0, OPEN)


def test_prints_of_the_closing_frame_still_count(state):
    feed(state, trade(OPEN + 1000, 100.0), ts=OPEN + 1000)
    quiet(state, OPEN + 5000, OPEN + 56_000)
    (wave,) = feed(state, trade(OPEN + M - 1, 101.0), trade(OPEN + M + 1, 105.0), ts=OPEN + M + 2500)
    assert wave.rows["close"].tolist() == [101.0]


def test_late_prints_are_counted_not_painted(state):
    feed(state, trade(OPEN + 1000, 100.0), ts=OPEN + 1000)
    quiet(state, OPEN + 5000, OPEN + M + 5000)
    assert feed(state, trade(OPEN + M - 1, 90.0), ts=OPEN + M + 6000) == []
    assert candles.checks(state, 0)["late"] == 1


def test_a_silent_symbol_has_no_row_and_rows_are_sorted(state):
    feed(state, trade(OPEN + 1000, 100.0, sid=1), ts=OPEN + 1000)
    quiet(state, OPEN + 5000, OPEN + 2 * M)
    feed(state, trade(OPEN + 2 * M + 5, 101.0, 2, sid=1), trade(OPEN + 2 * M + 6, 50.0, sid=0), ts=OPEN + 2 * M + 10)
    (wave,) = quiet(state, OPEN + 2 * M + 5000, OPEN + 3 * M + 5000)
    assert told(wave) == [(1, 0, 2, 50.0, 1), (1, 1, 2, 101.0, 2), (3, 0, 0, 50.0, 1), (3, 1, 0, 101.0, 3)]


def test_all_six_timeframes_end_at_the_hour(state):
    waves = []
    for m in range(60):
        waves += feed(state, trade(OPEN + m * M + 500, 100.0 + m), ts=OPEN + m * M + 500)
        waves += quiet(state, OPEN + m * M + 5000, OPEN + m * M + 59_000)
    waves += quiet(state, OPEN + 60 * M, OPEN + 60 * M + 5000)
    last = waves[-1].rows
    assert last["timeframe"].tolist() == [1, 3, 5, 10, 15, 60]
    assert ((last["ts"] - OPEN) // M).tolist() == [59, 57, 55, 50, 45, 0]
    assert last["open"].tolist() == [159.0, 157.0, 155.0, 150.0, 145.0, 100.0]
    assert last["volume"].tolist() == [1, 3, 5, 10, 15, 60]
    assert not last["flags"].any()


def test_everything_closes_with_the_session(state):
    feed(state, trade(CLOSE - 1000, 100.0), ts=CLOSE - 1000)
    (wave,) = feed(state, ts=CLOSE + 2000)
    assert [(t, (ts - OPEN) // M, f) for t, ts, f in wave.rows[["timeframe", "ts", "flags"]].tolist()] == [
        (1, 374, int(CandleFlag.GAP)),
        (3, 372, int(CandleFlag.GAP)),
        (5, 370, int(CandleFlag.GAP)),
        (10, 370, int(CandleFlag.GAP | CandleFlag.PARTIAL)),
        (15, 360, int(CandleFlag.GAP)),
        (60, 360, int(CandleFlag.GAP | CandleFlag.PARTIAL)),
    ]


def test_symbols_close_by_their_own_clock():
    state = candles.CandleState([[(OPEN, OPEN + 5 * M)], [(OPEN, OPEN + 7 * M)]], CANDLES)
    feed(state, trade(OPEN + 4 * M, 100.0, sid=0), trade(OPEN + 4 * M, 50.0, sid=1), ts=OPEN + 4 * M)
    first = quiet(state, OPEN + 4 * M + 5000, OPEN + 5 * M + 5000)
    assert [(r["timeframe"], r["sid"]) for r in first[0].rows] == [(1, 0), (1, 1), (3, 0), (5, 0), (5, 1), (10, 0), (15, 0), (60, 0)]
    last = quiet(state, OPEN + 5 * M + 10_000, OPEN + 8 * M)
    assert [(r["timeframe"], r["sid"]) for w in last for r in w.rows] == [(3, 1), (10, 1), (15, 1), (60, 1)]


def test_auction_prints_are_kept_apart(state):
    feed(state, trade(OPEN - 8 * M, 99.0, 700), ts=OPEN - 8 * M)
    feed(state, trade(CLOSE + 1, 99.5, 300), ts=OPEN)
    assert {k: v for k, v in candles.checks(state, 0).items() if k.startswith("auction")} == {
        "auction_trades": 2,
        "auction_qty": 1000,
        "auction_px": 99.5,
    }
    assert list(candles.finish(state, CLOSE)) == []


def test_silence_marks_a_gap_and_does_not_fill_it(state):
    feed(state, trade(OPEN + 1000, 100.0, 5), ts=OPEN + 1000)
    waves = feed(state, trade(OPEN + 3 * M + 100, 103.0, 9000, ltq=4), ts=OPEN + 3 * M + 200)
    assert [told(w) for w in waves] == [[(1, 0, 0, 100.0, 5)]]
    waves += quiet(state, OPEN + 3 * M + 5000, OPEN + 5 * M + 5000)
    rows = np.concatenate([w.rows for w in waves])
    assert rows["flags"].tolist() == [int(CandleFlag.GAP)] * len(rows)
    assert rows["volume"].tolist() == [5, 5, 4, 9]


def test_a_gap_row_flags_its_minutes(state):
    feed(state, trade(OPEN + 1000, 100.0), ts=OPEN + 1000)
    quiet(state, OPEN + 5000, OPEN + M + 1000)
    waves = feed(state, gap(OPEN + M + 1000, OPEN + M + 5000))
    waves += feed(state, trade(OPEN + M + 9000, 101.0), ts=OPEN + M + 9000)
    waves += quiet(state, OPEN + M + 10_000, OPEN + 2 * M + 5000)
    assert [w.rows["flags"].tolist() for w in waves] == [[0], [int(CandleFlag.GAP)]]


def test_a_start_in_mid_session_is_partial():
    state = candles.CandleState([[(OPEN, CLOSE)]], CANDLES)
    feed(state, trade(OPEN + M + 30_000, 100.0), ts=OPEN + M + 30_000)
    waves = quiet(state, OPEN + M + 35_000, OPEN + 2 * M)
    feed(state, trade(OPEN + 2 * M + 1000, 100.0), ts=OPEN + 2 * M + 1000)
    waves += quiet(state, OPEN + 2 * M + 3000, OPEN + 4 * M)
    assert [(w.rows["timeframe"].tolist(), w.rows["flags"].tolist()) for w in waves] == [([1], [8]), ([1, 3], [0, 8])]


def test_one_wave_for_each_minute_after_a_silence(state):
    feed(state, trade(OPEN + 1000, 100.0), ts=OPEN + 1000)
    feed(state, trade(OPEN + M + 1000, 101.0), ts=OPEN + 2000)
    waves = feed(state, ts=OPEN + 9 * M)
    assert [w.rows["ts"].tolist()[0] for w in waves[:2]] == [OPEN, OPEN + M]
    assert {w.ts for w in waves} == {OPEN + 9 * M}


def test_finish_closes_what_is_open_as_partial(state):
    feed(state, trade(OPEN + 1000, 100.0), ts=OPEN + 1000)
    waves = list(candles.finish(state, OPEN + 20_000))
    assert sorted(t for w in waves for t in w.rows["timeframe"].tolist()) == [1, 3, 5, 10, 15, 60]
    assert all((w.rows["flags"] & CandleFlag.PARTIAL).all() for w in waves)


def test_snapshots_and_rows_without_a_trade_paint_nothing(state):
    feed(state, tick(OPEN + 10, 100.0), trade(OPEN + 20, 100.0, kind=TickKind.SNAPSHOT), ts=OPEN + 30)
    assert list(candles.finish(state, CLOSE)) == []


def test_i1_is_compared_whether_it_comes_before_or_after_our_close(state):
    i1 = {"flags": TickFlag.HAS_MINUTE, "i1_open": 100.0, "i1_high": 101.0, "i1_low": 100.0, "i1_close": 101.0, "i1_vol": 100}
    for m in (0, 1):
        feed(state, trade(OPEN + m * M + 1000, 100.0, 60), trade(OPEN + m * M + 2000, 101.0, 42), ts=OPEN + m * M + 3000)
        quiet(state, OPEN + m * M + 6000, OPEN + m * M + 59_000)
        feed(state, tick(OPEN + (m + 1) * M + 500, 101.0, i1_ts=OPEN + m * M, **i1), ts=OPEN + (m + 1) * M + (500 if m == 0 else 2500))
    quiet(state, OPEN + 2 * M + 3000, OPEN + 2 * M + 4000)
    got = candles.checks(state, 0)
    assert [got[n] for n in ("minutes", "open", "high", "low", "close", "volume", "missing")] == [2, 2, 2, 2, 2, 2, 0]


def test_state_survives_bit_for_bit(state):
    feed(state, trade(OPEN + 1000, 100.0), ts=OPEN + 1000)
    twin = candles.CandleState([[(OPEN, CLOSE)], [(OPEN, CLOSE)]], CANDLES)
    twin.load(state.dump())
    assert twin.dump() == state.dump()
    a, b = quiet(state, OPEN + 5000, OPEN + 4 * M), quiet(twin, OPEN + 5000, OPEN + 4 * M)
    assert [w.rows.tobytes() for w in a] == [w.rows.tobytes() for w in b]
    assert a


def test_a_state_of_another_size_is_corrupt(state):
    with pytest.raises(Corrupt, match="clear the session"):
        candles.CandleState([[(OPEN, CLOSE)]], CANDLES).load(state.dump())


def test_a_symbol_needs_a_session():
    with pytest.raises(ValueError, match="needs a window"):
        candles.CandleState([[(OPEN, CLOSE)], []], CANDLES)


TABLE = {"open": 0.61, "high": 0.75, "low": 0.74, "close": 0.86, "volume": 0.90}
"""Least shares of minutes equal to I1, over the five instruments (the data's README, whole per cents)."""


def recorded_day(shared_data, instruments=()):
    rows = rows_of(shared_data, instruments)
    count = len(names(shared_data, instruments))
    windows, metrics = ticks.TickState(count, TICKS), candles.CandleState([[(OPEN, CLOSE)]] * count, CANDLES)
    waves = []
    for i in range(len(rows)):
        waves += candles.step(metrics, batch(ticks.step(windows, rows[i : i + 1])))
    waves += candles.finish(metrics, CLOSE)
    return rows, metrics, waves


def check_table(state, count):
    for sid in range(count):
        got = candles.checks(state, sid)
        assert got["minutes"] >= 350
        for name, least in TABLE.items():
            minutes = got["volume_minutes"] if name == "volume" else got["minutes"]
            assert round(got[name] / minutes, 2) >= least, (sid, name, got)


def check_count(rows, waves, sid):
    """An independent count: minutes of the continuous session in which the last trade time moved."""
    ltt = rows["ltt"][rows["sid"] == sid]
    moved = ltt[1:][ltt[1:] > np.maximum.accumulate(ltt)[:-1]]
    minutes = np.unique((moved[(moved >= OPEN) & (moved < CLOSE)] - OPEN) // M)
    ours = np.concatenate([w.rows[(w.rows["sid"] == sid) & (w.rows["timeframe"] == 1)] for w in waves])
    assert ((ours["ts"] - OPEN) // M).tolist() == minutes.tolist()


def test_recorded_shares_agree_with_the_feeds_own_minutes(shared_data):
    rows, state, waves = recorded_day(shared_data, ("BSE", "VMM"))
    check_table(state, 2)
    for sid in range(2):
        check_count(rows, waves, sid)


@pytest.mark.nightly
def test_all_recorded_instruments_agree_with_the_feeds_own_minutes(shared_data):
    rows, state, waves = recorded_day(shared_data)
    check_table(state, 5)
    for sid in range(5):
        check_count(rows, waves, sid)
