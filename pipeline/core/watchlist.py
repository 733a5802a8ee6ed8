"""The watchlist: what to follow, and the many spellings of one paper.

Reads the parsed ``config/symbols.json`` and the rows of the morning's instrument file (tick sizes there are in
paise); gives instruments whose ``sid`` is their place in the list. Never reads a file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core.errors import Refused
from pipeline.core.registry import did_you_mean
from pipeline.core.types import Instrument

FIELDS = ("symbol", "instrument_key", "name", "mode", "subscribe")
MODES = ("ltpc", "full", "option_greeks", "full_d30")
SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9&._ -]{0,47}")
"""No colon and no brace: symbols stand in Redis keys."""
KEY = re.compile(r"(?:NSE|BSE)_(?:EQ\|IN[A-Z0-9]{10}|FO\|[0-9]{1,9}|INDEX\|[A-Za-z0-9][A-Za-z0-9&/._ -]{0,63})")
EXCHANGE_SUFFIX = {".NS": "NSE_", ".BO": "BSE_"}
INDEX_TICK_PAISE = 5
"""Indices are not traded and carry no price step; they are published to five paise."""


@dataclass(frozen=True, slots=True)
class WatchEntry:
    symbol: str
    instrument_key: str
    name: str
    mode: str = ""
    """Feed mode; empty: the one of the settings."""
    is_followed: bool = True


def parse_watchlist(rows: Any, source: str) -> tuple[WatchEntry, ...]:
    """Check the rows of a watchlist.

    Args:
        rows: what the JSON held: a list of ``{"symbol", "instrument_key", "name"}``; the name may be left out. ``"mode"``
            names another feed mode than the settings'; ``"subscribe": false`` leaves the symbol to ``ticktick subscribe``.
        source: the file's name, for messages.

    Raises:
        Refused: one line naming the row and what to write instead.
    """
    if not isinstance(rows, list) or not rows:
        raise Refused(f'{source}: expected a list with at least one {{"symbol", "instrument_key", "name"}} row')
    entries: list[WatchEntry] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        entry = _entry(row, f"{source}: row {number}")
        for word in (entry.symbol.upper(), entry.instrument_key):
            if word in seen:
                raise Refused(f"{source}: row {number}: {word} is in row {seen[word]} already: remove one of them")
            seen[word] = number
        entries.append(entry)
    return tuple(entries)


def instruments_from(entries: Sequence[WatchEntry], master: Mapping[str, Mapping[str, Any]]) -> tuple[Instrument, ...]:
    """Look each entry up in the instrument file (rows by instrument key); ``sid`` is the position.

    Raises:
        Refused: an entry is not in the file, stands there under another symbol, or its row is not usable.
    """
    return tuple(_instrument(sid, entry, master) for sid, entry in enumerate(entries))


def resolve(text: str, instruments: Sequence[Instrument]) -> Instrument:
    """Find a paper by ``RELIANCE``, ``RELIANCE.NS`` (any case) or its exact instrument key.

    Raises:
        Refused: it is not in the watchlist; the message offers the nearest symbol.
    """
    asked = text.strip()
    wanted = asked.upper()
    for suffix, exchange in EXCHANGE_SUFFIX.items():
        if wanted.endswith(suffix):
            wanted, asked_exchange = wanted[: -len(suffix)], exchange
            break
    else:
        asked_exchange = ""
    for instrument in instruments:
        if instrument.instrument_key == asked:
            return instrument
        if instrument.symbol.upper() == wanted and instrument.instrument_key.startswith(asked_exchange):
            return instrument
    hint = did_you_mean(wanted, (i.symbol for i in instruments)) or "; add it to config/symbols.json"
    raise Refused(f"{asked!r} is not in the watchlist{hint}")


def _entry(row: Any, where: str) -> WatchEntry:
    if not isinstance(row, dict):
        raise Refused(f'{where}: expected {{"symbol", "instrument_key", "name"}}, found {row!r:.60}')
    for field in row:
        if field not in FIELDS:
            raise Refused(f"{where}: unknown field {field!r}{did_you_mean(str(field), FIELDS) or '; use ' + ', '.join(FIELDS)}")
    for field in FIELDS[:2]:
        if not isinstance(row.get(field), str):
            raise Refused(f"{where}: {field!r} is missing or not a text: write it in quotes")
    symbol, key, name = row["symbol"], row["instrument_key"], row.get("name", row["symbol"])
    if SYMBOL.fullmatch(symbol) is None:
        raise Refused(f"{where}: symbol {symbol!r:.60} is not valid: write the NSE trading symbol, like RELIANCE or M&M")
    if KEY.fullmatch(key) is None:
        raise Refused(f"{where}: instrument_key {key!r:.60} is not valid: write it like NSE_EQ|INE002A01018, with the ISIN")
    if not isinstance(name, str):
        raise Refused(f"{where}: 'name' is not a text: write it in quotes or leave it out")
    mode, is_followed = row.get("mode", ""), row.get("subscribe", True)
    if mode and mode not in MODES:
        raise Refused(f"{where}: mode {mode!r:.40} is none{did_you_mean(str(mode), MODES) or ': use ' + ', '.join(MODES)}")
    if not isinstance(is_followed, bool):
        raise Refused(f"{where}: 'subscribe' is neither true nor false")
    return WatchEntry(symbol, key, name, mode, is_followed)


def _instrument(sid: int, entry: WatchEntry, master: Mapping[str, Mapping[str, Any]]) -> Instrument:
    row = master.get(entry.instrument_key)
    if row is None:
        raise Refused(f"{entry.symbol}: {entry.instrument_key} is not in the instrument file{_nearest(entry, master)}")
    segment = entry.instrument_key.partition("|")[0]
    listed = str(row.get("trading_symbol", entry.symbol))
    if segment.endswith("_EQ") and listed.upper() != entry.symbol.upper():
        # The key rules at the broker: a wrong one would trade another company under this name.
        raise Refused(f"{entry.symbol}: {entry.instrument_key} is {listed} in the instrument file: correct the symbol or the key")
    is_index = segment.endswith("_INDEX")
    return Instrument(
        sid=sid,
        symbol=entry.symbol,
        instrument_key=entry.instrument_key,
        name=entry.name,
        tick_size_paise=_whole(row, "tick_size", entry.symbol) if not is_index else INDEX_TICK_PAISE,
        lot_size=_whole(row, "lot_size", entry.symbol) if not is_index else 1,
        freeze_qty=_whole(row, "freeze_quantity", entry.symbol) if not is_index else 0,
        is_cas_eligible=row.get("cas_eligible") is True,
        is_index=is_index,
        mode=entry.mode,
        is_followed=entry.is_followed,
    )


def _whole(row: Mapping[str, Any], field: str, symbol: str) -> int:
    number = row.get(field)
    if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number) and number == int(number) > 0:
        return int(number)
    raise Refused(f"{symbol}: {field} is {number!r} in the instrument file, not a positive whole number: fetch the file again")


def _nearest(entry: WatchEntry, master: Mapping[str, Mapping[str, Any]]) -> str:
    """Offer the key that the symbol has today (an ISIN changes with a split), or the nearest names of its segment."""
    segment = entry.instrument_key.partition("|")[0]
    keys = {str(row.get("trading_symbol", "")): key for key, row in master.items() if key.startswith(f"{segment}|")}
    if entry.symbol in keys:
        return f": {entry.symbol} is {keys[entry.symbol]} today, write that key into the watchlist"
    return did_you_mean(entry.symbol, keys) or ": remove it from the watchlist or refresh the file"
