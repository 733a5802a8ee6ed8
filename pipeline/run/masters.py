"""The instrument file of the day, tended: fetched, judged, its verdict written down, its papers put where they can be looked up.

Reads   the day's file in ``[paths] data`` (broker/instruments.py), the watchlist
Writes  ``validation_YYYYMMDD.json`` beside it; ``instruments:<segment>`` in Redis: trading symbol -> key, lot, tick, freeze

A share's plain symbol means its ordinary series; another series of the same name stands as ``NAME-SERIES``.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.broker.instruments import MasterConfig, rows_of
from pipeline.broker.instruments_check import Report, validate
from pipeline.broker.instruments_csv import is_csv, rows_of_csv
from pipeline.broker.rest import RestConfig
from pipeline.core.errors import Refused
from pipeline.core.schema import PAPERS, Role
from pipeline.core.watchlist import WatchEntry, parse_watchlist
from pipeline.run.access import read_json
from pipeline.run.options import Settings
from pipeline.simulator.listing import sample_instruments
from pipeline.store.client import Clients

log = logging.getLogger("ticktick.masters")
MASTER_TIMEOUT_S = 60.0
BATCH = 2_000
DATED, DATE = "day", "date"
"""Where the look-up says of which day it is: a hash of its own, as a segment would have."""
NAMED = ("NSE_EQ", "BSE_EQ", "NSE_INDEX", "BSE_INDEX", "NSE_FO", "BSE_FO")
"""Segments that can be watched, and so are looked up."""
ORDINARY = frozenset({"EQ", "BE", "INDEX"})
FIELDS = {
    "instrument_key": "key", "name": "name", "instrument_type": "type", "tick_size": "tick_paise", "lot_size": "lot",
    "freeze_quantity": "freeze", "expiry": "expiry", "strike_price": "strike", "cas_eligible": "cas",
}  # fmt: skip


def config_of(settings: Settings, date_iso: str) -> MasterConfig:
    """Say where the file comes from; outside live modes the built-in sample may stand in for it."""
    rest = RestConfig(settings.upstox.assets_url, settings.upstox.connect_timeout_s, MASTER_TIMEOUT_S)
    is_live = settings.mode.startswith("live-")
    return MasterConfig(settings.paths.data, None if is_live else lambda: json.dumps(sample_instruments(date_iso)).encode(), rest)


def watchlist_of(settings: Settings) -> tuple[WatchEntry, ...]:
    """Read the watchlist.

    Raises:
        Refused: it cannot be read, or a row of it is malformed.
    """
    path = settings.paths.symbols
    return parse_watchlist(read_json(path, "restore it, or name another under [paths] symbols"), path.name)


def rows_in(path: Path) -> Iterator[Mapping[str, Any]]:
    """Give the rows of a file of either form: JSON (gzip or plain), or the old CSV, whose ticks are turned into paise.

    Raises:
        Refused: it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Refused(f"{path.name} cannot be read ({error.strerror}): check the path") from error
    if path.name.removesuffix(".gz").endswith(".csv"):
        text = _csv_text(content, path.name)
        return rows_of_csv(text, path.name)
    return rows_of(content, path.name)


def judge(path: Path, entries: tuple[WatchEntry, ...], date_iso: str) -> Report:
    """Validate a file."""
    return validate(rows_in(path), entries, date_iso, path.name)


def report_path(folder: Path, date_iso: str) -> Path:
    """Give the place of a day's verdict."""
    return folder / f"validation_{date_iso.replace('-', '')}.json"


def write_report(report: Report, folder: Path) -> Path:
    """Write the verdict beside the file, whole or not at all."""
    path = report_path(folder, report.date)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(report.plain(), indent=1) + "\n", "utf-8")
    temporary.replace(path)
    return path


def is_tended(path: Path, date_iso: str, clients: Clients) -> bool:
    """Tell whether this file has its verdict, and this Redis its papers."""
    verdict = report_path(path.parent, date_iso)
    try:
        is_judged = verdict.stat().st_mtime >= path.stat().st_mtime
        held: Any = clients[Role.CANDLES].hget(PAPERS.key(DATED), DATE)
    except OSError:
        return False
    return is_judged and held == date_iso.encode()


def publish(clients: Clients, rows: Iterable[Mapping[str, Any]], date_iso: str) -> dict[str, int]:
    """Put every paper that can be watched into its segment's hash, each whole in place of yesterday's; give how many."""
    client, counts = clients[Role.CANDLES], dict.fromkeys(NAMED, 0)
    for segment, fields in looked_up(rows).items():
        fresh = PAPERS.key(f"{segment}:new")
        client.delete(fresh)
        items = list(fields.items())
        for at in range(0, len(items), BATCH):
            client.hset(fresh, mapping=dict(items[at : at + BATCH]))
        client.rename(fresh, PAPERS.key(segment))
        counts[segment] = len(fields)
    client.hset(PAPERS.key(DATED), DATE, date_iso)
    return counts


def looked_up(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Give segment -> trading symbol -> what is looked up, as JSON text."""
    out: dict[str, dict[str, str]] = {}
    others: list[tuple[str, str, str]] = []
    for row in rows:
        segment = str(row.get("segment", ""))
        if segment not in NAMED:
            continue
        symbol, kind = str(row.get("trading_symbol", row["instrument_key"])), str(row.get("instrument_type", ""))
        text = json.dumps({short: row[name] for name, short in FIELDS.items() if name in row}, separators=(",", ":"))
        if segment.endswith("_EQ") and kind not in ORDINARY:
            others.append((segment, f"{symbol}-{kind}", text))
            others.append((segment, symbol, text))
        else:
            out.setdefault(segment, {})[symbol] = text
    for segment, symbol, text in others:
        out.setdefault(segment, {}).setdefault(symbol, text)
    return out


def find(rows: Iterable[Mapping[str, Any]], words: str, most: int) -> list[dict[str, Any]]:
    """Search symbols, names and keys for all of the words, whatever their case; exact symbols first, then shares, then by symbol."""
    wanted = words.upper().split()
    found = []
    for row in rows:
        symbol, name = str(row.get("trading_symbol", "")).upper(), str(row.get("name", "")).upper()
        text = f"{symbol} {name} {str(row['instrument_key']).upper()}"
        if wanted and all(word in text for word in wanted):
            kind = str(row.get("instrument_type", ""))
            rank = (symbol != words.upper(), kind not in ORDINARY, not symbol.startswith(wanted[0]), symbol)
            found.append((rank, row))
    found.sort(key=lambda pair: pair[0])
    return [{"symbol": row.get("trading_symbol", ""), **{s: row[n] for n, s in FIELDS.items() if n in row}} for _, row in found[:most]]


def _csv_text(content: bytes, name: str) -> str:
    try:
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        raise Refused(f"{name}: damaged: fetch the file again") from None
    if not is_csv(text):
        raise Refused(f"{name}: no instrument file in the CSV form: its first column must be instrument_key")
    return text
