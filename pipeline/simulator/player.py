"""The recorded-feed player: a market that was, message by message, with its own timing.

Reads   recordings (see recording.py)
Writes  Frames whose updates carry the recorded ``Feed`` message, so that the bytes on the wire are Upstox's own
Per-instrument records of one millisecond make one frame; ``currentTs`` is the receive time then. Times that
do not increase are moved on by a millisecond. Nothing is filled in: a hole in the recording is a silence.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from pipeline.core.errors import Refused
from pipeline.core.session import Calendar, ist_date
from pipeline.simulator import phases
from pipeline.simulator.listing import Listing
from pipeline.simulator.market import Bar, Frame, Kind, Status, Update
from pipeline.simulator.recording import market_part, master_rows, messages, records
from proto import MarketDataFeedV3_pb2 as pb

LEAD_MS = 1_000
Table = dict[str, tuple[str, Any]]
_KIND = {"live_feed": Kind.LIVE, "initial_feed": Kind.SNAPSHOT, "market_info": Kind.STATUS}


class RecordedMarket:
    """A recording as a market."""

    def __init__(self, path: Path, calendar: Calendar) -> None:
        self.name = f"recorded {path.name}"
        self._path = path
        self.master_rows = master_rows(path)
        first = next(self._source(), None)
        if first is None:
            raise Refused(f"{path} holds no records: give another recording")
        date = ist_date(first[0])
        day = calendar.day(date)
        if day is None:
            raise Refused(f"the recording is of {date}, no trading day in config/holidays.json: add it there")
        self.day = day
        self.start_ms = first[0] - LEAD_MS
        closes = self._closes()
        self.listings = tuple(_listing(row, closes.get(row["instrument_key"], 0.0)) for row in self.master_rows)

    def opening(self) -> tuple[Status, tuple[Update, ...]]:
        """The hour's status and no updates: what was not recorded is not shown."""
        return phases.status_at(self._marks(), self.start_ms), ()

    def frames(self) -> Iterator[Frame]:
        """Play the recording, then CLOSING_END."""
        last = self.start_ms
        marks = (Frame(ts, Kind.STATUS, status=status) for ts, status in self._marks() if ts > self.start_ms)
        told = heapq.merge(self._told(), marks if self._path.is_dir() else (), key=lambda f: f.ts)
        frame = None
        waiting: list[Frame] = []
        for frame in told:
            if frame.kind is Kind.STATUS and self._path.is_dir():
                waiting.append(frame)  # a change of the hour counts only while records go on
                continue
            for one in (*waiting, frame):
                one.ts = last = max(one.ts, last + 1)
                yield one
            waiting.clear()
        over = dict.fromkeys(("NSE_EQ", "NSE_FO", "NSE_INDEX"), "CLOSING_END")
        yield Frame(last + LEAD_MS, Kind.STATUS, status=Status(over))

    def _source(self) -> Iterator[tuple[int, dict[str, Any]]]:
        return records(self._path) if self._path.is_dir() else messages(self._path)

    def _marks(self) -> list[tuple[int, Status]]:
        windows = [w for group in self.day.windows.values() for w in group]
        return phases.statuses(self.day, max(w.end_ms for w in windows))[:-1]

    def _told(self) -> Iterator[Frame]:
        return self._record_frames() if self._path.is_dir() else self._message_frames()

    def _record_frames(self) -> Iterator[Frame]:
        """Join records of one millisecond, unless a paper would stand twice in a frame."""
        at, updates = 0, dict[str, Update]()
        for ts, plain in self._source():
            key = str(plain["instrumentKey"])
            if updates and (ts != at or key in updates):
                yield Frame(at, Kind.LIVE, tuple(updates.values()))
                updates = {}
            at = ts
            updates[key] = update_of(key, plain)
        if updates:
            yield Frame(at, Kind.LIVE, tuple(updates.values()))

    def _message_frames(self) -> Iterator[Frame]:
        for ts, plain in self._source():
            kind = _KIND.get(str(plain.get("type", "initial_feed")))
            if kind is Kind.STATUS:
                yield Frame(ts, kind, status=_status(plain.get("marketInfo", {})))
            elif kind is not None and plain.get("feeds"):
                yield Frame(ts, kind, tuple(update_of(key, feed) for key, feed in plain["feeds"].items()))

    def _closes(self) -> dict[str, float]:
        """Previous close of each paper, from the first records that tell it."""
        wanted = {row["instrument_key"] for row in self.master_rows}
        found: dict[str, float] = {}
        for _, plain in self._source():
            rows = {str(plain["instrumentKey"]): plain} if "instrumentKey" in plain else plain.get("feeds", {})
            for key, feed in rows.items():
                close = float(market_part(feed).get("ltpc", {}).get("cp", 0.0))
                if key not in found and close > 0:
                    found[key] = close
            if len(found) == len(wanted):
                break
        return found


def update_of(key: str, plain: dict[str, Any]) -> Update:
    """Turn a recorded feed into an update that carries the message itself."""
    wire = pb.Feed()
    fill(wire, plain, _FEED)
    part = market_part(plain)
    ltpc = part.get("ltpc", {})
    levels = part.get("marketLevel", {}).get("bidAskQuote", [])
    bars = {b["interval"]: _bar(b) for b in part.get("marketOHLC", {}).get("ohlc", []) if "interval" in b}
    greeks = part.get("optionGreeks")
    return Update(
        key,
        float(ltpc.get("ltp", 0.0)),
        int(ltpc.get("ltt", 0)),
        int(ltpc.get("ltq", 0)),
        float(ltpc.get("cp", 0.0)),
        float(part.get("atp", 0.0)),
        int(part.get("vtt", 0)),
        float(part.get("oi", 0.0)),
        float(part.get("iv", 0.0)),
        float(part.get("tbq", 0.0)),
        float(part.get("tsq", 0.0)),
        [float(level.get("bidP", 0.0)) for level in levels],
        [int(level.get("bidQ", 0)) for level in levels],
        [float(level.get("askP", 0.0)) for level in levels],
        [int(level.get("askQ", 0)) for level in levels],
        bars.get("1d"),
        bars.get("I1"),
        _greeks(greeks) if greeks else None,
        is_cas=bool(part.get("casEligible", False)),
        is_index="_INDEX|" in key,
        wire=wire,
    )


def fill(message: Any, plain: dict[str, Any], table: Table) -> None:
    """Set a message from protobuf's JSON form; several times faster than ``ParseDict``, unknown names skipped."""
    for name, value in plain.items():
        kind, more = table.get(name, ("", None))
        if kind == "scalar":
            setattr(message, name, more(value))
        elif kind == "message":
            inner = getattr(message, name)
            inner.SetInParent()
            fill(inner, value, more)
        elif kind == "list":
            add = getattr(message, name).add
            for row in value:
                fill(add(), row, more)
        elif kind == "wrapped":
            getattr(message, name).value = float(value)


def _table(descriptor: Descriptor) -> Table:
    """Work out once how each field is set."""
    out: Table = {}
    for field in descriptor.fields:
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if field.message_type.full_name.startswith("google.protobuf."):
                out[field.name] = ("wrapped", None)
            else:
                out[field.name] = ("list" if field.is_repeated else "message", _table(field.message_type))
        else:
            out[field.name] = ("scalar", _caster(field))
    return out


def _caster(field: FieldDescriptor) -> Callable[[Any], Any]:
    if field.type == FieldDescriptor.TYPE_ENUM:
        values = {name: value.number for name, value in field.enum_type.values_by_name.items()}
        return lambda word: values[word] if isinstance(word, str) else int(word)
    return {FieldDescriptor.TYPE_DOUBLE: float, FieldDescriptor.TYPE_BOOL: bool, FieldDescriptor.TYPE_STRING: str}.get(field.type, int)


_FEED = _table(pb.Feed.DESCRIPTOR)


def _bar(plain: dict[str, Any]) -> Bar:
    first, high, low, last = (float(plain.get(name, 0.0)) for name in ("open", "high", "low", "close"))
    return Bar(int(plain.get("ts", 0)), first, high, low, last, int(plain.get("vol", 0)))


def _greeks(plain: dict[str, Any]) -> tuple[float, float, float, float, float]:
    delta, theta, gamma, vega, rho = (float(plain.get(name, 0.0)) for name in ("delta", "theta", "gamma", "vega", "rho"))
    return delta, theta, gamma, vega, rho


def _status(plain: dict[str, Any]) -> Status:
    known = pb.MarketStatus.keys()
    segments = {segment: word for segment, word in plain.get("segmentStatus", {}).items() if word in known}
    words = [{s: (str(v.get("status", "")), int(v.get("updatedTime", 0))) for s, v in plain.get(n, {}).items()} for n in _STRING_MAPS]
    return Status(segments, *words)


_STRING_MAPS = ("casMarketStatus", "preOpenSessionStatus")


def _listing(row: dict[str, Any], close: float) -> Listing:
    return Listing(
        row["instrument_key"],
        str(row["trading_symbol"]),
        str(row["name"]),
        str(row.get("exchange_token", "")),
        close if close > 0 else 100.0,
        300.0,
        is_cas=row.get("cas_eligible") is True,
        is_index=row["instrument_type"] == "INDEX",
        tick_paise=int(row.get("tick_size", 5)),
        lot_size=int(row.get("lot_size", 1)),
        freeze_qty=int(row.get("freeze_quantity", 100_000)),
    )
