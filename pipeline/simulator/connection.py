"""One feed connection as the simulator sees it: what it asked for, how far it has read, what ails it.

Reads   fault orders of a connection (``faults.STALLS``, ``close_code``)
Writes  nothing; the feed asks ``is_dumb`` and ``is_silent`` before it sends
Five ways to be silently dead: ``mute`` (nothing at all), ``mute_frames`` (pings go on), ``mute_keys`` (some papers),
``freeze`` (the same frame for ever), ``half_open`` (neither reads nor writes). The market goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from pipeline.simulator.faults import Fault
from pipeline.simulator.stage import Listener
from pipeline.simulator.subscriptions import Subscriptions

LOOK_S = 0.02
ABNORMAL = 1006
"""The close code that a client sees when there was no close frame: we cut the line."""


@dataclass(slots=True)
class Connection:
    """One socket. The ledger keeps it after its end, without the socket."""

    number: int
    opened_ms: int
    subscriptions: Subscriptions
    socket: web.WebSocketResponse | None
    transport: asyncio.Transport | None = None
    closed_ms: int = 0
    listener: Listener | None = None
    subscribed: asyncio.Event = field(default_factory=asyncio.Event)
    fresh: list[str] = field(default_factory=list)
    """Keys that wait for their snapshot."""
    passed: int = 0
    """Frames of the market that were looked at for it."""
    sent: int = 0
    last_ts: int = 0
    pinged: int = 0
    ponged: int = 0
    pong: asyncio.Event = field(default_factory=asyncio.Event)
    is_ending: bool = False
    """The day is over and our close frame is on its way."""
    stall: str = ""
    muted: frozenset[str] = frozenset()
    is_lasting: bool = False
    last: bytes = b""
    """The frame that was sent last: what a frozen connection repeats."""

    @property
    def is_dumb(self) -> bool:
        """Nothing goes out, and nothing that comes in is heard."""
        return self.stall in ("mute", "half_open")

    @property
    def is_silent(self) -> bool:
        """No frame goes out."""
        return self.stall in ("mute", "half_open", "mute_frames")

    @property
    def modes(self) -> Mapping[str, str]:
        """What is sent now: the subscriptions without the muted keys."""
        modes = self.subscriptions.modes
        return modes if not self.muted else {key: mode for key, mode in modes.items() if key not in self.muted}

    def hear(self, payload: bytes, known: Mapping[str, object], now_ms: int) -> bool:
        """Take a control frame; tell whether a snapshot is owed. Asking again cures a muted key, unless the fault lasts."""
        fresh = self.subscriptions.obey(payload, known, now_ms)
        if not self.is_lasting:
            self.muted -= frozenset(fresh)
        self.fresh += fresh
        return bool(fresh)

    def strike(self, fault: Fault) -> None:
        """Begin to stall."""
        self.is_lasting = fault.lasting
        if fault.kind == "mute_keys":
            self.muted |= frozenset(fault.keys)
            return
        self.stall = fault.kind
        self.pong.set()  # nobody waits for the pong of a dead line
        if fault.kind == "half_open" and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def heal(self) -> None:
        """Be well again; what was missed stays missed."""
        if self.stall == "half_open" and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
        self.stall, self.muted, self.is_lasting = "", frozenset(), False

    async def hang_up(self, code: int) -> None:
        """Close with a code, or cut the line for 1006."""
        self.is_ending = True
        if code == ABNORMAL:
            self.cut()
        elif self.socket is not None:
            await self.socket.close(code=code, message=b"fault")

    def cut(self) -> None:
        """End the line without a close frame, as a lost network does."""
        if self.transport is not None:
            self.transport.abort()

    async def linger(self) -> None:
        """Stay until a client that was not answered goes away itself."""
        while self.is_dumb and self.transport is not None and not self.transport.is_closing():  # noqa: ASYNC110 - a transport tells nobody that it closes
            await asyncio.sleep(LOOK_S)

    def end(self, now_ms: int) -> None:
        """Keep what the ledger tells, let go of the rest."""
        self.closed_ms, self.socket, self.transport, self.listener, self.last = now_ms, None, None, None, b""

    def row(self, *, with_keys: bool) -> dict[str, Any]:
        """Tell what the server knows of this connection."""
        asked = [one.row() for one in self.subscriptions.asked]
        more = {"modes": dict(self.subscriptions.modes), "asked": asked} if with_keys else {}
        times = {"number": self.number, "opened_ms": self.opened_ms, "closed_ms": self.closed_ms}
        state = {"sent": self.sent, "pinged": self.pinged, "last_ts": self.last_ts, "stall": self.stall, "muted": sorted(self.muted)}
        return {**times, **state, "keys": len(self.subscriptions.modes), **more}
