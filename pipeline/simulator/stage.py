"""The pump: plays a market's frames in time, keeps the last ones, and lets listeners read at their own pace.

Reads   a MarketMaker
Writes  frames into a ring of 2,048, the tape, and whoever watches (the order desk)
The clock starts with the first subscriber. Speed 0 plays as fast as the slowest listener takes it. With
``hold`` the market waits while nobody listens; without it, it goes on at ``idle_speed``. Never skips a frame.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from pipeline.simulator.market import Frame, Kind, MarketMaker
from pipeline.simulator.tape import Tape

RING = 2_048
AHEAD = 64
"""Frames that may be made before the slowest listener has read them."""


class Listener:
    """A place in the sequence of frames."""

    __slots__ = ("at",)

    def __init__(self, at: int) -> None:
        self.at = at


class Stage:
    """One market being played. ``head`` is the number of frames that were shown."""

    def __init__(self, maker: MarketMaker, tape: Tape, *, speed: float, hold: bool, idle_speed: float) -> None:
        self.maker, self.tape = maker, tape
        self.speed, self.hold, self.idle_speed = speed, hold, idle_speed
        self.ring: deque[Frame] = deque(maxlen=RING)
        self.head = 0
        self.is_over = False
        self.is_quiet = False
        """Nobody trades: time goes on, but nothing is shown except changes of state."""
        self.watchers: list[Callable[[Frame], None]] = []
        self._listeners: list[Listener] = []
        self._started = asyncio.Event()
        self._changed = asyncio.Event()
        self._anchor = (0.0, 0)
        self._pace = -1.0

    @property
    def is_started(self) -> bool:
        return self._started.is_set()

    def open(self) -> None:
        """Show the state before the first frame, once."""
        if self.head == 0:
            status, updates = self.maker.opening()
            self._show(Frame(self.maker.start_ms - 1, Kind.STATUS, status=status))
            self._show(Frame(self.maker.start_ms, Kind.SNAPSHOT, updates))

    def join(self, at: int) -> Listener:
        """Add a listener at a place in the sequence; the first one starts the clock."""
        listener = Listener(at)
        self._listeners.append(listener)
        self._started.set()
        self.notify()
        return listener

    def leave(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
        self.notify()

    @property
    def oldest(self) -> int:
        """Place of the oldest frame that is still kept."""
        return self.head - len(self.ring)

    def is_done(self, listener: Listener) -> bool:
        return self.is_over and listener.at >= self.head

    async def after(self, listener: Listener) -> list[Frame]:
        """Give the frames a listener has not read; waits for a change, so it may give none."""
        if listener.at >= self.head and not self.is_over:
            await self._changed.wait()
        # A listener that is slower than real time loses what has left the ring, as on a real feed.
        listener.at = max(listener.at, self.oldest)
        start = listener.at - self.oldest
        return [self.ring[i] for i in range(start, min(len(self.ring), start + AHEAD))]

    def read(self, listener: Listener, frames: int) -> None:
        """Note that frames were sent on; the market may go on."""
        listener.at += frames
        self.notify()

    async def run(self) -> None:
        """Play the whole market."""
        await self._started.wait()
        self.open()
        for frame in self.maker.frames():
            await self._wait_turn(frame.ts)
            if self.is_quiet and frame.kind is not Kind.STATUS:
                self.tape.now_ms = frame.ts
            else:
                self._show(frame)
        self.is_over = True
        self.notify()

    async def _wait_turn(self, ts: int) -> None:
        while True:
            if not self._listeners and self.hold:
                self._pace = -1.0
                await self._changed.wait()
                continue
            pace = self.speed if self._listeners or self.speed > 0 else self.idle_speed
            if pace > 0:
                if await self._is_due(ts, pace):
                    return
            elif all(self.head - one.at < AHEAD for one in self._listeners):
                self._pace = 0.0
                if self.head % AHEAD == 0:
                    await asyncio.sleep(0)
                return
            else:
                await self._changed.wait()

    async def _is_due(self, ts: int, pace: float) -> bool:
        """Sleep towards a frame's time; False when the pace may have changed meanwhile."""
        if pace != self._pace:
            self._pace, self._anchor = pace, (time.monotonic(), self.tape.now_ms)
        due = self._anchor[0] + (ts - self._anchor[1]) / 1000 / pace
        left = due - time.monotonic()
        if left <= 0:
            return True
        try:
            # Not wait_for: in Python 3.11 it loses a cancellation that comes together with the event.
            async with asyncio.timeout(left):
                await self._changed.wait()
        except TimeoutError:
            return True
        await asyncio.sleep(0)
        return False

    def _show(self, frame: Frame) -> None:
        self.tape.take(frame)
        for watch in self.watchers:
            watch(frame)
        self.ring.append(frame)
        self.head += 1
        self.notify()

    def notify(self) -> None:
        """Wake everyone who waits; each looks for himself whether it concerns him."""
        self._changed.set()
        self._changed = asyncio.Event()
