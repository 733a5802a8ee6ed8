from dataclasses import replace

import numpy as np
import pytest

from pipeline.archive.warm import ArchivedCandles, longer
from pipeline.core.types import TIMEFRAMES
from pipeline.simulator.exchange import load_calendar
from pipeline.simulator.generated import previous_close
from pipeline.simulator.history import History
from pipeline.simulator.listing import DEFAULT_LISTINGS
from tests.fakes.archive import BAR, CALENDAR, STOCK, minutes_of, shelf_with

SPAN = ("2026-11-18", "2026-11-19")


@pytest.mark.parametrize("minutes", TIMEFRAMES)
@pytest.mark.parametrize("day", ["2026-11-18", "2024-03-02", "2021-02-24", "2021-11-04"])
def test_longer_bars_are_the_brokers_own(minutes, day):
    item = DEFAULT_LISTINGS[0]
    past = History(7, "2026-11-20", load_calendar())
    close = previous_close(7, "2026-11-20", item)
    ones = np.array([(b.ts, b.open, b.high, b.low, b.close, b.vol, 0.0) for b in past.minutes(item, close, day)], BAR)
    served = past._intraday(item, close, day, minutes)
    made = longer(ones, minutes, CALENDAR)
    assert made.tolist() == [(b.ts, b.open, b.high, b.low, b.close, b.vol, 0.0) for b in served if b.vol > 0], (
        "what nothing traded in is no candle"
    )


def test_longer_bars_come_of_the_minutes_unless_they_are_there(tmp_path):
    ones = minutes_of(*SPAN)
    archive = ArchivedCandles(shelf_with(tmp_path, ones, "2026-11", covered=(SPAN,)), CALENDAR)
    assert archive.covered(STOCK, 1) == archive.covered(STOCK, 5) == [SPAN]
    assert archive.bars(STOCK, 1, SPAN).tobytes() == ones.tobytes()
    assert len(archive.bars(STOCK, 5, SPAN)) == 150


def test_another_instrument_key_covers_nothing(tmp_path):
    archive = ArchivedCandles(shelf_with(tmp_path, minutes_of(*SPAN), "2026-11", covered=(SPAN,)), CALENDAR)
    assert archive.covered(replace(STOCK, instrument_key="NSE_EQ|INE999A01011"), 1) == []
    assert len(longer(minutes_of(*SPAN)[:0], 5, CALENDAR)) == 0
