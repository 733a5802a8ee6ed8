"""The indicators job: history warms, candles answer; hashes and few series."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.schema import Role
from pipeline.core.types import CandleFlag, CandleWave, IndicatorWave
from pipeline.core.views import RowsWrite
from pipeline.jobs.indicators import SERIES_COLUMNS, job, slots_of
from pipeline.store.face import Commit, Progress
from pipeline.store.memory import MemoryStore
from tests.fakes.bars import candles
from tests.fakes.context import context

ROWS = candles(260, per_day=60)


def past(rows):
    rows = rows.copy()
    rows["flags"] = int(CandleFlag.HISTORY)
    return CandleWave(1, rows)


def live(rows):
    return CandleWave(int(rows["ts"][-1]) + 62_000, rows)


def test_history_warms_the_bank_and_brings_no_output():
    warm, cold, rows = job.initial(context()), job.initial(context()), candles(260, per_day=40)  # some need days before
    assert list(job.step(warm, past(rows[:250]), 1)) == []
    out, none = list(job.step(warm, live(rows[250:251]), 1)), list(job.step(cold, live(rows[250:251]), 1))
    assert isinstance(out[0], IndicatorWave)
    assert {column for column, is_warm in zip(out[0].columns, out[0].warm[0], strict=True) if not is_warm} <= {"support", "resistance"}
    assert not none[0].warm.all()
    assert np.isfinite(none[0].values).all()


def told(outputs):
    """What a store would keep: hashes by key, samples by key and time."""
    store = MemoryStore()
    store.commit(Commit("indicators", Role.DERIVED, Progress(), shown=[o for o in outputs if isinstance(o, RowsWrite)]), 1)
    return {key: fields for (_, key), fields in store.hashes.items()}, store.samples


def test_the_hash_holds_what_is_warm():
    state = job.initial(context())
    for i in range(29):
        list(job.step(state, live(ROWS[i : i + 1]), 1))
    out = list(job.step(state, live(ROWS[29:30]), 1))
    fields = told(out)[0]["indicators:ALPHA"]
    assert float(fields["close"]) == ROWS["close"][29]
    assert int(fields["ts"]) == ROWS["ts"][29]
    assert fields["time"] == "2025-12-15 09:44:00.000 +05:30"
    assert float(fields["rsi_14"]) == pytest.approx(out[0].values[0, out[0].columns.index("rsi_14")], rel=1e-9)
    assert fields["ema_200"] == ""
    assert set(fields) == {"ts", "time", "close", *out[0].columns}


def test_timeframes_have_keys_of_their_own_and_candles_their_own_time():
    rows = np.concatenate([ROWS[3:4], ROWS[:1], ROWS[:1]])
    rows["timeframe"], rows["sid"] = [1, 5, 5], [0, 0, 1]
    hashes, samples = told(job.step(job.initial(context()), live(rows), 1))
    assert {key: int(fields["ts"]) for key, fields in hashes.items()} == {
        "indicators:ALPHA": ROWS["ts"][3],
        "indicators:ALPHA:5m": ROWS["ts"][0],
        "indicators:BRAVO:5m": ROWS["ts"][0],
    }
    assert samples == {"indicator:ALPHA:1m:vwap": {ROWS["ts"][3]: pytest.approx(out_vwap(rows), rel=1e-9)}}, "nothing else is warm"


def out_vwap(rows):
    return (rows["high"][0] + rows["low"][0] + rows["close"][0]) / 3


def test_few_columns_become_series():
    state = job.initial(context())
    list(job.step(state, past(ROWS[:250]), 1))
    _, samples = told(job.step(state, live(ROWS[250:251]), 1))
    assert set(samples) == {f"indicator:ALPHA:1m:{column}" for column in SERIES_COLUMNS}


def test_a_candle_that_was_refused_is_not_shown():
    state, rows = job.initial(context()), ROWS[4:6].copy()
    list(job.step(state, live(ROWS[5:6]), 1))
    rows["ts"][0] -= 86_400_000
    rows["close"][1] = np.nan
    wave, *shown = job.step(state, live(rows), 1)
    assert not wave.warm.any()
    assert told(shown) == ({}, {})


def revised(state, *at):
    rows = ROWS[list(at)].copy()
    rows["flags"] = int(CandleFlag.REVISED)
    return list(job.step(state, live(rows), 1))


def test_after_a_late_candle_the_newest_is_told_again_and_shown():
    state, cold = job.initial(context()), job.initial(context())
    for i in [*range(29), 30, 31]:
        list(job.step(state, live(ROWS[i : i + 1]), 1))
    for i in range(32):
        (expected, *_) = job.step(cold, live(ROWS[i : i + 1]), 1)
    wave, *shown = revised(state, 29)
    assert wave.rows["ts"].tolist() == ROWS["ts"][[29, 31]].tolist()
    assert [CandleFlag(int(flags)) for flags in wave.rows["flags"]] == [CandleFlag.REVISED] * 2
    assert wave.rows["trades"].tolist() == [3, 3]
    assert (wave.values[1].tobytes(), wave.warm[1].tobytes()) == (expected.values[0].tobytes(), expected.warm[0].tobytes())
    hashes, samples = told(shown)
    assert int(hashes["indicators:ALPHA"]["ts"]) == ROWS["ts"][31]
    assert float(hashes["indicators:ALPHA"]["rsi_14"]) == pytest.approx(expected.values[0, wave.columns.index("rsi_14")], rel=1e-9)
    assert sorted(samples["indicator:ALPHA:1m:vwap"]) == ROWS["ts"][29:32].tolist(), "every minute from the changed one on"
    assert samples["indicator:ALPHA:1m:vwap"][ROWS["ts"][31]] == pytest.approx(expected.values[0, wave.columns.index("vwap")], rel=1e-9)
    assert job.dump(state) == job.dump(cold)


def test_the_newest_candle_told_again_is_in_the_wave_once():
    state = job.initial(context())
    for i in range(31):
        list(job.step(state, live(ROWS[i : i + 1]), 1))
    wave, *shown = revised(state, 30)
    assert wave.rows["ts"].tolist() == ROWS["ts"][[30]].tolist()
    assert int(told(shown)[0]["indicators:ALPHA"]["ts"]) == ROWS["ts"][30]


def test_slots_that_were_not_touched_are_not_told_again():
    state, rows = job.initial(context()), np.concatenate([ROWS[:1]] * 3)
    rows["sid"], rows["timeframe"] = [0, 1, 1], [1, 1, 5]
    for i in range(3):
        rows["ts"] = ROWS["ts"][i]
        list(job.step(state, live(rows), 1))
    late = rows[2:].copy()
    late["ts"] = ROWS["ts"][1]
    wave, *shown = job.step(state, live(late), 1)
    assert [(int(r["sid"]), int(r["timeframe"]), int(r["ts"])) for r in wave.rows] == [(1, 5, ROWS["ts"][k]) for k in (1, 2)]
    assert (set(told(shown)[0]), told(shown)[1]) == ({"indicators:BRAVO:5m"}, {})


def test_slots():
    rows = ROWS[:3].copy()
    rows["sid"], rows["timeframe"] = [0, 1, 1], [1, 3, 60]
    assert slots_of(rows, 2).tolist() == [0, 3, 11]


@pytest.mark.parametrize(("sid", "timeframe"), [(2, 1), (0, 2), (0, 240)])
def test_what_is_not_of_today_is_corrupt(sid, timeframe):
    rows = ROWS[:1].copy()
    rows["sid"], rows["timeframe"] = sid, timeframe
    with pytest.raises(Corrupt, match="clear the session"):
        list(job.step(job.initial(context()), live(rows), 1))


def test_a_restored_state_goes_on_bit_for_bit():
    state, twin = job.initial(context()), job.initial(context())
    list(job.step(state, past(ROWS[:100]), 1))
    job.load(twin, job.dump(state))
    for i in range(100, 130):
        (ours, *_), (theirs, *_) = job.step(state, live(ROWS[i : i + 1]), 1), job.step(twin, live(ROWS[i : i + 1]), 1)
        assert ours.values.tobytes() == theirs.values.tobytes()
    assert job.dump(state) == job.dump(twin)


def test_a_wave_of_nothing_shows_nothing():
    out = list(job.step(job.initial(context()), CandleWave(1, candles(1)[:0]), 1))
    assert [type(record) for record in out] == [IndicatorWave]
