"""Tick metrics on hand-made rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.types import FeedMode, TickFlag, TickKind
from pipeline.market.ticks import TickState, step
from tests.fakes.feed_rows import OPEN, TICKS, gap, repair, tick


@pytest.fixture
def state():
    return TickState(2, TICKS)


def run(state, *rows):
    return step(state, np.concatenate(rows))


def has(row, flag):
    return bool(row["flags"] & flag)


def test_quote_metrics(state):
    row = run(state, tick(OPEN, 100.0, bid=(99.9, 300), ask=(100.1, 100), vtt=5))[0]
    assert row["mid"] == pytest.approx(100.0)
    assert row["spread"] == pytest.approx(0.2)
    assert row["spread_bps"] == pytest.approx(20.0)
    assert row["microprice"] == pytest.approx(100.05)
    assert row["obi"] == row["obi5"] == 0.5


def test_an_empty_book_defines_nothing(state):
    row = run(state, tick(OPEN, 100.0, bid=(0.0, 0), ask=(100.1, 100)))[0]
    assert [row[n] for n in ("mid", "spread", "spread_bps", "microprice")] == [0.0] * 4
    assert not has(row, TickFlag.LIQUID)


def test_volume_is_the_step_of_vtt(state):
    rows = run(state, tick(OPEN, 100.0, vtt=500), tick(OPEN + 1, 100.0, vtt=520), tick(OPEN + 2, 100.1, vtt=521, ltq=1))
    assert rows["volume"].tolist() == [0, 20, 1]
    assert [has(r, TickFlag.TRADED) for r in rows] == [False, True, True]


def test_a_late_packet_changes_nothing(state):
    first = tick(OPEN + 50, 100.0, vtt=500, bid=(99.9, 1), ask=(100.1, 1))
    late = tick(OPEN + 60, 99.0, vtt=490, ltt=OPEN + 40)
    twin = TickState(2, TICKS)
    a = run(state, first, late, tick(OPEN + 70, 100.2, vtt=510))
    b = run(twin, first, tick(OPEN + 70, 100.2, vtt=510))
    assert a["volume"].tolist() == [0, 0, 10]
    assert a[2].tobytes() == b[1].tobytes()
    assert not has(a[1], TickFlag.TRADED)
    assert state.states["late"].tolist() == [1, 0]


def test_volume_never_falls_and_never_counts_twice(state):
    vtt = [500, 520, 510, 520, 530]
    rows = run(state, *(tick(OPEN + i, 100.0 + i, vtt=v) for i, v in enumerate(vtt)))
    assert rows["volume"].tolist() == [0, 20, 0, 0, 10]


def test_a_new_day_starts_from_zero(state):
    day = 86_400_000
    run(state, tick(OPEN, 100.0, vtt=900), tick(OPEN + 1, 100.0, vtt=1000))
    rows = run(state, tick(OPEN + day, 110.0, vtt=0), tick(OPEN + day + 1, 110.0, vtt=7))
    assert rows["volume"].tolist() == [0, 7]
    assert rows["tick_return"][0] == 0.0
    assert rows["session_vwap"][1] == 110.0


def test_snapshot_sets_the_base_without_volume(state):
    snapshot = tick(OPEN, 100.0, vtt=500, ltt=OPEN - 10, kind=TickKind.SNAPSHOT)
    rows = run(state, snapshot, tick(OPEN + 1, 101.0, vtt=530))
    assert rows["volume"].tolist() == [0, 30]
    assert rows["tick_return"][1] == pytest.approx(0.01)
    assert state.states["count"].tolist() == [1, 0]


def test_after_a_gap_a_print_counts_with_its_own_quantity(state):
    rows = run(
        state, tick(OPEN, 100.0, vtt=500), gap(OPEN, OPEN + 9), tick(OPEN + 9, 101.0, vtt=9500, ltq=25), tick(OPEN + 10, 101.0, vtt=9510)
    )
    assert rows["volume"].tolist() == [0, 0, 25, 10]


def test_a_gap_of_one_symbol_leaves_the_others_alone(state):
    def both(t, vtt):
        return [tick(OPEN + t, 100.0 + t / 100, vtt=vtt, ltq=25, sid=sid) for sid in (0, 1)]

    rows = run(state, *both(0, 500), gap(OPEN, OPEN + 9, sid=1), *both(9, 9500), *both(10, 9510))
    assert rows["volume"][rows["kind"] == TickKind.LIVE].tolist() == [0, 0, 9000, 25, 10, 10]


def test_gaps_and_repairs_pass_untouched(state):
    rows = [gap(OPEN, OPEN + 9), gap(OPEN, OPEN + 9, sid=1), gap(OPEN, OPEN + 9, sid=7), repair(OPEN, 1, OPEN, 1.0, 2.0, 1.0, 2.0, 9)]
    before = state.dump()
    for row in rows:
        assert step(state, row.copy()).tobytes() == row.tobytes()
    assert state.dump() == before


def test_writable_rows_are_filled_in_place_and_read_only_ones_copied(state):
    row = tick(OPEN, 100.0, bid=(99.9, 1), ask=(100.1, 1))
    kept = row.copy()
    kept.flags.writeable = False
    copied = step(state, kept)
    assert kept["mid"] == 0.0
    assert copied["mid"] == pytest.approx(100.0)
    assert step(state, row) is row
    assert row["mid"] == copied["mid"]


def test_flags_from_upstream_survive(state):
    kept = TickFlag.CONFLATED | TickFlag.HAS_DAY | TickFlag.HAS_MINUTE | TickFlag.INDEX | TickFlag.CAS_ELIGIBLE
    row = run(state, tick(OPEN, 100.0, flags=kept | TickFlag.TRADED | TickFlag.IV_JUMP))[0]
    assert row["flags"] == kept


def test_a_conflated_row_has_whole_volume_but_no_return_of_a_tick(state):
    steps = [tick(OPEN + i * 100, 100.0 + i % 2 * 0.05, vtt=i, bid=(99.9, 1), ask=(100.2, 1)) for i in range(100)]
    merged = tick(OPEN + 10_000, 110.0, vtt=5000, bid=(109.9, 1), ask=(110.2, 1), flags=TickFlag.CONFLATED)
    rows = run(state, *steps, merged, tick(OPEN + 10_100, 110.0, vtt=5001))
    assert rows["volume"][-2:].tolist() == [4901, 1]
    assert rows["tick_return"][-2:].tolist() == [0.0, 0.0]
    assert rows["volatility"][-2] == rows["volatility"][-3]
    assert rows["volatility"][-1] == pytest.approx(rows["volatility"][-3], rel=0.01)


def test_a_conflated_row_is_told_by_its_price_not_by_a_quote_long_gone(state):
    quote = {"bid": (99.0, 1), "ask": (99.1, 1)}
    rows = run(
        state,
        tick(OPEN, 101.0, vtt=1, **quote),
        tick(OPEN + 9, 100.0, vtt=9, **quote),
        tick(OPEN + 19, 99.5, vtt=19, flags=TickFlag.CONFLATED),
    )
    assert rows["aggressor"].tolist() == [0, 1, -1]


def implied(second, iv):
    return tick(OPEN + second * 1000, 50.0, iv=iv)


def test_iv_is_compared_with_its_value_a_window_ago(state):
    rows = run(state, *(implied(s, 0.2 + s / 1000) for s in range(0, 180, 4)))
    assert rows["iv_change"][:16].tolist() == [0.0] * 16
    assert rows["iv_change"][16:] == pytest.approx(rows["iv"][16:] / rows["iv"][:-16] - 1)


def test_iv_reference_is_the_newest_value_old_enough(state):
    rows = run(state, implied(0, 0.2), implied(3, 0.25), implied(63, 0.5), implied(64, 0.5), implied(500, 0.4))
    assert rows["iv_change"] == pytest.approx([0.0, 0.0, 0.0, 1.0, -0.2])


def test_a_jump_of_iv_is_flagged_both_ways(state):
    rows = run(state, implied(0, 0.20), implied(70, 0.23), implied(140, 0.28), implied(210, 0.20))
    assert [has(r, TickFlag.IV_JUMP) for r in rows] == [False, False, True, True]


def test_rows_without_iv_have_no_change_and_late_ones_leave_no_trace(state):
    late = implied(1, 0.9)
    late["ltt"] -= 5000
    rows = run(state, implied(0, 0.2), late, implied(80, 0.0), implied(80, 0.2))
    assert rows["iv_change"].tolist() == [0.0] * 4
    day = implied(86_400, 0.5)
    assert run(state, day)["iv_change"].tolist() == [0.0]


def test_ltpc_rows_count_the_last_quantity(state):
    rows = [tick(OPEN + t, 100.0, mode=FeedMode.LTPC, ltq=q) for t, q in ((0, 5), (10, 7), (10, 7), (20, 2))]
    rows[2]["ts_exch"] += 5
    assert run(state, *rows)["volume"].tolist() == [0, 7, 0, 2]


def test_an_index_trades_without_volume(state):
    rows = run(state, *(tick(OPEN + i, 25_000.0 + i) for i in range(3)))
    assert rows["volume"].tolist() == [0, 0, 0]
    assert [has(r, TickFlag.TRADED) for r in rows] == [False, True, True]
    assert rows["vwap"].tolist() == [0.0] * 3


def test_aggressor_looks_at_the_quote_before_the_trade(state):
    quote = {"bid": (99.9, 1), "ask": (100.1, 1)}
    rows = run(
        state,
        tick(OPEN, 100.0, vtt=1, **quote),
        tick(OPEN + 1, 100.1, vtt=2, bid=(100.1, 1), ask=(100.3, 1)),
        tick(OPEN + 2, 100.1, vtt=3, **quote),
        tick(OPEN + 2, 100.1, vtt=3, **quote),
    )
    assert rows["aggressor"].tolist() == [0, 1, -1, 0]


def test_vwap_is_of_the_last_seconds_only(state):
    at = [(0, 0), (1, 10), (30, 30), (61, 60)]
    rows = run(state, *(tick(OPEN + s * 1000, 100.0 + s, vtt=v) for s, v in at))
    assert rows["vwap"][2] == pytest.approx((101.0 * 10 + 130.0 * 20) / 30)
    assert rows["vwap"][3] == pytest.approx((130.0 * 20 + 161.0 * 30) / 50)
    assert rows["session_vwap"][3] == pytest.approx((101.0 * 10 + 130.0 * 20 + 161.0 * 30) / 60)


def test_liquidity_has_hysteresis(state):
    def quoted(i, bps):
        return tick(OPEN + i, 100.0, bid=(100.0 - bps / 200, 1), ask=(100.0 + bps / 200, 1))

    rows = run(state, *(quoted(i, bps) for i, bps in enumerate((9.0, 7.9, 9.0, 10.5, 9.0))))
    assert [has(r, TickFlag.LIQUID) for r in rows] == [False, True, True, False, False]


def test_cold_metrics_are_zero_and_say_so(state):
    rows = run(state, *(tick(OPEN + i * 100, 100.0 + (i % 7) * 0.05, vtt=i * 10) for i in range(100)))
    warm = [has(r, TickFlag.WARM) for r in rows]
    assert warm == [i >= 59 for i in range(100)]
    assert (rows["volatility"] > 0).tolist() == warm
    assert (rows["vwap_slow"] > 0).tolist() == [i >= 60 for i in range(100)]


def test_crossover_is_told_once_on_its_tick(state):
    wave = 100.0 + np.sin(np.arange(600) / 40.0)
    rows = run(state, *(tick(OPEN + i * 500, round(float(p), 2), vtt=i * 10) for i, p in enumerate(wave)))
    sign = np.sign(rows["vwap_fast"] - rows["vwap_slow"])
    ups = [i for i in range(600) if has(rows[i], TickFlag.VWAP_CROSS_UP)]
    downs = [i for i in range(600) if has(rows[i], TickFlag.VWAP_CROSS_DOWN)]
    assert ups == [i for i in range(1, 600) if sign[i] == 1 and sign[i - 1] == -1]
    assert downs == [i for i in range(1, 600) if sign[i] == -1 and sign[i - 1] == 1]
    assert ups
    assert downs


def test_a_still_price_has_no_volatility_and_no_cross(state):
    rows = run(state, *(tick(OPEN + i * 100, 100.0 if i else 101.0, vtt=i) for i in range(1000)))
    assert rows["volatility"][700:].tolist() == [0.0] * 300
    assert not (rows["flags"] & (TickFlag.VWAP_CROSS_UP | TickFlag.VWAP_CROSS_DOWN))[700:].any()


def test_keys_that_never_traded_stay_silent(state):
    rows = run(state, tick(OPEN, 0.0, ltt=315_513_000_000), tick(OPEN + 1, 0.0, ltt=315_513_000_000))
    assert rows["volume"].tolist() == [0, 0]
    assert state.states["count"].tolist() == [0, 0]


def test_a_symbol_beyond_the_list_passes_untouched(state):
    row = tick(OPEN, 100.0, sid=7)
    assert step(state, row.copy()).tobytes() == row.tobytes()


def test_windows_must_fit():
    with pytest.raises(ValueError, match="vwap_fast < vwap_slow <= window"):
        TickState(1, replace(TICKS, vwap_slow=301))
    with pytest.raises(ValueError, match="iv_window_s"):
        TickState(1, replace(TICKS, iv_window_s=0))


def test_a_state_of_another_size_is_corrupt(state):
    with pytest.raises(Corrupt, match="clear the session"):
        TickState(3, TICKS).load(state.dump())
    with pytest.raises(Corrupt, match="clear the session"):
        TickState(2, replace(TICKS, vwap_fast=21)).load(state.dump())


def test_a_dump_grows_with_the_symbols_that_had_a_row():
    state, twin = TickState(2000, TICKS), TickState(2000, TICKS)
    run(state, gap(OPEN, OPEN + 5), *(tick(OPEN, 100.0, sid=sid) for sid in (3, 1999)))
    blob = state.dump()
    assert len(blob) < 3 * 8192
    twin.load(blob)
    assert twin.memory.tobytes() == state.memory.tobytes()


def test_a_load_replaces_what_was_there(state):
    blank = state.dump()
    run(state, tick(OPEN, 100.0))
    state.load(blank)
    assert state.memory.tobytes() == TickState(2, TICKS).memory.tobytes()


def test_state_fits_eight_kilobytes_a_symbol():
    assert TickState(1, TICKS).memory.nbytes <= 8192
