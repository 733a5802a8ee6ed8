"""Recorded V3 feed files: JSON lines as decoded by whoever kept them, and the papers they are about.

Reads   a folder of ``NAME.jsonl[.gz]`` (one instrument update a line, with ``_insertion_time``), or one file of
        whole messages (``type``, ``feeds``, ``currentTs``)
Writes  (ts, plain) in time order; watch entries and master rows
Integers come as strings and zeros are left out, as protobuf's JSON does. An instrument file of the same data
set (``../instruments/upstox_NSE_*.json.gz``) gives tick and lot sizes when it is there. Never loads a whole day.
"""

from __future__ import annotations

import gzip
import heapq
import json
import math
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO, cast

from pipeline.core.errors import Refused
from pipeline.core.money import nse_tick_paise
from pipeline.core.session import IST, ist_date
from pipeline.core.watchlist import WatchEntry

_CURRENT = re.compile(r'"currentTs"\s*:\s*"?(\d+)')
_LTT = re.compile(r'"ltt"\s*:\s*"?(\d+)')
_SUFFIXES = (".jsonl", ".jsonl.gz")
SLOW_CLOCK_MS = 10_000
"""A trade further ahead of the receiver's clock than this is a wrong time stamp."""
_OPTION = re.compile(r"[- ](CE|PE)\b")


def record_files(path: Path) -> list[Path]:
    """List the per-instrument files of a folder, by name.

    Raises:
        Refused: there are none.
    """
    found = sorted(p for p in path.glob("*") if p.name.endswith(_SUFFIXES)) if path.is_dir() else []
    if not found:
        raise Refused(f"{path} holds no recording: give a folder of NAME.jsonl.gz files or one file of whole messages")
    return found


def stem(path: Path) -> str:
    """``BANKNIFTY-59400-CE-30DEC25.jsonl.gz`` -> ``BANKNIFTY-59400-CE-30DEC25``."""
    return path.name.removesuffix(".gz").removesuffix(".jsonl")


def records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Merge the instrument files of a folder by receive time; equal times keep the files' order.

    Such recordings do not keep the server's time, and the receiver may have been slow or have stalled. The time
    given is the newest trade seen so far: the least that the server's clock can have shown.
    """
    newest = 0
    for received, plain in heapq.merge(*(_timed(file) for file in record_files(path)), key=lambda row: row[0]):
        traded = int(market_part(plain).get("ltpc", {}).get("ltt", 0))
        if traded <= received + SLOW_CLOCK_MS:
            newest = max(newest, traded)
        yield newest or received, plain


def messages(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Whole messages by ``currentTs`` (the newest trade so far where a recording has none), stable."""
    lines: list[tuple[int, str]] = []
    newest = 0
    with _open(path) as file:
        for line in file:
            found = _CURRENT.search(line)
            if found is None:
                newest = max([newest, *(int(t) for t in _LTT.findall(line))])
            lines.append((newest if found is None else int(found.group(1)), line))
    lines.sort(key=lambda row: row[0])
    return ((ts, _loads(line, path)) for ts, line in lines)


def watch_rows(path: Path | str) -> list[WatchEntry]:
    """Name the papers of a recording, in the order of their files or of their first message."""
    place = Path(path)
    names = {row["instrument_key"]: str(row["trading_symbol"]) for row in master_rows(place)}
    return [WatchEntry(symbol, key, symbol) for key, symbol in names.items()]


def master_rows(path: Path | str) -> list[dict[str, Any]]:
    """Instrument file rows for the papers of a recording.

    Raises:
        Refused: the recording is not there or cannot be read.
    """
    place = Path(path)
    firsts = _firsts(place)
    known = _instrument_file(place, set(firsts), next(iter(firsts.values()))[2])
    return [_master_row(key, symbol, plain, known.get(key), ist_date(ts)) for key, (symbol, plain, ts) in firsts.items()]


def market_part(feed: dict[str, Any]) -> dict[str, Any]:
    """The part of a recorded feed that holds ``ltpc`` and the rest, whatever its mode."""
    full = feed.get("fullFeed", {})
    return cast("dict[str, Any]", full.get("marketFF") or full.get("indexFF") or feed.get("firstLevelWithGreeks") or feed)


def _firsts(path: Path) -> dict[str, tuple[str, dict[str, Any], int]]:
    """First record of each paper: symbol (empty when the file does not say it), feed, time."""
    if path.is_dir():
        firsts = {}
        for file in record_files(path):
            ts, plain = next(_timed(file), (0, {}))
            if "instrumentKey" in plain:
                firsts[str(plain["instrumentKey"])] = (stem(file), plain, ts)
        return firsts
    if not path.is_file():
        raise Refused(f"{path} is not there: give a folder of NAME.jsonl.gz files or one file of whole messages")
    seen: dict[str, tuple[str, dict[str, Any], int]] = {}
    for ts, message in messages(path):
        for key, feed in message.get("feeds", {}).items():
            if key not in seen or "cp" not in market_part(seen[key][1]).get("ltpc", {}):
                seen[key] = ("", feed, ts)
    if not seen:
        raise Refused(f"{path} holds no feed messages: give a recording of the V3 feed")
    return seen


def _timed(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with _open(path) as file:
        for line in file:
            plain = _loads(line, path)
            moment = datetime.fromisoformat(str(plain["_insertion_time"])).replace(tzinfo=IST)
            yield round(moment.timestamp() * 1000), plain


def _open(path: Path) -> TextIO:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _loads(line: str, path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(line)
    except ValueError as error:
        raise Refused(f"{path.name}: a line is no JSON ({error}): the recording is damaged") from error
    if not isinstance(plain, dict):
        raise Refused(f"{path.name}: a line is no JSON object: the recording is damaged")
    return plain


def _instrument_file(path: Path, keys: set[str], ts: int) -> dict[str, dict[str, Any]]:
    """Rows of the instrument file nearest in date, if the data set has one."""
    folders = [parent / "instruments" for parent in path.resolve().parents][:3]
    files = [file for folder in folders if folder.is_dir() for file in sorted(folder.glob("upstox_NSE_20*.json.gz"))]
    if not files:
        return {}
    date = ist_date(ts)
    nearest = min(files, key=lambda f: (abs(_ordinal(f.name) - datetime.fromisoformat(date).toordinal()), f.name))
    with gzip.open(nearest, "rt", encoding="utf-8") as file:
        return {row["instrument_key"]: row for row in json.load(file) if row["instrument_key"] in keys}


def _ordinal(name: str) -> int:
    return datetime.fromisoformat(name.removeprefix("upstox_NSE_").removesuffix(".json.gz")).toordinal()


def _master_row(key: str, symbol: str, plain: dict[str, Any], known: dict[str, Any] | None, date_iso: str) -> dict[str, Any]:
    segment, _, token = key.partition("|")
    name = symbol or (str(known["trading_symbol"]) if known is not None else token)
    if known is not None:
        return {**known, "trading_symbol": name}
    part = market_part(plain)
    row = {"segment": segment, "name": name, "exchange": segment.partition("_")[0], "instrument_key": key}
    row |= {"exchange_token": token, "trading_symbol": name}
    if segment.endswith("_INDEX"):
        return row | {"instrument_type": "INDEX"}
    close = float(part.get("ltpc", {}).get("cp", 0.0))
    is_cash = segment.endswith("_EQ")
    tick = nse_tick_paise(round(close * 100), date_iso) if is_cash and close > 0 else 5
    lot = 1 if is_cash else max(1, math.gcd(*_sizes(part)))
    option = _OPTION.search(name)
    kind = "EQ" if is_cash else option.group(1) if option is not None else "FUT"
    return row | {"instrument_type": kind, "tick_size": float(tick), "lot_size": lot, "freeze_quantity": 100_000.0, "qty_multiplier": 1.0}


def _sizes(part: dict[str, Any]) -> list[int]:
    levels = part.get("marketLevel", {}).get("bidAskQuote", [])
    return [int(level[side]) for level in levels for side in ("bidQ", "askQ") if side in level] or [1]
