"""The indicators job: history warms, candles answer; hashes and few series."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.job import HashWrite, SampleWrite
from pipeline.core.schema import INDICATOR_LATEST, INDICATOR_LATEST_1M
from pipeline.core.types import CandleFlag, CandleWave, IndicatorWave
from pipeline.jobs.indicators import SERIES_COLUMNS, job, slots_of
from tests.fakes.bars import candles
from tests.fakes.context import context

ROWS = candles(260)


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
    assert out[0].warm.all()
    assert not none[0].warm.all()
    assert np.isfinite(none[0].values).all()


def test_the_hash_holds_what_is_warm():
    state = job.initial(context())
    job_out = [list(job.step(state, live(ROWS[i : i + 1]), 1)) for i in range(30)]
    fields = next(o for o in job_out[-1] if isinstance(o, HashWrite)).fields
    assert fields["close"] == ROWS["close"][29]
    assert "rsi_14" in fields
    assert "ema_200" not in fields
    assert fields["time"].endswith("+05:30")


def test_timeframes_have_keys_of_their_own():
    rows = np.concatenate([ROWS[:1], ROWS[:1]])
    rows["timeframe"] = [1, 5]
    out = list(job.step(job.initial(context()), live(rows), 1))
    assert [(o.hash, o.labels) for o in out if isinstance(o, HashWrite)] == [
        (INDICATOR_LATEST_1M, ("ALPHA",)),
        (INDICATOR_LATEST, ("ALPHA", "5m")),
    ]


def test_few_columns_become_series():
    state = job.initial(context())
    list(job.step(state, past(ROWS[:250]), 1))
    out = list(job.step(state, live(ROWS[250:251]), 1))
    assert [o.labels for o in out if isinstance(o, SampleWrite)] == [("ALPHA", "1m", c) for c in SERIES_COLUMNS]


def test_slots():
    rows = ROWS[:3].copy()
    rows["sid"], rows["timeframe"] = [0, 1, 1], [1, 3, 60]
    assert slots_of(rows, 2).tolist() == [0, 7, 11]


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
