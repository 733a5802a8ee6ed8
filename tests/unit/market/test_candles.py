"""Candles on hand-made prints, and on the recorded day against the feed's own minutes."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.candle import Lineage
from pipeline.core.errors import Corrupt
from pipeline.core.types import CandleFlag, TickFlag, TickKind
from pipeline.market import candles, ticks
from tests.fakes.feed_rows import CANDLES, CLOSE, OPEN, TICKS, batch, gap, repair, tick, trade
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


def test_a_minute_without_a_trade_is_marked_on_the_next_and_missing_in_the_longer(state):
    feed(state, trade(OPEN + 1000, 100.0), ts=OPEN + 1000)
    waves = quiet(state, OPEN + 5000, OPEN + 3 * M)
    waves += feed(state, trade(OPEN + 3 * M + 1000, 101.0), ts=OPEN + 3 * M + 1000)
    waves += quiet(state, OPEN + 3 * M + 5000, OPEN + 4 * M)
    waves += feed(state, trade(OPEN + 4 * M, 102.0), ts=OPEN + 4 * M)
    waves += quiet(state, OPEN + 4 * M + 5000, OPEN + 5 * M + 5000)
    rows = np.concatenate([w.rows for w in waves])
    assert rows[["timeframe", "minutes", "quiet"]].tolist() == [(1, 1, 0), (3, 1, 0), (1, 1, 2), (1, 1, 0), (5, 3, 0)]
    assert set(rows["lineage"].tolist()) == {int(Lineage.TICKS)}
    assert not rows["flags"].any()


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
    gaps = CandleFlag.GAP | CandleFlag.AFTER_GAP
    feed(state, trade(CLOSE - 1000, 100.0), ts=CLOSE - 1000)
    (wave,) = feed(state, ts=CLOSE + 2000)
    assert [(t, (ts - OPEN) // M, f) for t, ts, f in wave.rows[["timeframe", "ts", "flags"]].tolist()] == [
        (1, 374, int(gaps)),
        (3, 372, int(gaps)),
        (5, 370, int(gaps)),
        (10, 370, int(gaps | CandleFlag.PARTIAL)),
        (15, 360, int(gaps)),
        (60, 360, int(gaps | CandleFlag.PARTIAL)),
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
    assert candles.checks(state, 0)[["auction_trades", "auction_qty", "auction_px"]].item() == (2, 1000, 99.5)
    assert list(candles.finish(state, CLOSE)) == []


def test_silence_marks_a_gap_and_does_not_fill_it(state):
    feed(state, trade(OPEN + 1000, 100.0, 5), ts=OPEN + 1000)
    waves = feed(state, trade(OPEN + 3 * M + 100, 103.0, 9000, ltq=4), ts=OPEN + 3 * M + 200)
    assert [told(w) for w in waves] == [[(1, 0, 0, 100.0, 5)]]
    waves += quiet(state, OPEN + 3 * M + 5000, OPEN + 5 * M + 5000)
    rows = np.concatenate([w.rows for w in waves])
    blind, after = int(CandleFlag.GAP), int(CandleFlag.GAP | CandleFlag.AFTER_GAP)
    assert rows["flags"].tolist() == [blind, blind, after, blind]  # the first minute, its three; then minute 3, and the five
    assert rows["quiet"].tolist() == [0] * 4, "lost is not quiet"
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


def test_a_gap_of_one_symbol_flags_its_minutes_only(state):
    both = [trade(OPEN + 1000, 100.0, sid=sid) for sid in (0, 1)]
    feed(state, *both, ts=OPEN + 1000)
    feed(state, gap(OPEN + 2000, OPEN + 4000, sid=1), ts=OPEN + 4000)
    feed(state, *(trade(OPEN + 5000, 101.0, 500, sid=sid, ltq=3) for sid in (0, 1)), ts=OPEN + 5000)
    (wave,) = quiet(state, OPEN + 8000, OPEN + M + 4000)
    assert wave.rows["flags"].tolist() == [0, int(CandleFlag.GAP)]
    assert wave.rows["volume"].tolist() == [501, 4]


def spoiled(state, minutes=3):
    """Three minutes of symbol 0 with a print each, then three with a gap and none; both symbols go on."""
    waves = []
    for m in range(3):
        waves += feed(state, *(trade(OPEN + m * M + 500, 100.0 + m, 5, sid=sid) for sid in (0, 1)), ts=OPEN + m * M + 500)
        waves += quiet(state, OPEN + m * M + 5000, OPEN + m * M + 59_000)
    waves += quiet(state, OPEN + 3 * M, OPEN + (3 + minutes) * M + 5000)
    end = OPEN + (3 + minutes) * M + 6000
    waves += feed(state, gap(OPEN + 3 * M - 1000, end, sid=0), ts=end)
    return waves, end


def mend(state, ts, *rows):
    return feed(state, *rows, ts=ts)


def test_a_repair_tells_a_minute_again_and_every_closed_candle_around_it(state):
    _, end = spoiled(state)
    (wave,) = mend(state, end + 1000, repair(end, 0, OPEN + 2 * M, 90.0, 110.0, 80.0, 101.0, 70))
    revised = int(CandleFlag.REVISED)
    assert wave.ts == end + 1000
    assert told(wave) == [(1, 0, 2, 101.0, 70), (3, 0, 0, 101.0, 80), (5, 0, 0, 101.0, 80)]
    assert wave.rows["flags"].tolist() == [revised, revised, revised | int(CandleFlag.GAP)]
    assert wave.rows[["open", "high", "low", "trades"]].tolist() == [
        (90.0, 110.0, 80.0, 1),
        (100.0, 110.0, 80.0, 3),
        (100.0, 110.0, 80.0, 3),
    ]
    later = quiet(state, end + 5000, OPEN + 10 * M + 8000)[-1].rows
    (ten,) = later[(later["timeframe"] == 10) & (later["sid"] == 0)]
    assert [ten[n] for n in ("high", "low", "volume")] == [110.0, 80.0, 80]
    assert candles.checks(state, 0)["repaired"] == 1


def test_a_minute_without_a_trade_of_ours_is_told_for_the_first_time(state):
    waves, end = spoiled(state)
    assert not any(told_row[:3] == (1, 0, 4) for wave in waves for told_row in told(wave))
    (wave,) = mend(state, end, repair(end, 0, OPEN + 4 * M, 103.0, 104.0, 103.0, 104.0, 40))
    assert told(wave) == [(1, 0, 4, 104.0, 40), (3, 0, 3, 104.0, 40), (5, 0, 0, 104.0, 55)]
    assert wave.rows["trades"].tolist() == [1, 1, 4]


def test_the_same_repair_twice_does_nothing(state):
    _, end = spoiled(state)
    row = repair(end, 0, OPEN + 4 * M, 103.0, 104.0, 103.0, 104.0, 40, oi=7.0)
    assert mend(state, end, row)
    before = state.dump()
    assert mend(state, end, row, row) == []
    assert state.dump() == before
    changed = repair(end, 0, OPEN + 4 * M, 103.0, 105.0, 103.0, 104.0, 41, oi=7.0)
    assert [len(w.rows) for w in mend(state, end, changed)] == [3]


def test_a_repair_without_trades_takes_the_gap_off(state):
    _, end = spoiled(state)
    empty = [repair(end, 0, OPEN + m * M, 102.0, 102.0, 102.0, 102.0, 0) for m in (3, 4, 5)]
    assert mend(state, end, *empty[:2]) != []
    (wave,) = mend(state, end + 60_000, repair(end, 0, OPEN + 2 * M, 102.0, 102.0, 102.0, 102.0, 5), empty[2])
    assert told(wave) == [(1, 0, 2, 102.0, 5), (3, 0, 0, 102.0, 15), (5, 0, 0, 102.0, 15)]
    assert not (wave.rows["flags"] & CandleFlag.GAP).any()
    index = repair(end, 0, OPEN + 4 * M, 102.0, 103.0, 102.0, 103.0, 0)
    index["flags"] = TickFlag.INDEX
    assert [told(w)[0] for w in mend(state, end + 60_000, index)] == [(1, 0, 4, 103.0, 0)]


def test_repairs_of_several_minutes_tell_each_longer_candle_once(state):
    _, end = spoiled(state)
    waves = mend(state, end, *(repair(end, 0, OPEN + m * M, 100.0, 100.0 + m, 99.0, 100.0, 10) for m in (5, 3, 4, 2)))
    assert [[row[:3] for row in told(w)] for w in waves] == [
        [(1, 0, 2), (3, 0, 0)],
        [(1, 0, 3)],
        [(1, 0, 4), (5, 0, 0)],
        [(1, 0, 5), (3, 0, 3)],
    ]
    assert [told(w)[-1][-1] for w in waves] == [20, 10, 40, 30]


def test_a_minute_still_open_closes_with_the_repaired_values(state):
    feed(state, trade(OPEN + 1000, 100.0, 5), trade(OPEN + 1001, 100.5, 5), ts=OPEN + 1000)
    quiet(state, OPEN + 5000, OPEN + 55_000)
    assert feed(state, gap(OPEN + 10_000, OPEN + 58_000), ts=OPEN + 58_000) == []
    assert mend(state, OPEN + M + 100, repair(0, 0, OPEN, 100.0, 105.0, 99.0, 101.0, 50)) == []
    assert feed(state, trade(OPEN + M - 1, 300.0, 9), ts=OPEN + M + 200) == []
    (wave,) = feed(state, ts=OPEN + M + 2000)
    assert told(wave) == [(1, 0, 0, 101.0, 50)]
    assert wave.rows[["high", "trades"]].tolist() == [(105.0, 2)]
    assert wave.rows["flags"].tolist() == [int(CandleFlag.REVISED)]
    assert candles.checks(state, 0)["late"] == 1


def test_a_true_minute_needs_no_repair(state):
    _, end = spoiled(state)
    assert mend(state, end, repair(end, 1, OPEN + 2 * M, 102.0, 102.0, 102.0, 102.0, 5)) == []
    assert candles.checks(state, 1)["repaired"] == 0


def test_minutes_before_a_late_start_are_filled_by_repairs():
    state = candles.CandleState([[(OPEN, CLOSE)]], CANDLES)
    feed(state, trade(OPEN + 2 * M + 30_000, 100.0), ts=OPEN + 2 * M + 30_000)
    waves = quiet(state, OPEN + 2 * M + 35_000, OPEN + 3 * M + 8000)
    assert waves[-1].rows["flags"].tolist() == [int(CandleFlag.PARTIAL)] * 2
    waves = mend(state, OPEN + 4 * M, *(repair(0, 0, OPEN + m * M, 100.0, 101.0, 99.0, 100.0, 10) for m in range(3)))
    assert told(waves[-1]) == [(1, 0, 2, 100.0, 10), (3, 0, 0, 100.0, 30)]
    assert waves[-1].rows["flags"].tolist() == [int(CandleFlag.REVISED)] * 2


def late_start(minutes=4, hold=10 * M):
    """A start in the fifth minute, marked from the open, with a print every ten seconds: what was told until some minutes later."""
    state, at = candles.CandleState([[(OPEN, CLOSE)], [(OPEN, CLOSE)]], CANDLES), OPEN + 4 * M + 20_000
    waves = feed(state, *(gap(OPEN, at, sid, at + hold) for sid in (0, 1)), ts=at)
    for ts in range(at, OPEN + (4 + minutes) * M + 5000, 10_000):
        waves += feed(state, *(trade(ts, 100.0 + (ts - OPEN) // M, 1, sid) for sid in (0, 1)), ts=ts)
    return state, waves


def minutes_at(sid, *minutes):
    return [repair(0, sid, OPEN + m * M, 90.0, 110.0, 80.0, 100.0 + m, 10) for m in minutes]


def test_after_a_late_start_candles_wait_for_the_minutes_before_and_come_in_order():
    state, waves = late_start()
    assert waves == []
    assert feed(state, *minutes_at(0, 0, 1, 2, 3, 4), ts=OPEN + 8 * M + 6000) != []
    waves = feed(state, *minutes_at(1, 0, 1, 2, 3, 4), ts=OPEN + 8 * M + 7000)
    assert {wave.ts for wave in waves} == {OPEN + 8 * M + 7000}
    assert [[row[:3] for row in told(w)] for w in waves] == [
        [(1, 1, 0)],
        [(1, 1, 1)],
        [(1, 1, 2), (3, 1, 0)],
        [(1, 1, 3)],
        [(1, 1, 4), (5, 1, 0)],
        [(1, 1, 5), (3, 1, 3)],
        [(1, 1, 6)],
        [(1, 1, 7)],
    ]
    assert [told(w)[-1][-1] for w in waves] == [10, 10, 30, 10, 50, 26, 6, 6]
    flags = [int(w.rows["flags"][0]) for w in waves]
    assert flags == [int(CandleFlag.REVISED)] * 5 + [0] * 3
    later = quiet(state, OPEN + 8 * M + 10_000, OPEN + 10 * M + 5000)
    assert told(later[-1])[-2:] == [(10, 0, 0, 108.0, 69), (10, 1, 0, 108.0, 69)]


def test_no_longer_candle_is_told_before_its_last_repair():
    state, _ = late_start()
    waves = feed(state, *minutes_at(0, 0, 1), ts=OPEN + 8 * M + 6000)
    assert [told(w) for w in waves] == [[(1, 0, 0, 100.0, 10)], [(1, 0, 1, 101.0, 10)]]
    changed = feed(state, *minutes_at(0, 1), repair(0, 0, OPEN, 90.0, 110.0, 80.0, 100.0, 11), ts=OPEN + 8 * M + 7000)
    assert [told(w) for w in changed] == [[(1, 0, 0, 100.0, 11)]], "a told minute again, and the open three around it not yet"
    waves = feed(state, *minutes_at(0, 2, 4), ts=OPEN + 8 * M + 8000)
    assert told(waves[0]) == [(1, 0, 2, 102.0, 10), (3, 0, 0, 102.0, 31)]
    assert (5, 0, 0, 104.0, 41) in told(waves[1])
    assert waves[1].rows["flags"][1] & CandleFlag.GAP, "the fourth minute has no candle"


def test_what_waited_too_long_is_told_and_flagged():
    state, _ = late_start(hold=4 * M)
    assert feed(state, ts=OPEN + 8 * M + 19_999) == []
    waves = feed(state, ts=OPEN + 8 * M + 20_000)
    blind = int(CandleFlag.GAP | CandleFlag.PARTIAL)
    assert [row[:3] for row in told(waves[0])] == [(1, 0, 4), (1, 1, 4), (5, 0, 0), (5, 1, 0)]
    assert waves[0].rows["flags"].tolist() == [blind] * 4
    waves = feed(state, *minutes_at(0, 0, 1, 2, 3, 4), ts=OPEN + 8 * M + 25_000)
    assert (5, 0, 0, 104.0, 50) in [row for w in waves for row in told(w)], "and told again when the repair comes after all"


def test_what_is_held_survives_bit_for_bit_and_is_told_at_the_end():
    state, _ = late_start()
    feed(state, *minutes_at(0, 0, 1), ts=OPEN + 8 * M + 6000)
    other = candles.CandleState([[(OPEN, CLOSE)], [(OPEN, CLOSE)]], CANDLES)
    other.load(state.dump())
    ends = [[w.rows.tobytes() for w in candles.finish(s, OPEN + 8 * M + 9000)] for s in (state, other)]
    assert ends[0] == ends[1]
    assert ends[0]


def test_a_symbol_that_comes_back_has_its_absence_marked_and_mended():
    """Away from the second minute to the sixth: what was told of the second is told again, and the five and ten minutes are whole."""
    state = candles.CandleState([[(OPEN, CLOSE)]], CANDLES)
    feed(state, ts=OPEN - 1000)
    feed(state, trade(OPEN + 1000, 100.0, 5), ts=OPEN + 1000)
    quiet(state, OPEN + 5000, OPEN + 61_000)
    feed(state, trade(OPEN + M + 1000, 101.0, 5), ts=OPEN + M + 1500)
    before = quiet(state, OPEN + M + 5000, OPEN + 6 * M + 5000)
    assert (5, 0, 0, 101.0, 10) in [row for w in before for row in told(w)]
    at = OPEN + 6 * M + 6000
    feed(state, gap(OPEN + M + 2000, at, 0, at + 10 * M), trade(at, 107.0, 1), ts=at)
    assert quiet(state, at + 5000, OPEN + 7 * M + 4000) == []
    waves = feed(state, *minutes_at(0, 1, 2, 3, 4, 5, 6), ts=OPEN + 7 * M + 5000)
    assert [told(w)[0] for w in waves] == [(1, 0, m, 100.0 + m, 10) for m in range(1, 7)]
    assert (5, 0, 0, 104.0, 45) in told(waves[3])
    assert waves[1].rows["quiet"].tolist() == [0, 0]


def test_a_late_start_in_a_pause_waits_for_the_minutes_before_it():
    pause = [(OPEN, OPEN + 3 * M), (OPEN + 9 * M, OPEN + 12 * M)]
    state, at = candles.CandleState([pause], CANDLES), OPEN + 5 * M
    feed(state, gap(OPEN, at, 0, at + 10 * M), ts=at)
    waves = feed(state, *minutes_at(0, 0, 1, 2), ts=at + 1000)
    assert [told(w)[0][:3] for w in waves] == [(1, 0, 0), (1, 0, 1), (1, 0, 2)]
    assert state.clock[-1] == 0


def test_a_pause_of_the_session_is_no_gap():
    """Two stretches, as on a disaster-recovery day: a frame every five seconds in each, none between them."""
    pause = [(OPEN, OPEN + 45 * M), (OPEN + 135 * M, OPEN + 195 * M)]
    state = candles.CandleState([pause, pause], CANDLES)
    waves = []
    for start, end in ((OPEN - M, pause[0][1]), (pause[1][0] + 5000, pause[1][1] + 10_000)):
        for ts in range(start, end, 5000):
            waves += feed(state, trade(ts, 100.0, 50, ltq=10), ts=ts)
    rows = np.concatenate([w.rows for w in waves])
    assert set(rows["flags"].tolist()) <= {0, int(CandleFlag.PARTIAL)}
    assert not rows["flags"][rows["timeframe"] == 1].any()
    first = rows[(rows["timeframe"] == 1) & (rows["ts"] == pause[1][0])]
    assert first["volume"].tolist() == [50 * 11]
    silent = feed(state, ts=pause[1][1] + 20_000)
    assert silent == []


def test_a_silence_that_begins_before_a_pause_or_ends_after_it_is_one():
    pause = [(OPEN, OPEN + 5 * M), (OPEN + 20 * M, OPEN + 25 * M)]
    for last, back in ((OPEN + 5 * M - 31_000, OPEN + 20 * M), (OPEN + 5 * M, OPEN + 20 * M + 31_000)):
        state = candles.CandleState([pause], CANDLES)
        for ts in (*range(OPEN - 5000, last, 5000), last):
            feed(state, trade(ts, 100.0), ts=ts)
        waves = feed(state, trade(back, 100.0), ts=back)
        waves += quiet(state, back + 5000, OPEN + 21 * M + 8000)
        flags = [int(r["flags"]) for w in waves for r in w.rows if r["timeframe"] == 1]
        assert any(f & CandleFlag.GAP for f in flags)


def test_a_gap_outside_trading_holds_nothing(state):
    feed(state, gap(OPEN - 5 * M, OPEN - M, 0, OPEN + 5 * M), ts=OPEN - M)
    feed(state, trade(OPEN + 1000, 100.0, 5), ts=OPEN + 1000)
    assert [told(w) for w in quiet(state, OPEN + 5000, OPEN + M + 5000)] == [[(1, 0, 0, 100.0, 5)]]


@pytest.mark.parametrize(
    "fields",
    [
        {"i1_ts": OPEN + 7 * M},
        {"i1_ts": OPEN + M + 1},
        {"i1_ts": OPEN - M},
        {"i1_low": 0.0},
        {"i1_low": 103.5},
        {"i1_high": 103.5},
        {"i1_vol": -1},
        {"i1_vol": 0, "i1_ts": OPEN + 2 * M},
    ],
)
def test_a_repair_that_makes_no_sense_is_counted_not_painted(state, fields):
    _, end = spoiled(state)
    row = repair(end, 0, OPEN + 4 * M, 103.0, 104.0, 103.0, 104.0, 40)
    for name, value in fields.items():
        row[name] = value
    assert mend(state, end, row) == []
    assert candles.checks(state, 0)["refused"] == 1
    assert candles.checks(state, 0)["repaired"] == 0


def test_a_big_watchlist_keeps_two_hours_and_counts_what_comes_later():
    state = candles.CandleState([[(OPEN, CLOSE)]] * 2000, CANDLES)
    assert state.bars.nbytes <= 17 * 1024 * 1024
    feed(state, trade(OPEN + 1000, 100.0, sid=1999), ts=OPEN + 1000)
    feed(state, ts=OPEN + 183 * M + 2000)
    rows = [repair(0, 1999, OPEN + m * M, 100.0, 101.0, 100.0, 101.0, 9) for m in (0, 59, 60, 182)]
    waves = mend(state, OPEN + 183 * M + 5000, *rows)
    assert [told(w)[0][:3] for w in waves] == [(1, 1999, 60), (1, 1999, 182)]
    assert candles.checks(state, 1999)["too_late"] == 2
    feed(state, ts=OPEN + 184 * M + 2000)
    assert mend(state, OPEN + 184 * M + 5000, repair(0, 1999, OPEN + 61 * M, 100.0, 101.0, 100.0, 101.0, 9)) == []
    assert candles.checks(state, 1999)["too_late"] == 3


def test_state_survives_bit_for_bit(state):
    _, end = spoiled(state)
    assert mend(state, end, repair(end, 0, OPEN + 4 * M, 103.0, 104.0, 103.0, 104.0, 40))
    twin = candles.CandleState([[(OPEN, CLOSE)], [(OPEN, CLOSE)]], CANDLES)
    twin.load(state.dump())
    assert twin.dump() == state.dump()
    a, b = quiet(state, end, OPEN + 10 * M + 8000), quiet(twin, end, OPEN + 10 * M + 8000)
    assert [w.rows.tobytes() for w in a] == [w.rows.tobytes() for w in b]
    assert a


def test_a_state_of_another_size_is_corrupt(state):
    with pytest.raises(Corrupt, match="clear the session"):
        candles.CandleState([[(OPEN, CLOSE)]], CANDLES).load(state.dump())


def test_windows_begin_whole_minutes_apart():
    with pytest.raises(ValueError, match="whole minutes"):
        candles.CandleState([[(OPEN, CLOSE)], [(OPEN + 1, CLOSE)]], CANDLES)


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
