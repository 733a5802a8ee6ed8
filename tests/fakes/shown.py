"""What a job's ``RowsWrite`` outputs become in Redis, without Redis."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.core.views import RowsWrite
from pipeline.store.resp import RowEncoder
from pipeline.store.shown import parsed


def samples_of(outputs: Iterable) -> dict[tuple[str, int], float]:
    """Samples by (key, time); a later one replaces an earlier one."""
    told = {}
    for write in outputs:
        if isinstance(write, RowsWrite):
            encoder = RowEncoder(write.view, write.symbols)
            encoder.take(write)
            samples, count = encoder.samples()
            flat = parsed(b"*%d\r\n" % (3 * count) + samples)[0]
            told |= {(key.decode(), int(ts)): float(x) for key, ts, x in zip(flat[::3], flat[1::3], flat[2::3], strict=True)}
    return told


def hashes_of(outputs: Iterable) -> dict[str, dict[str, str]]:
    """Hashes by key."""
    told: dict[str, dict[str, str]] = {}
    for write in outputs:
        if isinstance(write, RowsWrite):
            encoder = RowEncoder(write.view, write.symbols)
            encoder.take(write)
            for _, key, *fields in parsed(encoder.hashes()[0]):
                text = [part.decode() for part in fields]
                told.setdefault(key.decode(), {}).update(zip(text[::2], text[1::2], strict=True))
    return told
