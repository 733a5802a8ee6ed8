from pipeline.core.session import ist_clock, ist_ms
from pipeline.simulator.exchange import load_calendar
from pipeline.simulator.phases import status_at, statuses

DATE = "2026-11-20"


def test_a_day_of_the_closing_auction():
    day = load_calendar().day(DATE)
    told = statuses(day, ist_ms(DATE, "16:00"))
    words = [(ist_clock(ts), s.segments["NSE_EQ"], s.cas.get("NSE_EQ", ("",))[0], s.pre_open.get("NSE_EQ", ("",))[0]) for ts, s in told]
    assert words[0] == ("09:00:00", "PRE_OPEN_START", "", "PRE_OPEN_START")
    assert ("09:05:00", "PRE_OPEN_START", "", "PRE_OPEN_M_END") in words
    assert ("09:15:00", "NORMAL_OPEN", "", "PRE_OPEN_END") in words
    assert [w[2] for w in words if w[2]][:1] == ["CTS_CLOSE"]
    assert next(ist_clock(ts) for ts, s in told if s.cas.get("NSE_EQ", ("",))[0] == "CAS_STOP") == "15:30:00"
    assert words[-1][1] == "CLOSING_END"
    assert [ts for ts, _ in told] == sorted({ts for ts, _ in told})


def test_before_the_closing_auction_existed():
    day = load_calendar().day("2025-12-15")
    told = statuses(day, ist_ms("2025-12-15", "16:00"))
    assert all(not s.cas for _, s in told)
    assert status_at(told, ist_ms("2025-12-15", "12:00")).segments["NSE_EQ"] == "NORMAL_OPEN"
    assert status_at(told, ist_ms("2025-12-15", "15:31")).segments["NSE_EQ"] == "NORMAL_CLOSE"


def test_a_cut_day_ends_where_it_is_cut():
    day = load_calendar().day(DATE)
    told = statuses(day, ist_ms(DATE, "09:45"))
    assert told[-1][0] == ist_ms(DATE, "09:45")
    assert set(told[-1][1].segments.values()) == {"CLOSING_END"}
    assert status_at(told, ist_ms(DATE, "08:00")).segments["NSE_EQ"] == "NORMAL_CLOSE"
