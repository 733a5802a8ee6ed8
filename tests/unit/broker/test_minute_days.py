"""Minutes of a day with holes and fillers: what was quiet is counted, and no longer candle opens with a price at which nothing traded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.archive.period import Period
from pipeline.broker.candle_rows import candle_of
from pipeline.broker.minute_days import MinuteDays, has_trade
from pipeline.core.candle import Lineage
from pipeline.core.session import Group, ist_ms
from pipeline.core.types import TIMEFRAMES
from pipeline.market import candles
from tests.fakes.archive import CALENDAR, STOCK, minutes_of

DAYS = ("2026-11-17", "2026-11-18", "2026-11-19")
FIVE = Period("minutes", 5)
LATE = ist_ms("2026-11-20", "09:00")
INDEX = replace(STOCK, instrument_key="NSE_INDEX|Nifty 50", is_index=True)


def found_of(bars, minutes=1, lineage=Lineage.HISTORICAL):
    return [(candle_of(bar, minutes, CALENDAR, Group.EQ), lineage, 0) for bar in bars]


def at(*clocks: str, day: str = DAYS[2]) -> np.ndarray:
    """Bars of these minutes of a day."""
    bars = minutes_of(day)
    return bars[np.isin(bars["ts"], [ist_ms(day, clock) for clock in clocks])]


def test_quiet_minutes_are_counted_back_to_the_last_trade_or_the_open():
    bars = np.concatenate([at("15:28", day=DAYS[1]), at("09:18", "09:19", "09:30", "15:29")])
    assert [quiet for _, _, quiet in MinuteDays(found_of(bars), STOCK, CALENDAR).counted()] == [0, 3, 0, 10, 358]


def test_a_pause_is_not_quiet():
    bars = at("09:58", "11:31", day="2024-03-02")  # 09:15 to 10:00, and 11:30 to 12:30
    assert [quiet for _, _, quiet in MinuteDays(found_of(bars), STOCK, CALENDAR).counted()] == [0, 1]


@pytest.mark.parametrize("minutes", TIMEFRAMES[1:])
def test_longer_candles_of_whole_days_are_those_of_the_live_kernel(minutes):
    bars = minutes_of(*DAYS)
    bars = bars[np.random.default_rng(7).random(len(bars)) < 0.4]
    made = MinuteDays(found_of(bars), STOCK, CALENDAR).instead([], minutes, LATE)
    rows = np.zeros(len(bars), candles.CANDLE)
    for name in ("ts", "open", "high", "low", "close", "volume"):
        rows[name] = bars[name]
    want = [candles.longer(rows[bars["ts"] >= ist_ms(d, "00:00")], candles.windows_of([CALENDAR.day(d).hours(Group.EQ)]), (minutes,)) for d in DAYS[1:]]  # fmt: skip
    assert [c[0] for c, _, _ in made] == np.concatenate(want)["ts"].tolist()
    assert [c[2:6] for c, _, _ in made] == np.concatenate(want)[["open", "high", "low", "close"]].tolist()


def test_the_brokers_candle_that_opens_with_a_filler_gives_way():
    """09:15 had no trade: the broker's five minutes open with the close before, ours with the first trade."""
    bars = np.concatenate([minutes_of(DAYS[1])[-1:], minutes_of(DAYS[2])[1:5]])
    painted = minutes_of(DAYS[2], period=FIVE)[:1]
    painted["open"] = 50.0
    (made,) = MinuteDays(found_of(bars, lineage=Lineage.ARCHIVE), STOCK, CALENDAR).instead(found_of(painted, 5), 5, LATE)
    assert made[0][0] == painted["ts"][0]
    assert made[0][2] == bars["open"][1]
    assert made[1] is Lineage.ARCHIVE


def test_days_that_are_not_whole_stay_the_brokers():
    theirs = found_of(minutes_of(*DAYS, period=FIVE), 5)
    days = MinuteDays(found_of(minutes_of(*DAYS[1:])[7:]), STOCK, CALENDAR)
    mixed = days.instead(theirs, 5, LATE)
    assert mixed[:150] == theirs[:150], "the first day of the minutes began in its middle"
    assert len(mixed) == len(theirs)
    assert MinuteDays([], STOCK, CALENDAR).instead(theirs, 5, LATE) == theirs


def test_what_is_not_over_is_not_made():
    bars = np.concatenate([minutes_of(DAYS[1])[-1:], minutes_of(DAYS[2])[:33]])
    until = ist_ms(DAYS[2], "09:48")
    made = MinuteDays(found_of(bars), STOCK, CALENDAR).instead([], 15, until)
    assert [c[1] for c, _, _ in made] == [ist_ms(DAYS[2], "09:30"), ist_ms(DAYS[2], "09:45")]


def test_a_filler_is_no_trade_but_of_an_index():
    bars = minutes_of(DAYS[2])[:1]
    bars["volume"] = 0
    ((filler, _, _),) = found_of(bars)
    assert not has_trade(filler, STOCK)
    assert has_trade(filler, INDEX)
