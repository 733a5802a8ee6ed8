"""The exchange's clock against the shipped calendar and against days with trading that were really seen."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.core.errors import Refused
from pipeline.core.session import Calendar, Group, Phase, group_of, ist_clock, ist_date, ist_ms, ist_text
from pipeline.core.types import Instrument

ROOT = Path(__file__).resolve().parents[3]
ROWS = json.loads((ROOT / "config" / "holidays.json").read_text(encoding="utf-8"))
CALENDAR = Calendar.from_rows(ROWS)

OLD, CAS, NOW = "2024-06-03", "2026-08-03", "2026-11-20"


@pytest.mark.parametrize(
    ("day", "clock", "group", "phase"),
    [
        (OLD, "08:59:59", Group.EQ, Phase.CLOSED),
        (OLD, "09:00", Group.EQ, Phase.PRE_OPEN),
        (OLD, "09:08", Group.EQ, Phase.PRE_OPEN_MATCH),
        (OLD, "09:14:59", Group.FO, Phase.CLOSED),
        (OLD, "09:15", Group.EQ, Phase.CONTINUOUS),
        (OLD, "15:29:59", Group.EQ_CAS, Phase.CONTINUOUS),
        (OLD, "15:30", Group.EQ_CAS, Phase.CLOSED),
        (OLD, "15:30", Group.FO, Phase.CLOSED),
        (OLD, "15:45", Group.EQ, Phase.POST_CLOSE),
        ("2025-12-05", "09:05", Group.FO, Phase.CLOSED),
        ("2025-12-08", "09:05", Group.FO, Phase.PRE_OPEN),
        ("2026-07-31", "15:20", Group.EQ_CAS, Phase.CONTINUOUS),
        ("2026-07-31", "15:35", Group.FO, Phase.CLOSED),
        (CAS, "15:14:59", Group.EQ_CAS, Phase.CONTINUOUS),
        (CAS, "15:15", Group.EQ_CAS, Phase.AUCTION_REFERENCE),
        (CAS, "15:20", Group.EQ_CAS, Phase.AUCTION),
        (CAS, "15:25", Group.EQ_CAS, Phase.AUCTION_LIMIT),
        (CAS, "15:30", Group.EQ_CAS, Phase.AUCTION_MATCH),
        (CAS, "15:35", Group.EQ_CAS, Phase.CLOSED),
        (CAS, "15:45", Group.EQ, Phase.CLOSED),
        (CAS, "15:50", Group.EQ, Phase.POST_CLOSE),
        (CAS, "15:59:59", Group.EQ_CAS, Phase.POST_CLOSE),
        (CAS, "16:00", Group.EQ_CAS, Phase.CLOSED),
        (CAS, "15:29:59", Group.EQ, Phase.CONTINUOUS),
        (CAS, "15:30", Group.EQ, Phase.CLOSED),
        (CAS, "15:39:59", Group.FO, Phase.CONTINUOUS),
        (CAS, "15:40", Group.FO, Phase.CLOSED),
        (CAS, "15:29:59", Group.INDEX, Phase.CONTINUOUS),
        (CAS, "15:30", Group.INDEX, Phase.CLOSED),
        ("2026-09-04", "09:09", Group.EQ, Phase.PRE_OPEN_MATCH),
        ("2026-09-07", "09:09", Group.EQ, Phase.PRE_OPEN),
        ("2026-09-07", "09:10", Group.EQ_CAS, Phase.PRE_OPEN_MATCH),
        (NOW, "09:05", Group.INDEX, Phase.CLOSED),
    ],
)
def test_phases_follow_the_rules_of_their_date(day: str, clock: str, group: Group, phase: Phase) -> None:
    session = CALENDAR.day(day)
    assert session is not None
    assert session.kind == "regular"
    assert session.phase_at(ist_ms(day, clock), group) is phase


@pytest.mark.parametrize(
    ("day", "kind", "windows"),
    [
        ("2015-11-11", "muhurat", [("17:45", "18:45")]),
        ("2016-10-30", "muhurat", [("18:30", "19:30")]),
        ("2020-02-01", "special", [("09:15", "15:30")]),
        ("2021-11-04", "muhurat", [("18:15", "19:15")]),
        ("2024-01-20", "special", [("09:15", "15:30")]),
        ("2024-03-02", "special", [("09:15", "10:00"), ("11:30", "12:30")]),
        ("2024-05-18", "special", [("09:15", "10:00"), ("11:30", "12:30")]),
        ("2024-11-01", "muhurat", [("18:00", "19:00")]),
        ("2025-02-01", "special", [("09:15", "15:30")]),
        ("2025-10-21", "muhurat", [("13:45", "14:45")]),
        ("2026-02-01", "special", [("09:15", "15:30")]),
    ],
)
def test_special_days(day: str, kind: str, windows: list[tuple[str, str]]) -> None:
    session = CALENDAR.day(day)
    assert session is not None
    assert session.kind == kind
    for group in Group:
        assert [(ist_clock(w.start_ms)[:5], ist_clock(w.end_ms)[:5]) for w in session.continuous(group)] == windows
        assert session.open_ms(group) == ist_ms(day, windows[0][0])
        assert session.close_ms(group) == ist_ms(day, windows[-1][1])
        for earlier, later in pairwise(windows):
            assert session.phase_at(ist_ms(day, earlier[1]), group) is Phase.CLOSED
            assert session.phase_at(ist_ms(day, later[0]), group) is Phase.CONTINUOUS
    assert CALENDAR.reason(day) != ""


@pytest.mark.parametrize(
    ("day", "stocks", "indices"),
    [
        ("2017-07-10", [("12:30", "15:30")], [("09:15", "15:30")]),
        ("2020-03-13", [("09:15", "09:30"), ("10:15", "15:30")], [("09:15", "15:30")]),
        ("2021-02-24", [("09:15", "11:40"), ("15:45", "17:00")], [("09:15", "10:08"), ("15:45", "17:00")]),
    ],
)
def test_days_on_which_stocks_and_indices_kept_other_hours(day: str, stocks: list, indices: list) -> None:
    session = CALENDAR.day(day)
    assert session is not None
    for group in Group:
        windows = [(ist_clock(w.start_ms)[:5], ist_clock(w.end_ms)[:5]) for w in session.continuous(group)]
        assert windows == (indices if group is Group.INDEX else stocks)
        anchor = windows[0][0]
        assert ist_clock(session.candle_start(session.open_ms(group) + 59 * 60_000, 60, group))[:5] == anchor


def test_the_close_of_continuous_trading_per_group_since_the_closing_auction() -> None:
    session = CALENDAR.day(NOW)
    assert session is not None
    closes = {group.value: ist_clock(session.close_ms(group)) for group in Group}
    assert closes == {"EQ": "15:30:00", "EQ_CAS": "15:15:00", "FO": "15:40:00", "INDEX": "15:30:00"}


@pytest.mark.parametrize("day", ["2026-11-08", "2026-11-10", "2026-11-21", "2026-12-25", "2024-05-20", "2027-01-26"])
def test_no_session_on_holidays_weekends_and_days_without_known_hours(day: str) -> None:
    assert CALENDAR.day(day) is None
    assert CALENDAR.reason(day) != ""


def test_a_muhurat_without_hours_says_what_to_do() -> None:
    assert "write its hours into config/holidays.json" in CALENDAR.reason("2026-11-08")


@pytest.mark.parametrize(
    ("day", "before"),
    [("2026-11-20", "2026-11-19"), ("2026-11-09", "2026-11-06"), ("2025-10-23", "2025-10-21"), ("2024-03-04", "2024-03-02")],
)
def test_previous_trading_date(day: str, before: str) -> None:
    assert CALENDAR.previous(day) == before


def test_agrees_with_days_on_which_trading_was_seen(shared_data: Path) -> None:
    """Kite's daily data is complete to 2026-01-09; Yahoo's misses weekend sessions after it."""
    with (shared_data / "calendar" / "nse_trading_days_observed_2000_2026.csv").open(newline="", encoding="utf-8") as file:
        seen = {row["date"] for row in csv.DictReader(file)}
    at, last = date(2024, 1, 1), date(2026, 5, 15)
    while at <= last:
        day = at.isoformat()
        if day != "2026-02-01":
            assert (CALENDAR.day(day) is not None) == (day in seen), day
        at += timedelta(days=1)


def test_every_listed_holiday_is_in_the_calendar(shared_data: Path) -> None:
    with (shared_data / "calendar" / "nse_holidays_2024_2026.csv").open(newline="", encoding="utf-8") as file:
        listed = [row["date"] for row in csv.DictReader(file)]
    for day in listed:
        session = CALENDAR.day(day)
        assert session is None or session.kind == "muhurat", day
        assert CALENDAR.is_listed(day)


def test_listed_years_end_where_the_exchange_has_published() -> None:
    assert CALENDAR.is_listed("2024-01-01")
    assert not CALENDAR.is_listed("2027-06-01")
    assert CALENDAR.is_listed("2016-08-16")
    assert not CALENDAR.is_listed("2014-08-16")


@pytest.mark.parametrize(
    ("clock", "minutes", "start"),
    [
        ("09:15", 60, "09:15"),
        ("10:14:59", 60, "09:15"),
        ("10:15", 60, "10:15"),
        ("15:29:59", 60, "15:15"),
        ("09:29:59", 15, "09:15"),
        ("09:24:59", 10, "09:15"),
        ("09:25", 10, "09:25"),
        ("09:17:59", 3, "09:15"),
        ("12:00:30", 1, "12:00"),
        ("15:35", 5, "15:35"),
        ("09:07", 60, "08:15"),
    ],
)
def test_candles_start_at_multiples_counted_from_the_open(clock: str, minutes: int, start: str) -> None:
    session = CALENDAR.day(NOW)
    assert session is not None
    assert ist_clock(session.candle_start(ist_ms(NOW, clock), minutes)) == f"{start}:00"


def test_instants_are_written_in_ist() -> None:
    ts = ist_ms(NOW, "09:15") + 123
    assert ts == 1_795_146_300_123
    assert ist_text(ts) == "2026-11-20 09:15:00.123 +05:30"
    assert ist_date(ts) == NOW
    assert ist_clock(ts) == "09:15:00"
    assert ist_ms(NOW, "09:15:30") == ts - 123 + 30_000
    assert ist_date(ist_ms(NOW, "00:00")) == NOW
    assert ist_date(ist_ms(NOW, "00:00") - 1) == "2026-11-19"


@pytest.mark.parametrize(
    ("key", "is_cas", "is_index", "group"),
    [
        ("NSE_EQ|INE002A01018", True, False, Group.EQ_CAS),
        ("NSE_EQ|INE002A01018", False, False, Group.EQ),
        ("NSE_FO|51460", False, False, Group.FO),
        ("NSE_INDEX|Nifty 50", False, True, Group.INDEX),
        ("NSE_INDEX|Nifty 50", True, False, Group.INDEX),
        ("BSE_EQ|INE002A01018", False, False, Group.EQ),
    ],
)
def test_group_of(key: str, is_cas: bool, is_index: bool, group: Group) -> None:
    assert group_of(Instrument(0, "X", key, "X", 5, 1, 100, is_cas, is_index)) is group


def test_a_segment_without_session_times_is_refused() -> None:
    with pytest.raises(Refused, match="MCX_FO has no session times"):
        group_of(Instrument(0, "GOLD", "MCX_FO|1", "Gold", 100, 1, 10, is_cas_eligible=False))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"holidays": [{"date": "2026-13-01", "description": "x"}]}, "holidays"),
        ({"holidays": [{"date": "20260101", "description": "x"}]}, "not written as 2026-01-01"),
        ({"holidays": [{"date": "2026-01-01"}]}, "description"),
        ({"special": [{"date": "2026-01-01", "kind": "party", "description": "x", "phases": "regular"}]}, "party"),
        ({"special": [{"date": "2026-01-01", "kind": "muhurat", "description": "x", "phases": "soon"}]}, "2026-01-01"),
        ({"special": [{"date": "2026-01-01", "kind": "muhurat", "description": "x", "phases": []}]}, "no CONTINUOUS"),
        (
            {"special": [{"date": "2026-01-01", "kind": "special", "description": "x", "phases": [["CONTINUOUS", "12:00", "11:00"]]}]},
            "order",
        ),
        ({"regular": ROWS["regular"][:1]}, "no regular row for group EQ_CAS"),
        ({"regular": [{"from": "2010-10-18", "group": "XX", "phases": []}]}, "XX"),
        ({"listed_years": ["soon"]}, "listed_years"),
        ({"observed_closed": [{"year": 2016, "days": ["02-30"]}]}, "observed_closed"),
        (
            {"special": [{"date": "2026-01-01", "kind": "special", "description": "x", "phases": {"EQ": "regular"}}]},
            "give them for EQ, EQ_CAS, FO, INDEX",
        ),
        ({"holidays": None}, "holidays"),
    ],
)
def test_a_wrong_row_is_refused_in_one_line(change: dict[str, object], words: str) -> None:
    with pytest.raises(Refused) as caught:
        Calendar.from_rows({**ROWS, **change})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_section_is_refused() -> None:
    with pytest.raises(Refused, match="regular"):
        Calendar.from_rows({})


def test_bad_dates_and_unknown_times_are_refused() -> None:
    with pytest.raises(Refused, match="is no date"):
        CALENDAR.day("yesterday")
    with pytest.raises(Refused, match="no date and time"):
        ist_ms("2026-11-20", "25:00")
    with pytest.raises(Refused, match="add a regular row"):
        CALENDAR.day("2010-10-15")
    with pytest.raises(Refused, match="no trading day in the"):
        Calendar.from_rows({**ROWS, "holidays": [{"date": f"2023-08-{d:02d}", "description": "shut"} for d in range(1, 32)]}).previous(
            "2023-08-31"
        )
