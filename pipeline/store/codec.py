"""Records to stream fields and back.

Packed records (waves, tick batches) become a version, their arrays as raw bytes and, where columns vary,
the column names; reading gives NumPy views without a copy (read-only). Readable records become one text
field for each attribute, so that `XREVRANGE recommendations + - COUNT 3` can be read by a person.
Refuses NaN, infinities and versions it does not know. No pickle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from enum import StrEnum
from functools import lru_cache
from typing import Any, get_type_hints

import numpy as np
from blake3 import blake3

from pipeline.core.errors import Corrupt, Refused
from pipeline.core.feed import DEPTH, DepthBatch, FeedEvent, FeedEventKind
from pipeline.core.schema import VERSION, Stream
from pipeline.core.types import CANDLE, TICK, CandleWave, ChartWave, IndicatorWave, TickBatch, TickKind
from pipeline.store.face import LARGE, Fields, Part

VERSION_FIELD, _TS, _ROWS, _RECV = b"v", b"ts", b"b", b"r"
VERSION_BYTES = str(VERSION).encode()
_DIGEST_SIZE = 16
_GAP = int(TickKind.GAP)


def encode(stream: Stream, record: Any) -> Fields:
    """Turn a record into the fields of one stream entry.

    Raises:
        Refused: the record is not of the stream's type, or holds NaN or an infinity.
    """
    kind: type = type(record)
    if kind is not stream.record:
        raise Refused(f"stream {stream.name} takes {stream.record.__name__}, not {kind.__name__}")
    if not stream.packed:
        return _encode_text(record)
    if kind is FeedEvent:
        where = b"%d %d" % (record.link, record.kind)
        return {VERSION_FIELD: VERSION_BYTES, _TS: b"%d" % record.ts, _RECV: b"%d" % record.recv_ms, b"k": where, _ROWS: record.body}
    rows = record.rows
    # Not a copy: what is under way holds the rows, and nobody changes them any more.
    body = rows.view(np.uint8).data.toreadonly() if rows.flags.c_contiguous else rows.tobytes()
    out: Fields = {VERSION_FIELD: VERSION_BYTES, _TS: b"%d" % record.ts, _ROWS: body}
    if kind is TickBatch:
        out[_RECV] = b"%d" % record.recv_ms
    if isinstance(record, IndicatorWave | ChartWave):
        if not np.isfinite(record.values).all():
            raise Refused(f"stream {stream.name}: NaN or infinity in {_bad_columns(record)}; a value that is not warm is 0.0")
        out[b"c"] = ",".join(record.columns).encode()
        out[b"x"] = np.ascontiguousarray(record.values, "<f8").tobytes()
        out[b"w"] = np.packbits(record.warm).tobytes()
    if isinstance(record, ChartWave):
        out[b"p"] = ",".join(record.patterns).encode()
        out[b"f"] = np.ascontiguousarray(record.found, "<i1").tobytes()
    return out


def decode(stream: Stream, fields: Mapping[bytes, bytes]) -> Any:
    """Turn the fields of an entry back into its record.

    Raises:
        Corrupt: another version, a missing field or a wrong length.
    """
    if fields.get(VERSION_FIELD) != VERSION_BYTES:
        raise Corrupt(
            f"stream {stream.name} holds version {fields.get(VERSION_FIELD)!r} of its record, this program reads {VERSION}:"
            " clear the session first"
        )
    try:
        return _decode_packed(stream, fields) if stream.packed else _decode_text(stream, fields)
    except (KeyError, ValueError, TypeError) as error:
        raise Corrupt(f"stream {stream.name} holds an entry that cannot be read ({error}): clear the session first") from error


def canonical(stream: Stream, fields: Mapping[bytes, Part]) -> list[Part]:
    """Give the bytes a digest is taken over, in pieces: all fields but our receive time, which is wall clock."""
    parts: list[Part] = []
    text: list[Part] = []
    for name, head in ordered(tuple(fields), is_packed=stream.packed):
        value = fields[name]
        size = len(value)
        if size < LARGE:
            text += (head, b"%d:" % size, value)
        else:
            parts += (b"".join((*text, head, b"%d:" % size)), value)
            text = []
    parts.append(b"".join(text))
    return parts


@lru_cache(maxsize=256)
def ordered(names: tuple[bytes, ...], *, is_packed: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Give the fields of a digest in its order, each with the text before its value's size."""
    return tuple((name, b"%d:%b" % (len(name), name)) for name in sorted(names) if not (is_packed and name == _RECV))


def chain(previous: bytes, entry_id: bytes, content: Sequence[Part]) -> bytes:
    """Extend a stream's digest by one entry: blake3 of the digest so far, the id and the content."""
    hasher = blake3(previous + entry_id + content[0])
    for part in content[1:]:
        hasher.update(part)
    return hasher.digest(length=_DIGEST_SIZE)


def row_count(record: Any) -> int:
    """Count what a record holds: rows of a wave, ticks of a batch (gaps and repairs, which stand alone, are none), one of any other."""
    if type(record) is TickBatch:
        rows = record.rows
        return len(rows) if len(rows) > 0 and rows["kind"][0] < _GAP else 0
    return len(record.rows) if isinstance(record, CandleWave | IndicatorWave | ChartWave | DepthBatch) else 1


def _bad_columns(record: IndicatorWave | ChartWave) -> str:
    bad: Any = (~np.isfinite(record.values).all(axis=0)).tolist()
    return ", ".join(name for name, is_bad in zip(record.columns, bad, strict=True) if is_bad)


def _decode_packed(stream: Stream, fields: Mapping[bytes, bytes]) -> Any:
    ts = int(fields[_TS])
    if stream.record is TickBatch:
        return TickBatch(ts, np.frombuffer(fields[_ROWS], TICK), int(fields[_RECV]))
    if stream.record is DepthBatch:
        return DepthBatch(ts, np.frombuffer(fields[_ROWS], DEPTH))
    if stream.record is FeedEvent:
        link, _, kind = fields[b"k"].partition(b" ")
        return FeedEvent(ts, int(fields[_RECV]), int(link), FeedEventKind(int(kind)), fields[_ROWS])
    rows = np.frombuffer(fields[_ROWS], CANDLE)
    if stream.record is CandleWave:
        return CandleWave(ts, rows)
    columns = _names(fields[b"c"])
    shape = (len(rows), len(columns))
    values = np.frombuffer(fields[b"x"], "<f8").reshape(shape)
    warm = np.unpackbits(np.frombuffer(fields[b"w"], "u1"), count=shape[0] * shape[1]).astype(np.bool_).reshape(shape)
    if stream.record is IndicatorWave:
        return IndicatorWave(ts, rows, columns, values, warm)
    patterns = _names(fields[b"p"])
    found = np.frombuffer(fields[b"f"], "<i1").reshape(len(rows), len(patterns))
    return ChartWave(ts, rows, columns, values, warm, patterns, found)


@lru_cache(maxsize=64)
def _names(text: bytes) -> tuple[str, ...]:
    return tuple(text.decode().split(",")) if text else ()


def _encode_text(record: Any) -> Fields:
    out: Fields = {VERSION_FIELD: VERSION_BYTES}
    kind: Any = type(record)
    for name, key in _keys(kind):
        value = getattr(record, name)
        if value.__class__ is int:
            out[key] = b"%d" % value
            continue
        if isinstance(value, float) and not math.isfinite(value):
            raise Refused(f"{kind.__name__}.{name} is {value}: not a number never enters a stream")
        out[key] = _text(value).encode()
    return out


@lru_cache(maxsize=64)
def _keys(kind: Any) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, name.encode()) for name, _ in _layout(kind))


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _decode_text(stream: Stream, fields: Mapping[bytes, bytes]) -> Any:
    record: Any = stream.record
    return record(**{name: parse(fields[name.encode()].decode()) for name, parse in _layout(record)})


@lru_cache(maxsize=64)
def _layout(record: Any) -> tuple[tuple[str, Callable[[str], Any]], ...]:
    hints = get_type_hints(record)
    out: list[tuple[str, Callable[[str], Any]]] = []
    for field in dataclass_fields(record):
        kind = hints[field.name]
        if kind not in {int, float, str} and not issubclass(kind, StrEnum):
            raise TypeError(f"{record.__name__}.{field.name}: {kind} has no text form")
        out.append((field.name, kind))
    return tuple(out)
