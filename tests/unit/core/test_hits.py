"""A hit goes through its stream and back unchanged."""

from __future__ import annotations

from dataclasses import fields

from pipeline.core.hits import PatternHit
from pipeline.core.schema import PATTERNS
from pipeline.store.codec import decode, encode

HIT = PatternHit(1_000, 900, "TCS", "5m", "harami", "bearish", -8, 40, 0.65, 0.4951, 0.7787, 0.48)


def test_there_and_back():
    assert decode(PATTERNS, encode(PATTERNS, HIT)) == HIT


def test_every_field_is_readable():
    entry = encode(PATTERNS, HIT)
    assert {f.name for f in fields(PatternHit)} <= {name.decode() for name in entry}
    assert (entry[b"pattern"], entry[b"strength"], entry[b"hit_ratio"]) == (b"harami", b"-8", b"0.65")
