"""Tick metrics on hand-made rows."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.types import TICK, FeedMode, TickFlag, TickKind
from pipeline.market.ticks import TickState, step, step_k
from tests.fakes.feed_rows import OPEN, TICKS, gap, tick


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
    assert state.state["late"].tolist() == [1, 0]


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
    assert state.state["count"].tolist() == [1, 0]


def test_after_a_gap_a_print_counts_with_its_own_quantity(state):
    rows = run(
        state, tick(OPEN, 100.0, vtt=500), gap(OPEN, OPEN + 9), tick(OPEN + 9, 101.0, vtt=9500, ltq=25), tick(OPEN + 10, 101.0, vtt=9510)
    )
    assert rows["volume"].tolist() == [0, 0, 25, 10]


def test_a_gap_row_passes_untouched(state):
    row = gap(OPEN, OPEN + 9)
    assert step(state, row).tobytes() == row.tobytes()


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
    assert state.state["count"].tolist() == [0, 0]


def test_a_symbol_beyond_the_list_passes_untouched(state):
    row = tick(OPEN, 100.0, sid=7)
    assert step(state, row).tobytes() == row.tobytes()


def test_the_plain_twin_has_the_same_bits():
    a, b = TickState(1, TICKS), TickState(1, TICKS)
    rows = np.concatenate([tick(OPEN + i * 300, 100.0 + i % 5 * 0.05, vtt=i * 3, bid=(99.9, 5), ask=(100.3, i)) for i in range(120)])
    fast = step(a, rows)
    slow = rows.copy()
    step_k.py_func(slow, b.state, b.px, b.vwap, b.ts, b.vol, b.params, np.zeros(1, b.state.dtype))
    assert fast.tobytes() == slow.astype(TICK).tobytes()
    assert a.dump() == b.dump()


def test_windows_must_fit():
    from dataclasses import replace

    with pytest.raises(ValueError, match="vwap_fast < vwap_slow <= window"):
        TickState(1, replace(TICKS, vwap_slow=301))


def test_a_state_of_another_size_is_corrupt(state):
    with pytest.raises(Corrupt, match="clear the session"):
        TickState(3, TICKS).load(state.dump())
