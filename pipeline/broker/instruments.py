"""The morning's instrument file: downloaded once a day, kept, and read for the watchlist.

Reads   ``https://assets.upstox.com/market-quote/instruments/exchange/NSE.json.gz`` (``complete.json.gz`` when BSE is watched)
Writes  ``instruments_YYYYMMDD.json.gz`` as served and ``instruments_latest.json``, which points to it, into one folder
Gives   rows by instrument key (tick sizes in paise, as served) and the watchlist's instruments

When the download is blocked, the newest file of an earlier day stands in, then the sample that is handed in (demo and
paper only); both are said in the log. Never keeps a file that cannot be read whole.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.broker.rest import RestClient, RestConfig
from pipeline.core.errors import Ambiguous, Refused, Unauthorised
from pipeline.core.watchlist import instruments_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.core.types import Instrument
    from pipeline.core.watchlist import WatchEntry

log = logging.getLogger("ticktick.instruments")
FOLDER_URL = "/market-quote/instruments/exchange/"
POINTER = "instruments_latest.json"
MAX_PACKED_BYTES = 64 * 1024 * 1024
MAX_PLAIN_BYTES = 512 * 1024 * 1024
MAX_ROWS = 1_000_000
NAMED = ("_EQ", "_INDEX")
"""Segments that are kept whole, so that a wrong key can be answered with the right one."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class MasterConfig:
    folder: Path
    sample: Callable[[], bytes] | None = None
    """Gives the file that stands in when nothing else is there; None in live modes: their lots and ticks must be today's."""
    rest: RestConfig = field(default_factory=lambda: RestConfig("https://assets.upstox.com", 2.0, 60.0))


def watchlist_instruments(config: MasterConfig, entries: Sequence[WatchEntry], date_iso: str) -> tuple[tuple[Instrument, ...], str]:
    """Return the watchlist's instruments and where their rows came from (``today``, ``earlier`` or ``sample``).

    Raises:
        Refused: no file can be had, or a symbol is not in it.
    """
    keys = {entry.instrument_key for entry in entries}
    master, source = load_master(config, date_iso, keys)
    return instruments_from(entries, master), source


def load_master(config: MasterConfig, date_iso: str, keys: set[str]) -> tuple[dict[str, Mapping[str, Any]], str]:
    """Return rows by key: the asked keys, and all shares and indices."""
    path = cache_path(config.folder, date_iso)
    if path.exists():
        try:
            return read_master(path.read_bytes(), path.name, keys), "today"
        except Refused as error:
            log.warning("instrument file damaged, fetching again", extra={"fields": {"why": str(error)}})
    try:
        return download(config, date_iso, keys), "today"
    except (Refused, Ambiguous, Unauthorised) as error:
        return _stand_in(config, keys, str(error))


def cache_path(folder: Path, date_iso: str) -> Path:
    if _DATE.fullmatch(date_iso) is None:
        raise Refused(f"{date_iso!r} is no date: write it as 2026-11-20")
    return folder / f"instruments_{date_iso.replace('-', '')}.json.gz"


def download(config: MasterConfig, date_iso: str, keys: set[str]) -> dict[str, Mapping[str, Any]]:
    """Fetch the day's file, read it whole, and only then keep it and move the pointer.

    Raises:
        Refused, Ambiguous, Unauthorised: it cannot be had, or not be read.
    """
    path = cache_path(config.folder, date_iso)
    name = "complete.json.gz" if any(not key.startswith("NSE_") for key in keys) else "NSE.json.gz"
    packed = RestClient(config.rest).get_bytes(FOLDER_URL + name, limit=MAX_PACKED_BYTES)
    master = read_master(packed, name, keys)  # before it is kept
    config.folder.mkdir(parents=True, exist_ok=True)
    _replace(path, packed)
    pointer = {"path": path.name, "date": date_iso, "sha256": hashlib.sha256(packed).hexdigest()}
    _replace(config.folder / POINTER, json.dumps(pointer, indent=1).encode() + b"\n")
    log.info("instrument file fetched", extra={"fields": {"file": path.name, "bytes": len(packed), "rows": len(master)}})
    return master


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def _stand_in(config: MasterConfig, keys: set[str], why: str) -> tuple[dict[str, Mapping[str, Any]], str]:
    earlier = sorted(config.folder.glob("instruments_????????.json.gz"), reverse=True) if config.folder.is_dir() else []
    places: list[tuple[str, Callable[[], bytes], str]] = [(path.name, path.read_bytes, "earlier") for path in earlier[:3]]
    if config.sample is not None:
        places.append(("the built-in sample", config.sample, "sample"))
    for name, content, source in places:
        try:
            master = read_master(content(), name, keys)
        except (Refused, OSError) as error:
            log.warning("instrument file not usable", extra={"fields": {"file": name, "why": str(error)}})
            continue
        log.warning("instrument download blocked, using a stand-in", extra={"fields": {"file": name, "source": source, "why": why}})
        return master, source
    raise Refused(f"no instrument file: {why}; check the network, or put one from another machine into {config.folder}")


def read_master(content: bytes, name: str, keys: set[str]) -> dict[str, Mapping[str, Any]]:
    """Read a file (gzip or plain JSON array) and keep the rows that are needed.

    Raises:
        Refused: it is cut, too large, or no array of rows with a key.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows_of(content, name):
        key = row["instrument_key"]
        if key in keys or key.partition("|")[0].endswith(NAMED):
            found[key] = row
    return found


def rows_of(content: bytes, name: str) -> Iterator[Mapping[str, Any]]:
    """Give every row of a file, one at a time; each has an ``instrument_key`` that is a text.

    Raises:
        Refused: as for :func:`read_master`; possibly after some rows.
    """
    for row in _rows(_text(content, name), name):
        if not isinstance(row, dict) or not isinstance(row.get("instrument_key"), str):
            raise Refused(f"{name}: a row without an instrument_key: fetch the file again")
        yield row


def latest(folder: Path) -> Path | None:
    """Follow the pointer to the newest file that was fetched; None when there is none.

    Raises:
        Refused: the pointer is damaged, or the file is not the one it names.
    """
    try:
        told = json.loads((folder / POINTER).read_text("utf-8"))
        path = folder / str(told["path"])
        is_whole = path.parent == folder and hashlib.sha256(path.read_bytes()).hexdigest() == told["sha256"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OSError):
        is_whole = False
    if not is_whole:
        raise Refused(f"{POINTER} does not lead to the file that was fetched: run `ticktick instruments refresh`")
    return path


def _text(content: bytes, name: str) -> str:
    try:
        if content[:2] == _GZIP:
            unpacker = zlib.decompressobj(wbits=31)
            content = unpacker.decompress(content, MAX_PLAIN_BYTES)
            if not unpacker.eof:
                raise Refused(f"{name}: cut short or larger than {MAX_PLAIN_BYTES} bytes: fetch the file again")
        return content.decode()
    except (zlib.error, UnicodeDecodeError):
        raise Refused(f"{name}: damaged: fetch the file again") from None


def _rows(text: str, name: str) -> Iterator[Any]:
    """Parse one row at a time: the whole list at once would take ten times the memory of what is kept."""
    decoder = json.JSONDecoder()
    skip = re.compile(r"[\s,]*")
    at = len(text) - len(text.lstrip())
    if not text.startswith("[", at):
        raise Refused(f"{name}: no JSON array: fetch the file again")
    at += 1
    for _ in range(MAX_ROWS):
        gap = skip.match(text, at)
        at = gap.end() if gap is not None else at
        if text.startswith("]", at):
            return
        try:
            row, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            raise Refused(f"{name}: damaged at character {at}: fetch the file again") from None
        yield row
    raise Refused(f"{name}: more than {MAX_ROWS} rows: fetch the file again")
