"""The watchlist, the shipped one and wrong ones, and the spellings of a paper."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.broker.plan import MODES as PLAN_MODES
from pipeline.core.errors import Refused
from pipeline.core.types import Instrument
from pipeline.core.watchlist import MODES, WatchEntry, instruments_from, parse_watchlist, resolve

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = json.loads((ROOT / "config" / "symbols.json").read_text(encoding="utf-8"))
RELIANCE = "NSE_EQ|INE002A01018"
TCS = "NSE_EQ|INE467B01029"


def row(symbol: str = "RELIANCE", key: str = RELIANCE, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "instrument_key": key, "name": "A name", **more}


def listed(symbol: str, **more: Any) -> dict[str, Any]:
    return {"trading_symbol": symbol, "tick_size": 10.0, "lot_size": 1, "freeze_quantity": 100000.0, **more}


MASTER: dict[str, dict[str, Any]] = {
    RELIANCE: listed("RELIANCE", cas_eligible=True),
    TCS: listed("TCS"),
    "NSE_FO|51460": listed("BANKNIFTY 59400 CE 30 DEC 25", tick_size=5.0, lot_size=35, freeze_quantity=600.0),
    "NSE_INDEX|Nifty 50": {"trading_symbol": "NIFTY", "instrument_type": "INDEX"},
}


def instruments() -> tuple[Instrument, ...]:
    return instruments_from([WatchEntry("RELIANCE", RELIANCE, "Reliance"), WatchEntry("TCS", TCS, "TCS")], MASTER)


def test_the_shipped_watchlist_has_fifteen_papers() -> None:
    entries = parse_watchlist(SHIPPED, "symbols.json")
    assert len(entries) == 15
    assert entries[0] == WatchEntry("RELIANCE", RELIANCE, "Reliance Industries")


def test_the_shipped_watchlist_stands_in_the_real_instrument_file(shared_data: Path) -> None:
    with gzip.open(shared_data / "instruments" / "upstox_NSE_2025-12-16.json.gz", "rt", encoding="utf-8") as file:
        master = {r["instrument_key"]: r for r in json.load(file)}
    found = instruments_from(parse_watchlist(SHIPPED, "symbols.json"), master)
    assert [i.sid for i in found] == list(range(15))
    by_symbol = {i.symbol: i for i in found}
    assert (by_symbol["RELIANCE"].tick_size_paise, by_symbol["SBIN"].tick_size_paise, by_symbol["MARUTI"].tick_size_paise) == (10, 5, 100)
    assert all(i.lot_size == 1 and i.freeze_qty > 0 and not i.is_index for i in found)


def test_mode_and_subscription_travel_to_the_instrument() -> None:
    entries = parse_watchlist([row(mode="ltpc", subscribe=False), row("TCS", TCS)], "s")
    found = instruments_from(entries, MASTER)
    assert [(i.mode, i.is_followed) for i in found] == [("ltpc", False), ("", True)]


def test_modes_are_those_of_the_planner() -> None:
    assert set(MODES) == set(PLAN_MODES)


def test_the_name_may_be_left_out() -> None:
    assert parse_watchlist([{"symbol": "TCS", "instrument_key": TCS}], "s") == (WatchEntry("TCS", TCS, "TCS"),)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, "expected a list"),
        ({}, "expected a list"),
        ([], "at least one"),
        (["RELIANCE"], "row 1: expected"),
        ([row(), row("TCS", TCS, simbol="x")], "row 2: unknown field 'simbol'; did you mean 'symbol'?"),
        ([row(mode="fulll")], "row 1: mode 'fulll' is none; did you mean 'full'"),
        ([row(mode=5)], "row 1: mode 5 is none"),
        ([row(subscribe="no")], "row 1: 'subscribe' is neither true nor false"),
        ([row(zzz=1)], "unknown field 'zzz'; use symbol, instrument_key, name"),
        ([{"symbol": "TCS"}], "row 1: 'instrument_key' is missing"),
        ([row(symbol=5)], "'symbol' is missing or not a text"),
        ([row(symbol="A:B")], "symbol 'A:B' is not valid"),
        ([row(symbol="A{0}")], "is not valid"),
        ([row(symbol="")], "is not valid"),
        ([row(key="RELIANCE")], "write it like NSE_EQ|INE002A01018"),
        ([row(key="NSE_EQ|INE002A0101")], "instrument_key"),
        ([row(key="NSE_EQ|INE002A01018\n")], "instrument_key"),
        ([row(name=3)], "'name' is not a text"),
        ([row(), row("reliance", TCS)], "row 2: RELIANCE is in row 1 already"),
        ([row(), row("TCS", RELIANCE)], "NSE_EQ|INE002A01018 is in row 1 already"),
    ],
)
def test_a_wrong_watchlist_is_refused_in_one_line_naming_the_row(rows: Any, words: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_watchlist(rows, "symbols.json")
    assert words in str(caught.value)
    assert str(caught.value).startswith("symbols.json: ")
    assert "\n" not in str(caught.value)


def test_instruments_take_ticks_in_paise_lots_and_the_auction_flag_from_the_file() -> None:
    entries = parse_watchlist(
        [row(), row("BANKNIFTY 59400 CE", "NSE_FO|51460"), row("NIFTY 50", "NSE_INDEX|Nifty 50")],
        "symbols.json",
    )
    share, option, index = instruments_from(entries, MASTER)
    assert share == Instrument(0, "RELIANCE", RELIANCE, "A name", 10, 1, 100_000, is_cas_eligible=True)
    assert option == Instrument(1, "BANKNIFTY 59400 CE", "NSE_FO|51460", "A name", 5, 35, 600, is_cas_eligible=False)
    assert index.is_index
    assert not index.is_cas_eligible
    assert (index.sid, index.lot_size, index.freeze_qty) == (2, 1, 0)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (WatchEntry("RELIANCE", "NSE_EQ|INE002A01099", ""), "RELIANCE is NSE_EQ|INE002A01018 today"),
        (WatchEntry("RELIANC", "NSE_EQ|INE002A01099", ""), "not in the instrument file; did you mean 'RELIANCE'?"),
        (WatchEntry("ZZZZ", "NSE_EQ|INE002A01099", ""), "remove it from the watchlist"),
        (WatchEntry("INFY", TCS, ""), "INFY: NSE_EQ|INE467B01029 is TCS in the instrument file"),
    ],
)
def test_an_entry_that_the_file_does_not_know_is_refused_in_one_line(entry: WatchEntry, words: str) -> None:
    with pytest.raises(Refused) as caught:
        instruments_from([entry], MASTER)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{entry.symbol}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["tick_size", "lot_size", "freeze_quantity"])
@pytest.mark.parametrize("wrong", [None, 0, -5.0, "10", True, 0.5, float("nan"), float("inf")])
def test_a_row_without_usable_numbers_is_refused(field: str, wrong: Any) -> None:
    with pytest.raises(Refused, match=field):
        instruments_from([WatchEntry("TCS", TCS, "")], {TCS: {**listed("TCS"), field: wrong}})


@pytest.mark.parametrize("text", ["RELIANCE", "reliance", " Reliance ", "RELIANCE.NS", "reliance.ns", RELIANCE])
def test_all_spellings_find_the_same_paper(text: str) -> None:
    assert resolve(text, instruments()).sid == 0


def test_a_suffix_of_another_exchange_is_not_the_same_paper() -> None:
    with pytest.raises(Refused, match="not in the watchlist"):
        resolve("RELIANCE.BO", instruments())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RELIANEC", "'RELIANEC' is not in the watchlist; did you mean 'RELIANCE'?"),
        ("TSC.NS", "did you mean 'TCS'?"),
        ("WIPRO", "add it to config/symbols.json"),
        ("nse_eq|ine002a01018", "not in the watchlist"),
        ("", "not in the watchlist"),
    ],
)
def test_an_unknown_paper_offers_the_nearest(text: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        resolve(text, instruments())
    assert words in str(caught.value)
