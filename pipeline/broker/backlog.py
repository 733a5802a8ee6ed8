"""What has come and is not delivered yet: raw while it is little, folded by symbol when it is not.

Reads   frames as received and what else happened to the connections, in order
Gives   them back in order; or, when they held more than the limit, for each connection one FOLDED body instead of its
        frames: the newest row of each symbol, the states merged, everything counted
Law     memory is bounded whatever happens: the limit, and one row (one deep book) of each symbol for each connection

Never decides what a record is: ``Intake`` turns a folded stretch into a gap and its newest rows.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipeline.broker.continuity import BACKWARD_MS
from pipeline.broker.wire import FrameRefused
from pipeline.core.feed import DEPTH, FeedEventKind
from pipeline.core.snapshot import pack
from pipeline.core.types import TICK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from pipeline.broker.wire import Decoded

OVERHEAD = 200
"""Bytes of memory that an entry takes beside its body."""
FRAME, FOLDED, LOST = FeedEventKind.FRAME, FeedEventKind.FOLDED, FeedEventKind.LOST
CONNECTED, SUBSCRIBED = FeedEventKind.CONNECTED, FeedEventKind.SUBSCRIBED


class Waiting(NamedTuple):
    """One event that is not delivered yet; ``at_ns`` is the monotonic clock at its receipt."""

    link: int
    kind: FeedEventKind
    body: bytes
    recv_ms: int
    at_ns: int


class _Fold:
    """The frames of one connection, folded."""

    def __init__(self, symbols: int) -> None:
        self._rows = np.zeros(symbols, TICK)
        # By their bytes: NumPy's own copy of packed rows goes field by field.
        self._bytes = self._rows.view(np.uint8).reshape(symbols, TICK.itemsize)
        self._is_there = np.zeros(symbols, np.bool_)
        self._depth: dict[int, bytes] = {}
        self._statuses: dict[str, str] = {}
        self._status_ts = 0
        self._to = 0
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def add(self, found: Decoded) -> None:
        """Take a frame's rows in: the newest of each symbol wins.

        Raises:
            FrameRefused: the frame is far older than one before it.
        """
        if found.ts < self._to - BACKWARD_MS:
            raise FrameRefused("time_went_back", f"currentTs {found.ts} after {self._to}")
        self._to = max(self._to, found.ts)
        self._counts["frames"] += 1
        self._counts["refused_rows"] += len(found.refused)
        self._reasons.update(reason for _, reason in found.refused)
        if found.statuses:
            self._statuses.update(found.statuses)
            self._status_ts = found.ts
        if found.rows is not None:
            rows = found.rows
            self._counts["rows"] += len(rows)
            self._bytes[rows["sid"]] = rows.view(np.uint8).reshape(len(rows), TICK.itemsize)
            self._is_there[rows["sid"]] = True
        if found.depth is not None:
            self._depth.update((int(book["sid"]), book.tobytes()) for book in found.depth.rows)

    def refuse(self, reason: str) -> None:
        self._counts["refused_frames"] += 1
        self._reasons[reason] += 1

    def pack(self) -> bytes:
        plain: dict[str, Any] = {
            "to": self._to,
            "statuses": sorted(self._statuses.items()),
            "status_ts": self._status_ts,
            "reasons": dict(sorted(self._reasons.items())),
            **{name: self._counts[name] for name in ("frames", "rows", "refused_frames", "refused_rows")},
        }
        books: NDArray[Any] = np.frombuffer(b"".join(self._depth[sid] for sid in sorted(self._depth)), DEPTH)
        return pack(plain, {"rows": self._rows[self._is_there], "depth": books})


class _Link:
    """What is left of one connection's events when they are folded."""

    def __init__(self) -> None:
        self.subscribed: Waiting | None = None
        self.connected: Waiting | None = None
        self.newest: Waiting | None = None
        self.lost: Waiting | None = None


class Backlog:
    """A queue that folds.

    Args:
        judge: decodes a frame and checks it (``Intake.judge``).
        keep: keeps a refused frame, with the reason.
        symbols: how many there are.
        max_bytes: what may be held raw.
    """

    def __init__(self, judge: Callable[[bytes, int], Decoded], keep: Callable[[bytes, str], None], symbols: int, max_bytes: float) -> None:
        self._judge, self._keep = judge, keep
        self._symbols = symbols
        self.max_bytes = max_bytes
        self._queue: deque[Waiting] = deque()
        self._folds: dict[int, _Fold] = {}
        """Of each connection that has a FOLDED entry waiting; packed when it is delivered."""
        self.frames = 0
        """Frames held raw."""
        self.bytes = 0
        self.most_bytes = 0
        self.folds = 0

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, waiting: Waiting) -> None:
        self._queue.append(waiting)
        self.bytes += len(waiting.body) + OVERHEAD
        if waiting.kind is FRAME:
            self.frames += 1
        self.most_bytes = max(self.most_bytes, self.bytes)

    def pop(self) -> Waiting | None:
        """Give the oldest event and forget it."""
        if not self._queue:
            return None
        found = self._queue.popleft()
        self.bytes -= len(found.body) + OVERHEAD
        if found.kind is FRAME:
            self.frames -= 1
        elif found.kind is FOLDED:
            found = found._replace(body=self._folds.pop(found.link).pack())
        return found

    @property
    def is_behind(self) -> bool:
        """Tell whether rows wait that have not been heard yet."""
        return self.frames > 0 or bool(self._folds)

    @property
    def is_too_much(self) -> bool:
        return self.bytes > self.max_bytes

    def fold(self) -> None:
        """Fold all frames that are held. What else happened is kept as far as it still matters, in its order."""
        links: dict[int, _Link] = {}
        queue: deque[Waiting] = deque()
        for waiting in self._queue:
            link = links.setdefault(waiting.link, _Link())
            if waiting.kind is FRAME:
                self._fold(waiting)
                link.newest = waiting
            elif waiting.kind is FOLDED:
                link.newest = waiting
            elif waiting.kind is CONNECTED:
                link.connected, link.lost = waiting, None
            elif waiting.kind is SUBSCRIBED:
                link.subscribed = waiting
            elif waiting.kind is LOST:
                link.lost = waiting
            else:
                queue.append(waiting)
        for link in links.values():
            queue.extend(self._rest(link))
        self._queue = queue
        self.frames = 0
        self.bytes = sum(len(waiting.body) + OVERHEAD for waiting in queue)
        self.folds += 1

    def _fold(self, waiting: Waiting) -> None:
        fold = self._folds.get(waiting.link)
        if fold is None:
            fold = self._folds[waiting.link] = _Fold(self._symbols)
        try:
            found = self._judge(waiting.body, waiting.recv_ms)
            fold.add(found)
        except FrameRefused as refusal:
            fold.refuse(refusal.reason)
            self._keep(waiting.body, refusal.reason)
            return
        if found.refused:
            self._keep(waiting.body, found.refused[0][1])

    def _rest(self, link: _Link) -> Iterable[Waiting]:
        """Put what is left of a connection in order: what it carries, that it was opened, its rows, that it ended."""
        newest = link.newest
        if link.connected is not None and link.subscribed is not None and link.subscribed.at_ns < link.connected.at_ns:
            yield link.subscribed
            yield link.connected
        else:
            yield from (waiting for waiting in (link.connected, link.subscribed) if waiting is not None)
        if newest is not None:
            yield newest._replace(kind=FOLDED, body=b"")
        if link.lost is not None:
            yield link.lost
