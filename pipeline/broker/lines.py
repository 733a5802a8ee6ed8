"""The connections of one account, kept open: who is up, when to try again, with which token, and who is dead.

Reads   the plan (what each connection is to carry), the token of the moment, what arrives over ``Links``
Gives   ``Arrival``s in order, with the ends that it decided itself (no sign of life, a stall) among them
Law     every attempt asks for the token and a fresh address; one attempt at a time, so that a dead token is tried once.
        After 401 nothing is tried until there is another token, which is looked for once a second. Anything else is
        tried again for ever, with a growing, jittered, capped pause. Any frame, a ping included, is life.

Never decodes, never shows a token.
"""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from pipeline.broker.link import ABNORMAL_CLOSE, NORMAL_CLOSE, Arrival, ArrivalKind, LinkLost, control
from pipeline.core.errors import Refused, Unauthorised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pipeline.broker.link import LinkConfig, Links
    from pipeline.broker.plan import Plan

log = logging.getLogger("ticktick.feed")
S = 1_000_000_000
STEADY_NS = 5 * S
"""A connection that lived so long was a good one: the pause before the next starts small again."""
TOKEN_CHECK_NS = S
FOREVER_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Access:
    """The token of the moment, and where to say that it was turned down."""

    token: Callable[[], str]
    reject: Callable[[str], None]


class LineState(Enum):
    WAITING = "waiting"
    CONNECTING = "connecting"
    OPEN = "connected"
    CLOSED = "closed"
    """Ended by the server with 1000: whether the day is over, or it is to be opened again, is decided elsewhere."""
    ENDED = "over"


@dataclass(slots=True)
class Line:
    """One connection. ``carries`` is what this very connection was asked for: key -> mode."""

    state: LineState = LineState.WAITING
    carries: dict[str, str] = field(default_factory=dict)
    tries: int = 0
    next_try_ns: int = 0
    since_ns: int = 0
    life_ns: int = 0
    pinged_ns: int = 0


class Lines:
    """Keeps the planned connections open over ``links``.

    Args:
        config: addresses and times.
        access: token of the moment.
        links: makes the connections; called again after ``close``.
        backoff_s: first and longest pause before another attempt.
    """

    def __init__(self, config: LinkConfig, access: Access, links: Callable[[], Links], backoff_s: tuple[float, float]) -> None:
        self._config = config
        self._access = access
        self._make_links = links
        self._links: Links | None = None
        self._backoff_s = backoff_s
        self._token = ""
        self._dead_token = ""
        self._token_at_ns = 0
        self._lost: list[Arrival] = []
        self.lines: dict[int, Line] = {}
        self.plan: Plan | None = None
        self.connects = 0
        self.last_error = ""
        self.needs_login = ""
        """Why a login is needed; empty when it is not."""

    @property
    def links(self) -> Links:
        if self._links is None:
            self._links = self._make_links()
        return self._links

    @property
    def tries(self) -> int:
        return max((line.tries for line in self.lines.values()), default=0)

    def open_lines(self) -> Iterator[tuple[int, Line]]:
        """Yield the connections that are up."""
        return ((number, line) for number, line in self.lines.items() if line.state is LineState.OPEN)

    # ------------------------------------------------------------------ what is wanted

    def follow(self, plan: Plan) -> None:
        """Go over to a plan: open connections are asked for the difference, empty ones are left, new ones opened."""
        self.plan = plan
        for number in range(len(plan.links)):
            self.lines.setdefault(number, Line())
        for number in self.lines:
            self._adjust(number)

    def _adjust(self, number: int) -> None:
        line, wanted = self.lines[number], self._wanted(number)
        if not wanted:
            if line.state in (LineState.OPEN, LineState.CONNECTING):
                self.links.drop(number)
            line.state, line.carries = LineState.WAITING, {}
            return
        if line.state is not LineState.OPEN:
            return
        gone = [key for key in line.carries if key not in wanted]
        added: dict[str, list[str]] = {}
        changed: dict[str, list[str]] = {}
        for key, mode in wanted.items():
            if key not in line.carries:
                added.setdefault(mode, []).append(key)
            elif line.carries[key] != mode:
                changed.setdefault(mode, []).append(key)
        # Leave first: a connection that is full has no room for what comes.
        frames = [*control("unsub", "", gone)]
        frames += [frame for mode, keys in changed.items() for frame in control("change_mode", mode, keys)]
        frames += [frame for mode, keys in added.items() for frame in control("sub", mode, keys)]
        self.links.send(number, frames)
        line.carries = dict(wanted)

    def _wanted(self, number: int) -> Mapping[str, str]:
        return self.plan.links[number] if self.plan is not None and number < len(self.plan.links) else {}

    def ask_again(self, number: int, keys: list[str]) -> None:
        """Subscribe keys once more on the connection that carries them."""
        modes: dict[str, list[str]] = {}
        for key in keys:
            modes.setdefault(self.lines[number].carries.get(key, self._config.mode), []).append(key)
        self.links.send(number, [frame for mode, some in modes.items() for frame in control("sub", mode, some)])

    # ------------------------------------------------------------------ the loop's part

    def receive(self, timeout_s: float) -> list[Arrival]:
        """Open what is due, and give everything that arrived within the time."""
        now = time.monotonic_ns()
        until_s = self._open_next(now)
        found = self._lost + self.links.receive(0.0 if self._lost else min(timeout_s, until_s))
        self._lost = []
        for number, kind, what, at_ns in found:
            line = self.lines[number]
            line.life_ns = max(line.life_ns, at_ns)
            if kind is ArrivalKind.OPENED:
                self._opened(number, line, at_ns)
            elif kind is ArrivalKind.FAILED:
                self._refused(line, what)
            elif kind is ArrivalKind.LOST:
                self._is_gone(line, what, at_ns)
        self._watch(time.monotonic_ns())
        return found

    def _due(self) -> tuple[int, int] | None:
        """Give when the next attempt is to begin, and on which connection; None while one is under way, or none is needed."""
        if any(line.state is LineState.CONNECTING for line in self.lines.values()):
            return None
        waiting = ((line.next_try_ns, n) for n, line in self.lines.items() if line.state is LineState.WAITING and self._wanted(n))
        return min(waiting, default=None)

    def _open_next(self, now: int) -> float:
        """Begin one attempt, when one is due and none is under way; give the seconds until the next."""
        due = self._due()
        if due is None:
            return FOREVER_S
        if due[0] <= now:
            self._open(due[1], now)
            due = self._due()
        return max(0.0, (max(due[0], self._token_at_ns) - now) / S) if due is not None else FOREVER_S

    def _open(self, number: int, now: int) -> None:
        token = self._usable_token(now)
        if token is None:
            return
        line = self.lines[number]
        line.state, line.carries, self._token = LineState.CONNECTING, dict(self._wanted(number)), token
        assert self.plan is not None  # noqa: S101 - for the type checker: a key that is wanted is planned
        self.links.connect(number, token, self.plan.by_mode(number))

    def _usable_token(self, now: int) -> str | None:
        if now < self._token_at_ns:
            return None
        self._token_at_ns = now + TOKEN_CHECK_NS
        try:
            token = self._access.token()
        except (Unauthorised, Refused) as error:  # none, or a file that cannot be read
            self._ask_for_login(str(error))
            return None
        if token == self._dead_token:
            return None
        self._token_at_ns = 0
        return token

    def _ask_for_login(self, why: str) -> None:
        if not self.needs_login:
            log.error("feed needs a login", extra={"fields": {"why": why}})
        self.needs_login = self.last_error = why

    def _opened(self, number: int, line: Line, at_ns: int) -> None:
        self.connects += 1
        self.needs_login = self._dead_token = ""
        line.state, line.since_ns, line.pinged_ns = LineState.OPEN, at_ns, at_ns
        log.info("feed connected", extra={"fields": {"link": number, "connects": self.connects, "symbols": len(line.carries)}})
        self._adjust(number)  # the plan may have changed while it was opened

    def _refused(self, line: Line, error: object) -> None:
        line.state = LineState.WAITING
        if not isinstance(error, Unauthorised):
            self._failed(line, str(error))
            return
        self._dead_token = self._token
        self._token_at_ns = time.monotonic_ns() + TOKEN_CHECK_NS
        self._access.reject(self._token)
        self._ask_for_login(str(error))

    def _is_gone(self, line: Line, lost: LinkLost, at_ns: int) -> None:
        if at_ns - line.since_ns > STEADY_NS:
            line.tries = 0
        if lost.code == NORMAL_CLOSE:
            line.state, self.last_error = LineState.CLOSED, f"connection lost: {lost}"
            return
        line.state = LineState.WAITING
        self._failed(line, f"connection lost: {lost}")

    def _failed(self, line: Line, why: str) -> None:
        line.tries += 1
        first, longest = self._backoff_s
        pause = min(longest, first * 2.0 ** min(line.tries - 1, 16))
        # Jitter, so that many clients do not come back in step after an outage.
        pause *= 0.5 + secrets.randbelow(1_000) / 2_000
        line.next_try_ns = time.monotonic_ns() + int(pause * S)
        self.last_error = why
        log.warning("feed not connected", extra={"fields": {"why": why, "try": line.tries, "pause_s": round(pause, 1)}})

    def end(self, number: int, *, is_over: bool) -> None:
        """Settle what a normal close meant: the end of the day, or one more connection to open."""
        line = self.lines[number]
        if line.state is LineState.CLOSED:
            line.state = LineState.ENDED if is_over else LineState.WAITING
            if not is_over:
                self._failed(line, self.last_error)

    def _watch(self, now: int) -> None:
        """Ping who is quiet, leave who is dead. Called after a receive: what was under way has been counted."""
        for number, line in tuple(self.open_lines()):
            line.life_ns = max(line.life_ns, self.links.life_ns(number))
            silent_s = (now - line.life_ns) / S
            if silent_s > self._config.dead_after_s:
                self.leave(number, f"no sign of life for {silent_s:.0f} s")
            elif silent_s > self._config.ping_after_s and now - line.pinged_ns > self._config.ping_after_s * S:
                line.pinged_ns = now
                self.links.ping(number)

    def leave(self, number: int, why: str) -> None:
        """End a connection ourselves; LOST comes with the next receive, and it is opened again."""
        line = self.lines.get(number)
        if line is not None and line.state is LineState.OPEN:
            self.links.drop(number)
            line.state = LineState.CLOSED
            self._lost.append((number, ArrivalKind.LOST, LinkLost(ABNORMAL_CLOSE, why), time.monotonic_ns()))

    def close(self) -> None:
        """Leave all; a later receive opens them again."""
        if self._links is not None:
            self._links.close()
            self._links = None
        for line in self.lines.values():
            if line.state is not LineState.ENDED:
                line.state, line.next_try_ns = LineState.WAITING, 0
