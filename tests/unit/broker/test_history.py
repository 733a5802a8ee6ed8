import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.archive.warm import ArchivedCandles
from pipeline.broker import candle_calls
from pipeline.broker.history import HistoryPlan, HistoryReader, spans, waves_of
from pipeline.broker.quota import Limit, ReadBudget
from pipeline.broker.rest import Throttled
from pipeline.core.candle import Lineage
from pipeline.core.errors import Ambiguous, Refused, Unauthorised
from pipeline.core.session import Calendar, Group, group_of, ist_clock, ist_ms
from pipeline.core.types import TIMEFRAMES, CandleFlag, Instrument
from tests.fakes.archive import minutes_of, shelf_with

ROOT = Path(__file__).resolve().parents[3]
CALENDAR = Calendar.from_rows(json.loads((ROOT / "config" / "holidays.json").read_text()))
DATE = "2026-11-20"
STOCK = Instrument(0, "RELIANCE", "NSE_EQ|INE002A01018", "Reliance", 10, 1, 1_000, is_cas_eligible=True)
SMALL = Instrument(1, "SMALL", "NSE_EQ|INE009A01021", "Small", 5, 1, 1_000, is_cas_eligible=False)
NIFTY = Instrument(2, "NIFTY 50", "NSE_INDEX|Nifty 50", "Nifty", 5, 1, 0, is_cas_eligible=False, is_index=True)
OPEN = ist_ms(DATE, "09:15")


def stamp(ts: int, day: str) -> str:
    return f"{day}T{ist_clock(ts)}+05:30"


def day_candles(day: str, minutes: int, until: int = 1 << 62, *, is_cas: bool = False):
    """Candles of a day as the broker serves them: newest first, 09:15 to 15:30; in the closing auction nothing trades."""
    found = []
    if CALENDAR.day(day) is None:
        return found
    start, close = ist_ms(day, "09:15"), ist_ms(day, "15:30")
    while start < min(close, until):
        px = 100.0 + (start // 60_000) % 50
        is_auction = is_cas and day >= "2026-08-03" and start >= ist_ms(day, "15:15")
        found.append([stamp(start, day), px, px + 1, px - 1, px + 0.5, 0 if is_auction else 10 + minutes, 0])
        start += minutes * 60_000
    return found[::-1]


class Broker:
    """Answers like the candle endpoints; ``change(rows)`` lets a test spoil what it serves."""

    is_traded_on = False
    """The stock of the closing auction trades on through it: it was not in it yet."""

    def __init__(self, change=lambda rows: rows, until=1 << 62, fail=()):
        self.asked: list[str] = []
        self._change, self._until, self._fail = change, until, list(fail)

    def get_data(self, path, _query=None):
        self.asked.append(path)
        if self._fail:
            raise self._fail.pop(0)
        parts = path.split("/")
        minutes, is_cas = int(parts[parts.index("minutes") + 1]), "INE002A01018" in path and not self.is_traded_on
        if "intraday" in parts:
            return {"candles": self._change(day_candles(DATE, minutes, self._until, is_cas=is_cas))}
        last, first = date.fromisoformat(parts[-2]), date.fromisoformat(parts[-1])
        assert (last - first).days < (31 if minutes <= 15 else 92), "a span that the broker refuses"
        rows = []
        while last >= first:
            rows += day_candles(last.isoformat(), minutes, is_cas=is_cas)
            last -= timedelta(days=1)
        return {"candles": self._change(rows)}


def fetch(broker, *instruments, depth=None, now=OPEN - 60_000, **plan):
    told: list[tuple[int, int, str]] = []
    reader = HistoryReader(broker, CALENDAR, ReadBudget((Limit(10_000, 1),)), lambda *a: told.append(a))
    found = reader.fetch(instruments or (STOCK,), HistoryPlan(depth or {1: 250}, DATE, now, **plan))
    return found, told


def rows_of(found, sid=0, minutes=1):
    rows = np.concatenate([w.rows for w in found.waves])
    return rows[(rows["sid"] == sid) & (rows["timeframe"] == minutes)]


def test_250_minutes_latest_last_before_the_open():
    found, told = fetch(Broker())
    rows = rows_of(found)
    assert len(rows) == found.candles == 250
    assert np.all(np.diff(rows["ts"]) == 60_000)
    assert rows["ts"][-1] == ist_ms("2026-11-19", "15:14")  # the auction takes over at 15:15
    assert set(rows["flags"]) == {CandleFlag.HISTORY}
    assert found.short == ()
    assert found.refused == ()
    assert told == [(1, 1, "RELIANCE 1m")]


def test_a_stock_that_was_not_in_the_auction_then_traded_on():
    broker = Broker()
    broker.is_traded_on = True
    found, _ = fetch(broker, depth={1: 750, 5: 150, 10: 38})
    for minutes, last, n in ((1, "15:29", 375), (5, "15:25", 75), (10, "15:25", 38)):
        rows = rows_of(found, minutes=minutes)
        assert rows["ts"][-1] == ist_ms("2026-11-19", last)
        assert np.count_nonzero(rows["ts"] >= ist_ms("2026-11-19", "09:15")) == n
    assert found.waves[-1].ts == ist_ms("2026-11-19", "15:30")
    assert all(wave.ts > int(row["ts"]) for wave in found.waves for row in wave.rows)


def quiet_until(clock: str):
    """Turn the minutes before a time of each day into fillers, as the broker does; longer candles open with the filler's price."""

    def change(rows):
        out = []
        for stamped, o, h, low, c, volume, oi in rows:
            if stamped[11:16] < clock and volume == 11:  # of one minute
                o = h = low = c = 50.0
                volume = 0
            out.append([stamped, o, h, low, c, volume, oi])
        return out

    return change


def test_the_brokers_fillers_are_no_candles_and_open_no_longer_one():
    found, _ = fetch(Broker(quiet_until("09:18")), depth={1: 1_000, 5: 150})
    ones, fives = rows_of(found), rows_of(found, minutes=5)
    assert len(ones) == 1_000
    assert (ones["close"] > 99).all()
    firsts = ones[(ones["ts"] + 19_800_000) % 86_400_000 == (9 * 60 + 18) * 60_000]
    assert firsts["quiet"].tolist() == [3, 3]
    assert not ones["quiet"][~np.isin(ones["ts"], firsts["ts"])].any()
    opens = fives[np.isin(fives["ts"], firsts["ts"] - 3 * 60_000)]
    assert opens["open"].tolist() == firsts["open"].tolist(), "made from the minutes that traded"
    assert opens["volume"].tolist() == [22, 22]


def test_longer_candles_without_volume_are_no_candles_either():
    def change(rows):
        return [[*row[:5], 0, 0] if row[0][11:16] == "10:15" else row for row in rows]

    found, _ = fetch(Broker(change), STOCK, NIFTY, depth={60: 12})
    assert ist_clock(int(rows_of(found, 0, 60)["ts"][0])) != "10:15:00"
    assert "10:15:00" not in {ist_clock(int(ts)) for ts in rows_of(found, 0, 60)["ts"]}
    assert "10:15:00" in {ist_clock(int(ts)) for ts in rows_of(found, 2, 60)["ts"]}


def test_other_groups_end_when_they_end():
    found, _ = fetch(Broker(), SMALL, NIFTY, depth={1: 250, 60: 8})
    assert rows_of(found, 1)["ts"][-1] == ist_ms("2026-11-19", "15:29")
    assert rows_of(found, 2, 60)["ts"][-1] == ist_ms("2026-11-19", "15:15")


def test_six_timeframes_deep_enough_in_one_order():
    depth = dict.fromkeys(TIMEFRAMES, 250)
    found, told = fetch(Broker(), STOCK, SMALL, NIFTY, depth=depth)
    assert found.short == ()
    assert found.candles == 3 * 6 * 250
    assert len(told) == 18
    assert told[-1][:2] == (18, 18)
    times = [w.ts for w in found.waves]
    assert times == sorted(set(times)), "one wave for each close instant, in order"
    for wave in found.waves:
        order = list(zip(wave.rows["timeframe"], wave.rows["sid"], strict=True))
        assert order == sorted(set(order))
        for row in wave.rows:
            instrument = (STOCK, SMALL, NIFTY)[row["sid"]]
            close = CALENDAR.day(time_date(row["ts"])).close_ms(group_of(instrument))
            assert wave.ts == min(int(row["ts"]) + int(row["timeframe"]) * 60_000, close)


def time_date(ts):
    from pipeline.core.session import ist_date

    return ist_date(int(ts))


def test_candles_of_today_up_to_now_and_none_that_forms_or_settles():
    now = OPEN + 30 * 60_000 + 20_000
    found, _ = fetch(Broker(until=now), depth={1: 100, 5: 10}, now=now)
    assert rows_of(found)["ts"][-1] == OPEN + 28 * 60_000  # 09:44 is 20 s old and may still change
    assert rows_of(found, minutes=5)["ts"][-1] == OPEN + 20 * 60_000
    is_today = rows_of(found)["ts"] >= OPEN
    assert np.count_nonzero(is_today) == 29
    assert rows_of(found)["lineage"].tolist() == np.where(is_today, Lineage.INTRADAY, Lineage.HISTORICAL).tolist()
    found, _ = fetch(Broker(until=now), depth={1: 100}, now=now, settle_ms=0)
    assert rows_of(found)["ts"][-1] == OPEN + 29 * 60_000


def test_before_the_open_the_intraday_call_is_saved():
    broker = Broker()
    fetch(broker)
    assert broker.asked == ["/v3/historical-candle/NSE_EQ%7CINE002A01018/minutes/1/2026-11-19/2026-11-09"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda r: [*r[:1], r[1], r[3] - 9, *r[3:]], "not in order"),
        (lambda r: [*r[:3], r[2] + 9, *r[4:]], "not in order"),
        (lambda r: [*r[:3], -1.0, *r[4:]], "not in order"),
        (lambda r: [*r[:5], -5, 0], "out of bounds"),
        (lambda r: [*r[:5], 1.5, 0], "out of bounds"),
        (lambda r: [*r[:6], -1], "out of bounds"),
        (lambda r: [*r[:4], "x", *r[5:]], "no number"),
        (lambda r: [*r[:4], None, *r[5:]], "no number"),
        (lambda r: [*r[:4], float("nan"), *r[5:]], "no number"),
        (lambda r: [*r[:5], True, 0], "no number"),
        (lambda r: r[:5], "six or seven"),
        (lambda _r: "x", "six or seven"),
        (lambda r: ["soon", *r[1:]], "no time"),
        (lambda r: [5, *r[1:]], "no time"),
        (lambda r: [r[0][:-6], *r[1:]], "no offset"),
        (lambda r: [r[0].replace(":00+", ":07+"), *r[1:]], "multiple"),
    ],
)
def test_a_bad_candle_is_refused_by_name_and_left_out(spoil, words):
    def change(rows):
        return [spoil(row) if n == 100 else row for n, row in enumerate(rows)]

    found, _ = fetch(Broker(change))
    assert len(found.refused) == 1
    assert words in found.refused[0]
    assert found.refused[0].startswith("RELIANCE 1m: ")
    assert "\n" not in found.refused[0]
    assert found.candles == 250


def test_what_is_no_longer_named_is_counted_and_makes_no_longer_candles():
    """Beyond the first 200 refusals too: minutes that were refused must not pass for minutes without a trade."""
    found, _ = fetch(Broker(lambda rows: [[*row[:5], -5, 0] for row in rows]))
    assert (len(found.refused), found.candles) == (201, 0)
    assert found.refused[-1].endswith(" more")


def test_a_candle_that_comes_twice_is_taken_once_and_named():
    found, _ = fetch(Broker(lambda rows: [rows[20], *rows]))
    assert found.refused == ("RELIANCE 1m: 2026-11-19 15:09:00.000 +05:30: came twice",)
    rows = rows_of(found)
    assert len(set(rows["ts"])) == 250


def test_a_holiday_in_the_answer_is_named():
    extra = ["2026-11-08T09:15:00+05:30", 1, 2, 1, 2, 5, 0]
    found, _ = fetch(Broker(lambda rows: [rows[0], extra, *rows[1:]]))
    assert any("no trading on that day" in why for why in found.refused)


def test_order_of_the_answer_does_not_matter():
    assert rows_of(fetch(Broker())[0]).tobytes() == rows_of(fetch(Broker(lambda rows: rows[::-1]))[0]).tobytes()


def test_too_little_is_said():
    found, _ = fetch(Broker(lambda rows: rows[:100]))
    assert found.short == (("RELIANCE", "1m", found.candles, 250),)
    assert found.candles < 250


def test_one_symbol_that_fails_leaves_the_others():
    broker = Broker(fail=[Refused("the key is wrong")])
    found, _ = fetch(broker, STOCK, SMALL)
    assert found.refused == ("RELIANCE 1m: the key is wrong",)
    assert [s[0] for s in found.short] == ["RELIANCE"]
    assert len(rows_of(found, 1)) == 250


def test_a_lost_answer_is_asked_for_again_in_the_open(monkeypatch):
    monkeypatch.setattr(candle_calls, "PAUSES_S", (0.0, 0.0))
    broker = Broker(fail=[Ambiguous("lost"), Throttled("429")])
    found, _ = fetch(broker)
    assert found.candles == 250
    assert found.calls == len(broker.asked) == 3
    broker = Broker(fail=[Ambiguous("lost")] * 3)
    found, _ = fetch(broker)
    assert found.candles == 0
    assert found.refused == ("RELIANCE 1m: lost",)


def test_a_rejected_token_ends_it():
    with pytest.raises(Unauthorised):
        fetch(Broker(fail=[Unauthorised("401")]))


def test_an_answer_of_another_shape_is_refused():
    class Odd(Broker):
        def get_data(self, _path, _query=None):
            return {"candles": "none"}

    assert "no list of candles" in fetch(Odd())[0].refused[0]


@given(st.sampled_from(TIMEFRAMES), st.integers(1, 3_000))
def test_spans_stay_within_the_limits_do_not_overlap_and_reach_far_enough(minutes, wanted):
    found = spans(DATE, minutes, wanted)
    cap = 30 if minutes <= 15 else 90
    before = date.fromisoformat(DATE)
    trading = 0
    for first, last in found:
        a, b = date.fromisoformat(first), date.fromisoformat(last)
        assert a <= b < before
        assert (b - a).days < cap
        assert b == before - timedelta(days=1)
        before = a
        trading += sum((a + timedelta(days=n)).weekday() < 5 for n in range((b - a).days + 1))
    assert trading * max(1, 360 // minutes) >= wanted * 1.2 or before == date(2022, 1, 1)


def archived(folder, covered, *days):
    bars = minutes_of(*days)
    bars["volume"][(bars["ts"] + 19_800_000) % 86_400_000 >= (15 * 60 + 15) * 60_000] = 0  # the auction
    shelf = shelf_with(folder, bars, "2026-11", covered=covered)
    (series,) = shelf.series()
    held, note = shelf.read_part(series, "2026-11")
    with shelf.writing():
        shelf.put(series, "2026-11", held, replace(note, instrument_key=STOCK.instrument_key))
    return ArchivedCandles(shelf, CALENDAR), shelf, series


def warm(broker, archive, depth, instrument=STOCK):
    reader = HistoryReader(broker, CALENDAR, ReadBudget((Limit(10_000, 1),)), archive=archive)
    return reader.fetch((instrument,), HistoryPlan(depth, DATE, OPEN - 60_000))


def test_what_the_archive_covers_is_not_asked_for(tmp_path):
    archive, _, _ = archived(tmp_path, (("2026-11-16", "2026-11-19"),), "2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19")
    found = warm(broker := Broker(), archive, {1: 250, 5: 100})
    assert (broker.asked, found.calls, found.short, found.refused) == ([], 0, (), ())
    rows = rows_of(found)
    assert (len(rows), rows["ts"][-1]) == (250, ist_ms("2026-11-19", "15:14")), "the same validation: the auction is left out"
    assert set(rows["flags"]) == {CandleFlag.HISTORY}


def test_only_the_rest_is_asked_for_and_both_make_one_history(tmp_path):
    archive, _, _ = archived(tmp_path, (("2026-11-16", "2026-11-17"),), "2026-11-16", "2026-11-17")
    found = warm(broker := Broker(), archive, {1: 1_000})
    assert [path.split("/")[-2:] for path in broker.asked] == [["2026-11-19", "2026-11-18"]]
    rows = rows_of(found)
    assert (len(rows), len(set(rows["ts"]))) == (1_000, 1_000)
    assert set(np.diff(rows["ts"]).tolist()) <= {60_000, (24 * 60 - 359) * 60_000}


def test_a_damaged_archive_costs_calls_and_nothing_else(tmp_path):
    archive, shelf, series = archived(tmp_path, (("2026-11-16", "2026-11-19"),), "2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19")
    path = shelf.folder(series) / "2026-11.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    assert rows_of(warm(Broker(), archive, {1: 250})).tobytes() == rows_of(warm(Broker(), None, {1: 250})).tobytes()


def test_no_candles_no_waves():
    assert waves_of([]) == ()


def test_a_recorded_answer_is_taken_whole(shared_data):
    sample = json.loads((shared_data / "rest_samples" / "upstox_v2_historical_1minute_NSE_FO_35415_2024-07-26.json").read_text())
    rows = sample.get("data", sample)["candles"]
    future = Instrument(0, "FUT", "NSE_FO|35415", "Future", 5, 1, 1, is_cas_eligible=False)

    class Recorded(Broker):
        def get_data(self, path, _query=None):
            return {"candles": rows if len(self.asked) == 0 and not self.asked.append(path) else []}

    reader = HistoryReader(Recorded(), CALENDAR, ReadBudget((Limit(10_000, 1),)))
    found = reader.fetch((future,), HistoryPlan({1: 375}, "2024-07-29", ist_ms("2024-07-29", "09:00")))
    assert found.refused == ()
    got = rows_of(found)
    assert len(got) == 375
    assert got["ts"][0] == ist_ms("2024-07-26", "09:15")
    assert got["close"].tolist() == [row[4] for row in rows[::-1]]
    assert got["volume"].tolist() == [row[5] for row in rows[::-1]]
    assert CALENDAR.day("2024-07-26").close_ms(Group.FO) == found.waves[-1].ts
