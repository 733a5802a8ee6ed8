"""Time-of-day factor: this candle's volume as a multiple of what is usual at its time of day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import DAY, MINUTE, VOLUME, indicator
from pipeline.kernels.jit import kernel

F64 = NDArray[np.float64]
SPAN, FIRST, LAST = 5, 9 * 60, 16 * 60
"""Minutes of one slot of the day; the day from 09:00 to 16:00, which holds every regular session and its closing auction."""
SLOTS = (LAST - FIRST) // SPAN
DAYS = 10
"""The usual follows about so many days: it is an average with alpha 2 / (days + 1), after as many plain ones."""
LEAST = 3
"""Days that a slot must have been seen on before anything is called usual there."""
STATE_DAY, PLACE, SUM, COUNT, USUAL, SEEN = 0, 1, 2, 3, 4, 4 + SLOTS


@kernel
def learn_k(state: F64, i: int) -> None:
    """Fold the mean volume of the slot that is over into what is usual there."""
    if state[COUNT, i] > 0.0:
        usual, seen = USUAL + int(state[PLACE, i]), SEEN + int(state[PLACE, i])
        state[seen, i] = min(state[seen, i] + 1.0, (DAYS + 1.0) / 2.0)
        state[usual, i] += (state[SUM, i] / state[COUNT, i] - state[usual, i]) / state[seen, i]
    state[SUM, i] = 0.0
    state[COUNT, i] = 0.0


@indicator(
    "time_of_day",
    columns=("volume_tod_factor",),
    params=(SPAN, DAYS),
    warmup=1,
    size=4 + 2 * SLOTS,
    degree=0,
    sessions=LEAST,
    has_gaps=True,
)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Volume / usual volume of a candle that starts in the same five minutes of the day, learned from the days before.

    A day never counts for itself: a slot is learned when it is over, and comes once a day. Not defined before three days of a
    slot are known, where no volume is usual, and outside 09:00 to 16:00: the evening session of Diwali tells nothing of a working day.
    state[4 + 84 * 2] (1.3 kB): day, slot, volume and candles of the slot so far; usual volume and days seen by slot.
    """
    for i in range(out.shape[1]):
        minute = bars[MINUTE, i]
        out[0, i] = np.nan
        if np.isnan(minute):
            continue
        place = np.floor((minute - FIRST) / SPAN)
        if state[STATE_DAY, i] != bars[DAY, i] or state[PLACE, i] != place:
            learn_k(state, i)
            state[STATE_DAY, i] = bars[DAY, i]
            state[PLACE, i] = place
        if minute < FIRST or minute >= LAST:
            continue
        usual = state[USUAL + int(place), i]
        if usual > 0.0 and state[SEEN + int(place), i] >= LEAST:
            out[0, i] = bars[VOLUME, i] / usual
        state[SUM, i] += bars[VOLUME, i]
        state[COUNT, i] += 1.0
