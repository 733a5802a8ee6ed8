"""Batches of readable records and of hashes, as the bytes that plain entries and hash writes would be.

Reads   ``Records``, ``HashesWrite``
Writes  a ``Batch`` (values of each entry, once), its digest, XADD and HSET commands
Python works once a batch, but for the digest, which is a chain: one call an entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.batches import HashesWrite, Records, Words
from pipeline.core.errors import Refused
from pipeline.core.schema import HashKey, Stream
from pipeline.kernels.entries import DECIMAL, WHOLE, WORD, canonical_k, hsets_k, put_values_k, xadds_k
from pipeline.kernels.text import ROOM
from pipeline.store import codec
from pipeline.store.face import Batch, EntryId
from pipeline.store.resp import bulk

FRAME = 24
"""Bytes around a value at most: its size, as an argument or in a digest."""


def encode(stream: Stream, records: Records, first: EntryId) -> Batch:
    """Turn records into entries of a stream, whose ids follow ``first``.

    Raises:
        Refused: the records are not of the stream's type.
    """
    if records.kind is not stream.record or stream.packed:
        raise Refused(f"stream {stream.name} takes {stream.record.__name__}, not {records.kind.__name__} in a batch")
    count, version = len(records), Words((codec.VERSION_BYTES.decode(),), np.zeros(len(records), np.int64))
    columns = (version, *records.columns)
    texts = tuple(column.texts if isinstance(column, Words) else () for column in columns)
    starts = accumulate((len(each) for each in texts), initial=0)
    kinds = [(_kind(column), start) for column, start in zip(columns, starts, strict=False)]
    places, arena, widest = _words(texts)
    held = [column.at if isinstance(column, Words) else column.view(np.int64) for column in columns]
    width = sum(ROOM if not each else most for each, most in zip(texts, widest, strict=True))
    values, ends = np.empty(count * width, np.uint8), np.zeros(count * len(columns) + 1, np.int64)
    put_values_k(values, ends, np.stack(held), np.array(kinds, np.int64), places, arena)
    names = (codec.VERSION_FIELD, *(field.name.encode() for field in fields(records.kind)))
    return Batch(stream, first, values[: ends[-1]], ends, names)


def chain(previous: bytes, batch: Batch) -> bytes:
    """Extend a stream's digest by all entries of a batch."""
    order, heads, arena = _canonical(batch.names)
    ends, ids = np.zeros(len(batch) + 1, np.int64), np.array(batch.first, np.int64)
    out = np.empty(_room(batch, arena), np.uint8)
    canonical_k(out, ends, ids, batch.values, batch.ends, order, heads, arena)
    content = out.data
    for start, end in pairwise(ends.tolist()):
        previous = codec.chain(previous, b"", (content[start:end],))
    return previous


def xadds(batch: Batch, at: bytes) -> memoryview:
    """Write an XADD for each entry; ``at`` are its last field and value as arguments, the same for all."""
    verb = b"*%d\r\n$4\r\nXADD\r\n" % (5 + 2 * len(batch.names)) + bulk(batch.stream.name)
    heads, arena = _arena([verb, *(bulk(name) for name in batch.names), at])
    out, ids = np.empty(_room(batch, arena), np.uint8), np.array(batch.first, np.int64)
    size = xadds_k(out, ids, batch.values, batch.ends, heads, arena)
    return out[:size].data


def hsets(write: HashesWrite) -> tuple[memoryview, int]:
    """Write an HSET for each hash; give their number too."""
    keys, names, arena, widest = _keys(write.hash, write.labels, write.names)
    out = np.empty(len(write.text) + len(write.places) * (widest + 2 * ROOM), np.uint8)
    told = np.zeros(2, np.int64)
    hsets_k(out, told, write.places, write.text, write.ends, keys, names, arena)
    return out[: told[0]].data, int(told[1])


def _kind(column: Any) -> int:
    if isinstance(column, Words):
        return WORD
    return DECIMAL if column.dtype == np.float64 else WHOLE


def _arena(texts: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Lay texts one behind the other: start and size of each int64[n, 2], and all of them."""
    sizes = np.array([len(text) for text in texts], np.int64)
    return np.stack((np.cumsum(sizes) - sizes, sizes), axis=1), np.frombuffer(bytearray(b"".join(texts) or b"\0"), np.uint8)


@lru_cache(maxsize=16)
def _words(texts: tuple[tuple[str, ...], ...]) -> tuple[NDArray[np.int64], NDArray[np.uint8], list[int]]:
    """Lay the texts of all columns out; give the size of each column's widest, too."""
    coded = [[text.encode() for text in each] for each in texts]
    return *_arena([text for each in coded for text in each]), [max(map(len, each), default=0) for each in coded]


@lru_cache(maxsize=16)
def _canonical(names: tuple[bytes, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Give the fields in the order of a digest, the text before the size of each, and where these lie."""
    heads = dict(codec.ordered(names, is_packed=False))
    return np.array([names.index(name) for name in heads], np.int64), *_arena([heads[name] for name in names])


def _room(batch: Batch, arena: NDArray[np.uint8]) -> int:
    """Count the bytes that a batch takes at most, with these texts around each entry's values."""
    return len(batch.values) + len(batch) * (2 * ROOM + FRAME + len(arena) + FRAME * len(batch.names))


@lru_cache(maxsize=16)
def _keys(
    family: HashKey, labels: tuple[tuple[str, ...], ...], names: tuple[str, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8], int]:
    """Give the text from verb to key of each hash, each field as an argument, where they lie, and the room that a line needs for both."""
    keys = [b"\r\n$4\r\nHSET\r\n" + bulk(family.key(*each)) for each in labels]
    fields_ = [bulk(name) for name in names]
    places, arena = _arena([*keys, *fields_])
    return places[: len(keys)], places[len(keys) :], arena, max(map(len, keys)) + max(map(len, fields_))
