"""Batches against the plain way: the same commands, fields and digests, byte for byte, as entry by entry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.batches import HashesWrite, Records, Words
from pipeline.core.errors import Refused
from pipeline.core.hits import PatternHit
from pipeline.core.schema import CONFIRM_AUTO, PATTERN_RECORD, PATTERNS
from pipeline.store import batch, codec
from pipeline.store.face import EntryId
from pipeline.store.resp import bulk, command

SYMBOLS, LABELS, NAMES, SIDES = ("ALPHA", "M&M", "É-LONG", ""), ("1m", "60m"), ("doji", "three_line_strike"), ("bullish", "neutral")
RATIO = st.integers(0, 10_000).map(lambda k: k / 10_000)
WORDS = st.tuples(st.integers(0, 3), *(st.integers(0, 1),) * 3)
HIT = st.tuples(st.integers(0, 2**53), st.integers(0, 2**53), WORDS, st.integers(-128, 127), st.integers(0, 2**40), *(RATIO,) * 4)
AT = bulk(b"at") + bulk(b"1765770300123")


def records_of(hits):
    words = np.array([hit[2] for hit in hits], np.int64).reshape(-1, 4).T
    named = (Words(texts, at) for texts, at in zip((SYMBOLS, LABELS, NAMES, SIDES), words, strict=True))
    times, counts, ratios = (
        [np.array([hit[k] for hit in hits], kind) for k in places]
        for places, kind in (((0, 1), np.int64), ((3, 4), np.int64), ((5, 6, 7, 8), np.float64))
    )
    return Records(PatternHit, (*times, *named, *counts, *ratios))


def plain_of(hit):
    symbol, label, name, side = hit[2]
    return PatternHit(*hit[:2], SYMBOLS[symbol], LABELS[label], NAMES[name], SIDES[side], *hit[3:])


@settings(deadline=None)  # the first example may have to compile
@given(st.lists(HIT, max_size=30), st.integers(0, 2**53), st.integers(0, 99), st.binary(min_size=0, max_size=16))
def test_a_batch_is_its_entries(hits, ms, seq, digest):
    records, plain = records_of(hits), [plain_of(hit) for hit in hits]
    assert list(records.each()) == plain
    first = EntryId(ms, seq)
    found = batch.encode(PATTERNS, records, first)
    entries = [(PATTERNS, EntryId(ms, seq + k), codec.encode(PATTERNS, hit)) for k, hit in enumerate(plain)]
    assert list(found.each()) == entries
    assert [list(fields) for _, _, fields in found.each()] == [list(fields) for _, _, fields in entries]

    expected, commands = digest, []
    for _, entry_id, fields in entries:
        expected = codec.chain(expected, str(entry_id).encode(), codec.canonical(PATTERNS, fields))
        flat = [part for pair in fields.items() for part in pair]
        commands.append(command(b"XADD", b"patterns", str(entry_id).encode(), *flat, b"at", b"1765770300123"))
    assert batch.chain(digest, found) == expected
    assert bytes(batch.xadds(found, AT)) == b"".join(commands)
    assert [codec.decode(PATTERNS, fields) for _, _, fields in found.each()] == plain
    if hits:
        assert (len(found), found.last) == (len(hits), entries[-1][1])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.text(max_size=200)), max_size=30))
def test_hashes_are_their_writes(lines):
    labels, names = tuple((symbol, "1m") for symbol in SYMBOLS), ("any", "harami:bullish")
    lines = list({(slot, name): (slot, name, text) for slot, name, text in sorted(lines)}.values())
    coded = [text.encode() for _, _, text in lines]
    ends = np.cumsum([0, *map(len, coded)])
    places = np.array([line[:2] for line in lines], np.int64).reshape(-1, 2)
    write = HashesWrite(PATTERN_RECORD, labels, names, places, np.frombuffer(bytearray(b"".join(coded)), np.uint8), ends)
    commands = [
        command(b"HSET", PATTERN_RECORD.key(*of).encode(), *(part.encode() for pair in fields.items() for part in pair))
        for of, fields in write.each()
    ]
    got, count = batch.hsets(write)
    assert (bytes(got), count) == (b"".join(commands), len(commands))
    assert [(labels[slot], names[name], text) for slot, name, text in lines] == [
        (of, name, text) for of, fields in write.each() for name, text in fields.items()
    ]


def test_a_batch_of_another_stream_is_refused():
    with pytest.raises(Refused, match="takes Confirmation, not PatternHit"):
        batch.encode(CONFIRM_AUTO, records_of([]), EntryId(1, 0))
