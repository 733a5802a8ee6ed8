"""Names that say their cause, and frozen records as plain values and back.

Reads   the cause of a decision: strategy, paper, timeframe, candle, side
Writes  a digest of it: the same cause gives the same id, in any process and on any day it is replayed

At most one intent per cause rests on this (reliability file, 5.2 rule 1). Never random, never a counter, never
Python's own ``hash``, which differs from process to process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any, TypeVar, get_type_hints

from pipeline.core.types import Side

R = TypeVar("R")
ENTRY_TAG, EXIT_TAG = "tt-", "tx-"
"""What our orders' tags begin with on the broker's book, so that we know them, and their purpose, without our journal."""


def entry_cause(strategy: str, symbol: str, timeframe: str, ts_candle: int, side: Side) -> str:
    """Spell the cause of an entry."""
    return f"entry|{strategy}|{symbol}|{timeframe}|{ts_candle}|{side.value}"


def exit_cause(entry_intent: str, reason: str, attempt: int) -> str:
    """Spell the cause of a closing order: which entry it ends, why, and which attempt it is."""
    return f"exit|{entry_intent}|{reason}|{attempt}"


def identity(cause: str) -> str:
    """Give 16 hex digits that name the cause."""
    return blake2b(cause.encode(), digest_size=8).hexdigest()


def tag_of(intent_id: str, purpose: str = "entry") -> str:
    """Give the tag that stands on the broker's book: at most 20 characters of ``[a-z0-9-]``, which every broker takes."""
    return (ENTRY_TAG if purpose == "entry" else EXIT_TAG) + intent_id


def purpose_of(tag: str) -> str:
    """Tell what an order with this tag is for; empty when it is none of ours."""
    return {ENTRY_TAG: "entry", EXIT_TAG: "exit"}.get(tag[:3], "")


def to_plain(record: Any) -> list[Any]:
    """Give a record's values in the order of its fields; enums as their words."""
    return list(_getter(record.__class__)(record))


def from_plain(kind: type[R], values: Sequence[Any]) -> R:
    """Make the record that :func:`to_plain` took apart."""
    return kind(*(make(value) for make, value in zip(_makers(kind), values, strict=True)))


def changed(record: R, **values: Any) -> R:
    """Give a copy of a record with other values in some fields, as ``dataclasses.replace`` does, in less time."""
    kind: Any = record.__class__
    places = _places(kind)
    whole = list(_getter(kind)(record))
    for name, value in values.items():
        whole[places[name]] = value
    made: R = kind(*whole)
    return made


@lru_cache(maxsize=64)
def _places(kind: Any) -> dict[str, int]:
    return {f.name: at for at, f in enumerate(fields(kind))}


@lru_cache(maxsize=64)
def _getter(kind: Any) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*(f.name for f in fields(kind)))


_KNOWN: dict[type, tuple[Callable[[Any], Any], ...]] = {}


def _makers(kind: type) -> tuple[Callable[[Any], Any], ...]:
    """Give, per field, what turns its plain value back: ``int``, ``str``, an enum."""
    if kind not in _KNOWN:
        hints = get_type_hints(kind)
        _KNOWN[kind] = tuple(hints[f.name] for f in fields(kind))
    return _KNOWN[kind]
