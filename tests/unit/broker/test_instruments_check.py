import json

import pytest

from pipeline.broker.instruments import read_master, rows_of
from pipeline.broker.instruments_check import SHOWN, validate
from pipeline.core.session import ist_ms
from pipeline.core.watchlist import WatchEntry, parse_watchlist
from pipeline.simulator.listing import sample_instruments

DATE = "2026-11-20"
EQ = {
    "segment": "NSE_EQ", "instrument_key": "NSE_EQ|INE002A01018", "isin": "INE002A01018", "trading_symbol": "RELIANCE", "instrument_type": "EQ",
    "lot_size": 1, "freeze_quantity": 100000.0, "tick_size": 10.0,
}  # fmt: skip
CE = {
    "segment": "NSE_FO", "instrument_key": "NSE_FO|50912", "trading_symbol": "NIFTY 25000 CE 26 NOV 26", "instrument_type": "CE", "lot_size": 65,
    "freeze_quantity": 1800.0, "tick_size": 5.0, "expiry": ist_ms("2026-11-26", "23:59:59"), "strike_price": 25000.0, "underlying_key": "NSE_INDEX|Nifty 50",
}  # fmt: skip
INDEX = {"segment": "NSE_INDEX", "instrument_key": "NSE_INDEX|Nifty 50", "trading_symbol": "NIFTY", "instrument_type": "INDEX"}
WATCH = (WatchEntry("RELIANCE", EQ["instrument_key"], "Reliance"), WatchEntry("Nifty 50", INDEX["instrument_key"], "Nifty"))


def report(*rows, watch=WATCH):
    return validate(rows or (EQ, CE, INDEX), watch, DATE, "f.json.gz")


def test_a_sound_file_is_fit_and_the_watchlist_is_tried_out():
    found = report()
    assert (found.is_fit, found.rows, dict(found.segments), dict(found.counts)) == (True, 3, {"NSE_EQ": 1, "NSE_FO": 1, "NSE_INDEX": 1}, {})
    share, index = found.watched
    assert share == {
        "symbol": "RELIANCE", "key": EQ["instrument_key"], "is_fit": True, "tick_paise": 10, "lot": 1, "freeze": 100000, "cas": False,
        "trial_buy_paise": 100000, "trial_sell_paise": 100010, "largest_order": 100000,
    }  # fmt: skip
    assert index["is_fit"] is True
    json.dumps(found.plain(), allow_nan=False)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (EQ | {"segment": "NSE_FO"}, "key_segment"),
        (EQ | {"tick_size": 7.0}, "tick_size"),
        (EQ | {"tick_size": 0}, "tick_size"),
        (EQ | {"tick_size": "10"}, "tick_size"),
        (EQ | {"lot_size": 1.5}, "lot_size"),
        (EQ | {"lot_size": None}, "lot_size"),
        (EQ | {"freeze_quantity": 0.0}, "freeze_quantity"),
        (CE | {"freeze_quantity": 64.0}, "freeze_quantity"),
        (EQ | {"isin": "INE000000000"}, "isin"),
        (CE | {"expiry": None}, "expiry"),
        (CE | {"expiry": ist_ms("2026-11-19", "23:59:59")}, "expired"),
        (CE | {"strike_price": 0.0}, "strike_price"),
        (CE | {"strike_price": True}, "strike_price"),
        (CE | {"underlying_key": ""}, "underlying_key"),
        (CE, "key_twice"),
    ],
)
def test_each_fault_of_a_row_is_found_and_named(row, code):
    others = [CE] if code == "key_twice" else []
    found = report(*others, row, watch=())
    assert code in found.counts
    assert found.findings[0] == {
        "code": code,
        "key": row["instrument_key"],
        "symbol": row["trading_symbol"],
        "words": found.findings[0]["words"],
    }
    assert found.is_fit, "a fault outside the watchlist is told, and stops nobody"


def test_a_contract_that_ends_today_has_not_expired():
    assert not report(CE | {"expiry": ist_ms(DATE, "23:59:59")}, watch=()).counts


def test_a_file_in_rupees_is_unfit():
    in_rupees = [EQ | {"tick_size": 0.1}, CE | {"tick_size": 0.05}, INDEX]
    found = report(*in_rupees, watch=())
    assert not found.is_fit
    assert "2 of 2 tick sizes are fractions of a paisa: the file is in rupees" in found.faults[0]
    assert not report(*in_rupees).watched[0]["is_fit"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([INDEX, CE], "RELIANCE: NSE_EQ|INE002A01018 is not in the instrument file"),
        ([INDEX, EQ | {"trading_symbol": "OTHER"}], "RELIANCE: NSE_EQ|INE002A01018 is OTHER in the instrument file"),
        ([INDEX, EQ | {"lot_size": 70_000, "freeze_quantity": 60_000.0}], "RELIANCE: no order fits tick 10, lot 70000, freeze 60000"),
        ([], "the file has no rows"),
    ],
)
def test_a_watched_paper_that_cannot_be_traded_makes_the_file_unfit(rows, words):
    found = validate(rows, WATCH, DATE, "f")
    assert not found.is_fit
    assert any(words in fault for fault in found.faults)


def test_findings_are_kept_up_to_a_number_and_all_counted():
    found = report(*(EQ | {"tick_size": 3.0, "instrument_key": f"NSE_EQ|{n}", "isin": str(n)} for n in range(500)), watch=())
    assert (len(found.findings), found.counts["tick_size"]) == (SHOWN, 500)


def test_the_sample_is_fit():
    rows = sample_instruments(DATE)
    watch = parse_watchlist([{"symbol": r["trading_symbol"], "instrument_key": r["instrument_key"]} for r in rows], "w")
    found = validate(rows, watch, DATE, "sample")
    assert found.is_fit
    assert not found.counts


def test_a_recorded_file_is_judged_whole(shared_data):
    content = (shared_data / "instruments" / "upstox_NSE_2025-12-16.json.gz").read_bytes()
    watch = (WatchEntry("RELIANCE", "NSE_EQ|INE002A01018", ""), WatchEntry("NIFTY 50", "NSE_INDEX|Nifty 50", ""))
    found = validate(rows_of(content, "recorded"), watch, "2025-12-16", "recorded")
    assert found.is_fit, found.faults
    assert found.rows == 73_107
    assert found.segments["NSE_FO"] == 36_146
    assert found.counts == {"expired": 552}, "currency contracts of the Friday before"
    assert found.watched[0]["tick_paise"] == 10
    assert set(read_master(content, "recorded", set())) >= {entry.instrument_key for entry in watch}
