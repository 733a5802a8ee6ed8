"""Is an instrument file fit to trade on? Every row looked at, the watchlist's tried out; the answer as plain values.

Reads   rows of the file (tick sizes in paise), the watchlist, the day
Writes  a Report for ``validation_YYYYMMDD.json``: counts by segment and finding, the first findings, each watched paper

The paise trap: the JSON files give tick sizes in paise (RELIANCE 10.0), the older CSV form in rupees (0.1). Most shares
and contracts with a fraction of a paisa as their tick mean that a whole file is in the wrong unit: nothing of it may be
used. Pure: the rows are handed in.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.errors import Refused
from pipeline.core.money import round_to_tick, whole_lots
from pipeline.core.session import ist_ms
from pipeline.core.types import Instrument, Side
from pipeline.core.watchlist import WatchEntry, instruments_from

SHOWN = 100
"""Findings that are kept in full; all are counted."""
TICKS_PAISE = frozenset({1, 5, 10, 20, 50, 100, 500})
"""Cash bands, and 20 for index futures."""
CASH_AND_FO = ("NSE_EQ", "BSE_EQ", "NSE_FO", "BSE_FO")
OPTIONS = ("CE", "PE")
TRIAL_PAISE = 1_000_03
"""A price that lies on no tick but that of one paisa."""


@dataclass(slots=True)
class Report:
    """``is_fit``: the unit is right and every watched paper is whole. Findings in other rows are counted and told only."""

    date: str
    file: str
    rows: int = 0
    segments: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[dict[str, str]] = field(default_factory=list)
    watched: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What makes the file unfit, in words."""

    @property
    def is_fit(self) -> bool:
        return not self.faults

    def plain(self) -> dict[str, Any]:
        """Give it as it stands in the JSON file."""
        return {
            "date": self.date,
            "file": self.file,
            "is_fit": self.is_fit,
            "faults": self.faults,
            "rows": self.rows,
            "segments": dict(sorted(self.segments.items())),
            "counts": dict(sorted(self.counts.items())),
            "findings": self.findings,
            "watched": self.watched,
        }


def validate(rows: Iterable[Mapping[str, Any]], entries: Sequence[WatchEntry], date_iso: str, file: str) -> Report:
    """Look at every row, and try the watchlist's papers out."""
    report = Report(date_iso, file)
    wanted = {entry.instrument_key for entry in entries}
    kept: dict[str, Mapping[str, Any]] = {}
    seen: set[str] = set()
    opens = ist_ms(date_iso, "00:00")
    priced = fractions = 0
    for row in rows:
        key, segment = str(row["instrument_key"]), str(row.get("segment", ""))
        report.rows += 1
        report.segments[segment] += 1
        if segment in CASH_AND_FO:
            priced += 1
            fractions += _number(row, "tick_size") % 1 > 0
        for code, words in _objections(row, key, segment, opens):
            _note(report, code, key, row, words)
        if key in seen:
            _note(report, "key_twice", key, row, "the key stands in an earlier row")
        seen.add(key)
        if key in wanted or segment.endswith(("_EQ", "_INDEX")):
            kept[key] = row
    if report.rows == 0:
        report.faults.append("the file has no rows")
    if fractions * 2 > priced > 0:
        report.faults.append(f"{fractions} of {priced} tick sizes are fractions of a paisa: the file is in rupees, as the old CSV form was")
    for entry in entries:
        _try_out(report, entry, kept)
    return report


def _objections(row: Mapping[str, Any], key: str, segment: str, opens: int) -> Iterable[tuple[str, str]]:
    """Give (code, words) of everything that is wrong with one row."""
    kind = row.get("instrument_type")
    if key.partition("|")[0] != segment:
        yield "key_segment", f"the key is not of the segment {segment!r}"
    if segment.endswith("_INDEX") or kind == "COM":  # not traded: neither tick nor lot
        return
    tick, lot, freeze = (_number(row, name) for name in ("tick_size", "lot_size", "freeze_quantity"))
    if not tick > 0 or (segment in CASH_AND_FO and tick not in TICKS_PAISE):
        yield "tick_size", f"tick_size {row.get('tick_size')!r} is not one of {sorted(TICKS_PAISE)} paise"
    if not lot > 0 or lot % 1 != 0:
        yield "lot_size", f"lot_size {row.get('lot_size')!r} is no positive whole number"
    if segment in CASH_AND_FO and not freeze >= max(lot, 1):
        yield "freeze_quantity", f"freeze_quantity {row.get('freeze_quantity')!r} is below one lot of {row.get('lot_size')!r}"
    if segment.endswith("_EQ") and row.get("isin") != key.partition("|")[2]:
        yield "isin", f"isin {row.get('isin')!r} is not that of the key"
    if kind in (*OPTIONS, "FUT"):
        expiry = _number(row, "expiry")
        if not expiry > 0:
            yield "expiry", "a contract without an expiry"
        elif expiry < opens:
            yield "expired", "the contract ended before this day"
    if kind in OPTIONS and not _number(row, "strike_price") > 0:
        yield "strike_price", f"strike_price {row.get('strike_price')!r} is no price"
    if kind in OPTIONS and segment in CASH_AND_FO and not row.get("underlying_key"):
        yield "underlying_key", "an option without its underlying"


def _try_out(report: Report, entry: WatchEntry, kept: Mapping[str, Mapping[str, Any]]) -> None:
    """Make the instrument as the day's start would, and put a trial order on its ticks and lots."""
    try:
        found = instruments_from((entry,), kept)[0]
        trial = _trial(found)
    except Refused as error:
        report.faults.append(str(error))
        report.watched.append({"symbol": entry.symbol, "key": entry.instrument_key, "is_fit": False, "why": str(error)})
        return
    numbers = {"tick_paise": found.tick_size_paise, "lot": found.lot_size, "freeze": found.freeze_qty, "cas": found.is_cas_eligible}
    report.watched.append({"symbol": entry.symbol, "key": entry.instrument_key, "is_fit": True, **numbers, **trial})


def _trial(paper: Instrument) -> dict[str, int]:
    """Round a price that lies on no tick for both sides, and cut a quantity to whole lots below the freeze.

    Raises:
        Refused: ticks and lots do not fit together.
    """
    if paper.is_index:
        return {}
    buy, sell = (round_to_tick(TRIAL_PAISE, paper.tick_size_paise, side) for side in Side)
    qty = whole_lots(paper.freeze_qty, paper.lot_size)
    if buy % paper.tick_size_paise or sell % paper.tick_size_paise or not buy <= TRIAL_PAISE <= sell or qty <= 0:
        raise Refused(f"{paper.symbol}: no order fits tick {paper.tick_size_paise}, lot {paper.lot_size}, freeze {paper.freeze_qty}")
    return {"trial_buy_paise": buy, "trial_sell_paise": sell, "largest_order": qty}


def _note(report: Report, code: str, key: str, row: Mapping[str, Any], words: str) -> None:
    report.counts[code] += 1
    if len(report.findings) < SHOWN:
        report.findings.append({"code": code, "key": key, "symbol": str(row.get("trading_symbol", "")), "words": words})


def _number(row: Mapping[str, Any], name: str) -> float:
    """Read a number; what is none is NaN, which fulfils no condition."""
    value = row.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
