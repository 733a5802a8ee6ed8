"""Rows shown to people: hashes and samples of a ``RowsWrite``, as commands, and what their answers mean.

Keeps one encoder for each view and watchlist, and knows which series are there. TS.MADD makes no key and tells errors
inside its reply: series are made before their first sample, and once more when somebody has cleared them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core.views import RowsWrite
from pipeline.store.face import Part
from pipeline.store.resp import RowEncoder
from pipeline.store.series import SeriesWriter, is_clean

LATEST_S, LATEST_SYMBOL_S = 0.25, 0.001
"""Wall time between two writes of a symbol's newest row: a quarter of a second, or a millisecond a symbol, whichever is more. A hash
costs Redis as much as forty samples: so it is a thousand a second at most, however many symbols there are."""
LOOK_S, AT_ONCE = 0.01, 16
"""Wall time between two looks at what is due, and hashes in one commit: more would hold it up for a millisecond."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one view has to say in a commit: HSETs, then at most one TS.MADD, whose samples lie with the encoder until the next commit."""

    encoder: RowEncoder
    hashes: bytes
    hash_count: int
    head: bytes
    samples: memoryview

    @property
    def count(self) -> int:
        return self.hash_count + (1 if self.head else 0)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The commands, in pieces: a burst has megabytes of samples."""
        return (self.hashes, self.head, self.samples) if self.head else (self.hashes,)


class RowsWriter:
    """Shows rows in one role's database."""

    def __init__(self, series: SeriesWriter, clock: Callable[[], float] = time.monotonic) -> None:
        self._series = series
        self._encoders = Encoders()
        self._clock = clock
        self._looked_s = -LOOK_S

    def prepare(self, writes: Sequence[RowsWrite], *, is_last: bool = False) -> list[Shown]:
        """Write the commands; series that nobody has made yet are made now.

        Hashes of a view that is paced wait until they are due by our clock, or until the last commit of a run.
        """
        for write in writes:
            self._encoders.of(write).take(write)
        out, now_s = [], self._clock()
        is_look = is_last or now_s - self._looked_s >= LOOK_S
        if is_look:
            self._looked_s = now_s
        for encoder in self._encoders.known:
            if encoder.has_unknown:
                self._make(encoder)
            samples, sampled = encoder.samples()
            head = b"*%d\r\n$7\r\nTS.MADD\r\n" % (1 + 3 * sampled) if sampled > 0 else b""
            hashes, count = b"", 0
            if is_last or not encoder.view.is_paced:
                hashes, count = encoder.hashes(now_s)
            elif is_look:
                hashes, count = encoder.hashes(now_s, max(LATEST_S, LATEST_SYMBOL_S * len(encoder.symbols)), AT_ONCE)
            if head or count > 0:
                out.append(Shown(encoder, hashes, count, head, samples))
        return out

    def settle(self, shown: Shown, answers: Sequence[Any]) -> None:
        """Look at the answers to a batch's commands; samples of series that are gone are written again.

        Raises:
            Refused: a sample that the server will not take.
        """
        if not shown.head or is_clean(answers[-1]):
            return
        shown.encoder.forget()
        self._make(shown.encoder)
        self._series.repeat(_arguments(shown.head + shown.samples))

    def _make(self, encoder: RowEncoder) -> None:
        self._series.create(encoder.unknown())
        encoder.know()


class Encoders:
    """One encoder for each view and watchlist."""

    def __init__(self) -> None:
        self.known: list[RowEncoder] = []

    def of(self, write: RowsWrite) -> RowEncoder:
        """Give the encoder of a write, made at its first use."""
        for encoder in self.known:
            if encoder.view is write.view and encoder.symbols is write.symbols:
                return encoder
        self.known.append(RowEncoder(write.view, write.symbols))
        return self.known[-1]


def _arguments(madd: bytes) -> list[bytes]:
    """Take a TS.MADD apart again: only for the rare repeat."""
    return parsed(madd)[0][1:]


def parsed(commands: bytes) -> list[list[bytes]]:
    """Read commands back: each is a list of its parts."""
    out, at = [], 0
    while at < len(commands):
        count, at = _number(commands, at)
        parts = []
        for _ in range(count):
            size, at = _number(commands, at)
            parts.append(commands[at : at + size])
            at += size + 2
        out.append(parts)
    return out


def _number(text: bytes, at: int) -> tuple[int, int]:
    end = text.index(b"\r\n", at)
    return int(text[at + 1 : end]), end + 2
