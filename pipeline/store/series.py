"""RedisTimeSeries: created from the schema with policy LAST, written by one TS.MADD, its reply scanned.

TS.MADD reports errors inside its reply and does not create keys, so each key is created before its first
sample and a key that has gone away (someone cleared it) is made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pipeline.core.errors import Refused
from pipeline.core.job import SampleWrite
from pipeline.core.schema import Series
from pipeline.store.pipe import Pipe
from pipeline.store.resp import bulk, command

CHUNK_BYTES = 1024
_Sample = tuple[str, int, float]


def is_clean(reply: Sequence[Any]) -> bool:
    """Tell whether a TS.MADD took every sample: it reports errors inside its reply."""
    return set(map(type, reply)) <= {int}


def madd(samples: Sequence[_Sample]) -> bytes:
    """Write one TS.MADD."""
    return command(b"TS.MADD", *(part for key, ts, value in samples for part in (key.encode(), b"%d" % ts, repr(value).encode())))


@lru_cache(maxsize=64)
def _constant(series: Series) -> tuple[bytes, bytes]:
    """Write what stands before and behind the key in each TS.CREATE of a series: there are thousands on a first morning."""
    kept = (b"RETENTION", b"%d" % series.retention_ms, b"CHUNK_SIZE", b"%d" % CHUNK_BYTES, b"DUPLICATE_POLICY", b"LAST")
    tail = (*kept, b"LABELS") if series.labels else kept
    return b"*%d\r\n" % (2 + len(tail) + 2 * len(series.labels)) + bulk("TS.CREATE"), b"".join(map(bulk, tail))


def _create(series: Series, key: str, labels: tuple[str, ...]) -> bytes:
    head, tail = _constant(series)
    return head + bulk(key) + tail + b"".join(bulk(name) + bulk(label) for name, label in zip(series.labels, labels, strict=True))


class SeriesWriter:
    """Writes samples of one role. Remembers which keys exist."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._known: dict[tuple[Any, tuple[str, ...]], str] = {}

    def prepare(self, samples: Sequence[SampleWrite]) -> list[_Sample]:
        """Create what is missing; give (key, ts, value), one for each key and instant, the newest winning."""
        fresh = {(s.series, s.labels) for s in samples if (s.series, s.labels) not in self._known}
        if fresh:
            self.create(sorted(fresh, key=lambda pair: pair[0].key(*pair[1])))
        folded = {(self._known[s.series, s.labels], s.ts): s.value for s in samples}
        return [(key, ts, value) for (key, ts), value in folded.items()]

    def settle(self, samples: Sequence[_Sample], reply: Sequence[Any]) -> None:
        """Scan a TS.MADD reply; make lost keys again and repeat their samples.

        Raises:
            Refused: a sample that the server will not take.
        """
        if is_clean(reply):
            return
        failed = [sample for sample, answer in zip(samples, reply, strict=True) if isinstance(answer, Exception)]
        lost = {sample[0] for sample in failed}
        self.create(sorted((pair for pair, key in self._known.items() if key in lost), key=lambda pair: pair[0].key(*pair[1])))
        self.repeat([part for sample in failed for part in sample])

    def repeat(self, arguments: Sequence[Any]) -> None:
        """Write samples once more, whose series were gone and have been made again.

        Raises:
            Refused: a sample that the server will not take.
        """
        parts = [part if isinstance(part, bytes) else str(part).encode() for part in arguments]
        (again,) = self._pipe.one_by_one([command(b"TS.MADD", *parts)], 1)
        if isinstance(again, Exception):
            raise again
        for place, answer in enumerate(again):
            if isinstance(answer, Exception):
                key = arguments[3 * place]
                name = key.decode() if isinstance(key, bytes) else key
                raise Refused(f"a time series refused a sample ({answer}): check the type and retention of {name}")

    def create(self, pairs: Sequence[tuple[Any, tuple[str, ...]]]) -> None:
        """Make series as the schema says; those that are there are left alone."""
        keys = [series.key(*labels) for series, labels in pairs]
        made = [_create(series, key, labels) for (series, labels), key in zip(pairs, keys, strict=True)]
        for reply in self._pipe.one_by_one(made, len(made)):
            if isinstance(reply, Exception) and "already exists" not in str(reply):
                raise reply
        self._known.update(zip(pairs, keys, strict=True))
