"""The live feed as a source of records, whatever happens to the connections.

Reads   the market feed V3 over as many websockets as the plan needs (``lines.py``), changes of what is wanted
Gives   ``TickBatch`` (raw fields), ``DepthBatch`` and ``MarketStatus``, in the order of their event time; a gap is a batch
        of its own; when it is to be recorded, before its records each ``FeedEvent`` that they came of
Law     what happened becomes events, and ``Intake`` alone decides what records come of them. What cannot be delivered
        yet is held, raw at first and folded by symbol beyond a limit (``backlog.py``); a lossless run reads no more than
        it is asked for instead, and TCP holds the server back.

Never stops on its own before the session is over; never shows a token.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.broker.backlog import Backlog, Waiting
from pipeline.broker.gathering import GATHER_NS, Gathering
from pipeline.broker.intake import Intake, Outcome, stretches
from pipeline.broker.lines import Access, Lines, LineState
from pipeline.broker.link import ArrivalKind, LinkConfig, require_client
from pipeline.broker.plan import LIMITS
from pipeline.broker.quarantine import Quarantine
from pipeline.broker.subscriptions import Subscriptions
from pipeline.broker.watch import GapRepair, QuoteCheck, Watch
from pipeline.core.errors import Refused
from pipeline.core.feed import FeedEvent, FeedEventKind
from pipeline.core.registry import did_you_mean
from pipeline.core.types import NO_SYMBOL, TickBatch, TickKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pipeline.broker.link import Arrival, Links
    from pipeline.broker.plan import Plan
    from pipeline.core.feed import SubscriptionChange
    from pipeline.core.session import SessionDay
    from pipeline.core.types import Instrument

__all__ = ["Access", "FeedConfig", "FeedSource", "GapRepair", "QuoteCheck"]

log = logging.getLogger("ticktick.feed")
KIND = FeedEventKind
MAX_TURNS = 64
"""Turns of receiving in one read: beyond, those that are here go first."""
BEHIND_S = 1.0
"""Being behind for so long without a break is no burst: what waits is folded."""
POLL_S = 1.0
REPAIR_POLL_S = 0.25
MB = 1024 * 1024
COUNTED = ("frames", "ticks", "gaps", "repeats", "refused_frames", "refused_rows", "folds", "folded_frames", "folded_rows")


@dataclass(frozen=True, slots=True)
class FeedConfig:
    quarantine: Path
    """Folder for refused frames."""
    link: LinkConfig = field(default_factory=LinkConfig)
    silence_ms: int = 30_000
    """No frame for so long in continuous trading is a gap."""
    hold_ms: int = 600_000
    """Candles of what was not followed wait for their repair no longer than this (event time); without a repair not at all."""
    backoff_s: float = 0.5
    backoff_cap_s: float = 30.0
    plan: str = "normal"
    client: str = "picows"
    confirm_s: float = 10.0
    symbol_silence_s: float = 60.0
    max_backlog_mb: float = 16.0
    is_lossless: bool = False
    """The sender waits for us (headless runs, replays): never fold, and judge nothing by our clock."""
    is_recording: bool = False
    """Give the events themselves too, each before its records."""


def make_links(config: FeedConfig) -> Links:
    """Give a set of connections over the configured library."""
    if config.client == "websockets":
        from pipeline.broker.link_websockets import WebsocketsLinks

        return WebsocketsLinks(config.link)
    from pipeline.broker.link_picows import PicowsLinks

    return PicowsLinks(config.link)


class FeedSource:
    """An endless reader of one day's feed.

    Args:
        config: addresses, times, folder.
        instruments: everything known today; what is followed of it is subscribed at every connect.
        access: token of the moment.
        session: today's phases; without them silences are not judged.
        last_ts: time of the last committed frame, 0 at the start of a day.
        changes: gives the changes of what is wanted since the last call; asked about once a second.
        quotes: compares silent symbols with the broker's quotes.
        repair: fetches what gaps spoiled.
    """

    def __init__(
        self,
        config: FeedConfig,
        instruments: Sequence[Instrument],
        access: Access,
        session: SessionDay | None = None,
        last_ts: int = 0,
        *,
        changes: Callable[[], Sequence[SubscriptionChange]] | None = None,
        quotes: QuoteCheck | None = None,
        repair: GapRepair | None = None,
    ) -> None:
        require_client(config.client)
        if config.plan not in LIMITS:
            raise Refused(f"unknown feed plan {config.plan!r}{did_you_mean(config.plan, LIMITS)}: set feed.plan in the settings")
        if not instruments:
            raise Refused("there is nothing to follow: the watchlist is empty")
        self._config = config
        self._instruments = instruments
        self._changes, self._quotes, self._repair = changes, quotes, repair
        self._subscriptions = Subscriptions(instruments, config.link.mode, LIMITS[config.plan])
        self._quarantine = Quarantine(config.quarantine)
        self._intake = Intake(instruments, session, config.silence_ms, last_ts, self._quarantine)
        self._backlog = Backlog(self._intake.judge, self._quarantine.keep, len(instruments), config.max_backlog_mb * MB)
        self._lines = Lines(config.link, access, lambda: make_links(config), (config.backoff_s, config.backoff_cap_s))
        limits = (config.confirm_s, config.symbol_silence_s, config.link.dead_after_s)
        self._watch = Watch(instruments, session, self._lines, limits, quotes, on_stall=self._stalled, is_judging=not config.is_lossless)
        self._polled_at = self._repaired_at = 0.0
        self._pressed_ns = 0
        """Since when the backlog has been full without a break; 0 when it is not."""
        self._gathering = Gathering()
        self.received_ns: list[int] = []
        """When the frames of the last read were received, on the monotonic clock; of what had collected, the earliest that may be."""
        self._put(0, KIND.STARTED, b"%d" % last_ts if repair is None else b"%d %d" % (last_ts, config.hold_ms))
        self._follow()

    @property
    def watermark(self) -> int:
        """Event time of the newest frame given or proven repeated: nothing older will come."""
        return self._intake.watermark

    @property
    def is_over(self) -> bool:
        """The exchange closed and the broker ended every connection."""
        return self._intake.is_over

    # ------------------------------------------------------------------ reading

    def read(self, limit: int, timeout_s: float) -> list[Outcome | FeedEvent]:
        """Return the records of up to about ``limit`` frames; none when it is quiet for the time given.

        All records of one frame (gap, states, rows) come in one read: the caller commits a read as a whole, and a
        restart takes up after the frame's time, which they share. What is left is held, and counted.
        """
        deadline = time.monotonic() + timeout_s
        self.received_ns = []
        out: list[Outcome | FeedEvent] = []
        self._poll()
        # A wait below takes in what is there; what collects is left where it is.
        if not self._collect(limit, timeout_s) and (timeout_s <= 0 or len(self._backlog)):
            self._drain(limit)
        while not self.is_over:
            self._deliver(limit, out)
            left = deadline - time.monotonic()
            if out or left <= 0:
                break
            self._receive(left)
        self._deliver_repairs(out)
        self._gathering.gave(self.received_ns, time.monotonic_ns())
        self._watch.look(time.monotonic_ns(), is_behind=self._backlog.is_behind)
        return out

    def _collect(self, limit: int, timeout_s: float) -> bool:
        """Let thick frames collect while the caller would wait, to count as received when the wait began. Tell whether they collect."""
        now, until = time.monotonic_ns(), self._gathering.until_ns
        if self._config.is_lossless or until <= now:
            return False
        until = min(until, now + int(timeout_s * 1e9))
        while self._backlog.frames < limit and now < until:
            time.sleep(min(until - now, GATHER_NS) / 1e9)
            self._receive(0.0, since_ns=now)
            now = time.monotonic_ns()
        return True

    def idle(self) -> None:
        """Keep the connections alive and take in what comes, while nothing can be delivered (Redis is away)."""
        if not self._config.is_lossless:
            self._drain(0, is_stuck=True)
            self._watch.look(time.monotonic_ns(), is_behind=self._backlog.is_behind)

    def _drain(self, limit: int, *, is_stuck: bool = False) -> None:
        """Take in what is there, as far as there is room; in a lossless run no more than is asked for."""
        for _ in range(MAX_TURNS):
            if self._config.is_lossless and self._backlog.frames >= limit:
                return
            if not self._has_room(is_stuck=is_stuck):
                return
            if self._receive(0.0, is_stuck=is_stuck) == 0:
                self._pressed_ns = 0
                return

    def _has_room(self, *, is_stuck: bool) -> bool:
        """Tell whether more may be taken in.

        As long as we go on, the rest waits in the kernel and holds the sender back: a burst is caught up with. When
        we stand still, or have been behind for too long, what waits is folded.
        """
        if self._config.is_lossless or not self._backlog.is_too_much:
            return True
        now = time.monotonic_ns()
        self._pressed_ns = self._pressed_ns or now
        if not is_stuck and now - self._pressed_ns < BEHIND_S * 1e9:
            return False
        self._fold()
        self._pressed_ns = 0
        return True

    def _receive(self, timeout_s: float, *, is_stuck: bool = False, since_ns: int = 0) -> int:
        found = self._lines.receive(timeout_s)
        if found:
            wall_ns = time.time_ns() - time.monotonic_ns()
            for arrival in found:
                self._arrived(arrival, wall_ns, since_ns)
                if is_stuck and self._backlog.is_too_much:
                    self._fold()
        return len(found)

    def _fold(self) -> None:
        log.warning("feed backlog folded", extra={"fields": {"frames": self._backlog.frames, "bytes": self._backlog.bytes}})
        self._backlog.fold()

    def _arrived(self, arrival: Arrival, wall_ns: int, since_ns: int) -> None:
        link, kind, what, at_ns = arrival
        if kind is ArrivalKind.FRAME:
            self._backlog.put(Waiting(link, KIND.FRAME, what, (at_ns + wall_ns) // 1_000_000, since_ns or at_ns))
        elif kind is ArrivalKind.OPENED:
            keys = self._lines.lines[link].carries
            self._watch.clock.connected(link)
            self._watch.asked(keys, at_ns)
            self._put(link, KIND.CONNECTED, _by_mode(keys), at_ns)
        elif kind is ArrivalKind.LOST:
            self._watch.left(self._lines.lines[link].carries)
            self._put(link, KIND.LOST, str(what).encode(), at_ns)
        elif kind is ArrivalKind.TEXT:
            self._intake.refuse(what, "text")

    def _put(self, link: int, kind: FeedEventKind, body: bytes, at_ns: int = 0) -> None:
        self._backlog.put(Waiting(link, kind, body, time.time_ns() // 1_000_000, at_ns or time.monotonic_ns()))

    def _stalled(self, link: int, keys: dict[str, int]) -> None:
        self._put(link, KIND.STALLED, json.dumps(keys, separators=(",", ":")).encode())

    # ------------------------------------------------------------------ delivering

    def _deliver(self, limit: int, out: list[Outcome | FeedEvent]) -> None:
        while len(self.received_ns) < limit:
            waiting = self._backlog.pop()
            if waiting is None:
                return
            self._take(waiting, out)
            if waiting[1] is KIND.LOST and self.is_over:
                return

    def _take(self, waiting: Waiting, out: list[Outcome | FeedEvent]) -> None:
        link, kind, body, recv_ms, at_ns = waiting
        intake = self._intake
        if kind is KIND.FRAME and not self._config.is_recording:
            records = intake.take_frame(link, body, recv_ms)  # as take() would, without an event for each
        else:
            event = FeedEvent(intake.watermark, recv_ms, link, kind, body)
            records = intake.take(event)
            if self._config.is_recording:
                out.append(event)
        out += records
        if kind is KIND.FRAME:
            self.received_ns.append(at_ns)
            if intake.frame_ts > 0:
                self._watch.clock.saw(link, intake.frame_ts, at_ns, recv_ms)
        elif kind is KIND.LOST:
            self._lines.end(link, is_over=intake.has_ended(link))
        for record in records:
            if type(record) is TickBatch:
                self._note(record)

    def _note(self, batch: TickBatch) -> None:
        """Hear what came, and have repaired what did not."""
        rows = batch.rows
        self._watch.heard.hear(rows, batch.ts)
        if self._repair is not None and rows["kind"][0] == TickKind.GAP:
            now_ms = self._watch.clock.now_ms(time.monotonic_ns())
            for sids, start, end in stretches(rows):
                is_all = sids[0] == NO_SYMBOL
                keys = list(self._subscriptions.wanted) if is_all else [self._instruments[sid].instrument_key for sid in sids]
                self._repair.missed(keys, start, end, now_ms)

    def _deliver_repairs(self, out: list[Outcome | FeedEvent]) -> None:
        now = time.monotonic()
        if self._repair is None or now - self._repaired_at < REPAIR_POLL_S:
            return
        self._repaired_at = now
        rows = self._repair.ready(self._watch.clock.now_ms(time.monotonic_ns()))
        if rows is not None and len(rows) > 0:
            self._take(Waiting(0, KIND.REPAIR, rows.tobytes(), time.time_ns() // 1_000_000, 0), out)

    # ------------------------------------------------------------------ what is wanted

    def _poll(self) -> None:
        now = time.monotonic()
        if self._changes is not None and now - self._polled_at >= POLL_S:
            self._polled_at = now
            self.want(self._changes())

    def want(self, changes: Iterable[SubscriptionChange]) -> None:
        """Follow other symbols from now on. What cannot be followed is logged, and shown in the status."""
        before = self._subscriptions.plan
        for refusal in self._subscriptions.apply(changes):
            log.warning("subscription refused", extra={"fields": {"why": refusal}})
        if self._subscriptions.plan is not before:
            self._follow(before)

    def _follow(self, before: Plan | None = None) -> None:
        """Go over to the plan in force, and put down for the records what each connection is to carry."""
        plan, now_ns = self._subscriptions.plan, time.monotonic_ns()
        self._lines.follow(plan)
        old = before.links if before is not None else ()
        for link in range(max(len(plan.links), len(old))):
            now, then = plan.links[link] if link < len(plan.links) else {}, old[link] if link < len(old) else {}
            if now == then:
                continue
            self._watch.left(key for key in then if key not in now)
            if self._lines.lines[link].state is LineState.OPEN:
                self._watch.asked((key for key, mode in now.items() if then.get(key) != mode), now_ns)
            self._put(link, KIND.SUBSCRIBED, _by_mode(now), now_ns)

    # ------------------------------------------------------------------ ending, and what people see

    def close(self) -> None:
        """Leave the feed; a later read connects again."""
        for link, line in self._lines.open_lines():
            self._watch.left(line.carries)
            self._put(link, KIND.LOST, b"1001 we left")
        self._lines.close()
        for helper in (self._quotes, self._repair):
            if helper is not None:
                helper.close()

    def _state(self) -> str:
        lines = [line for number, line in self._lines.lines.items() if number < len(self._subscriptions.plan.links)]
        if self.is_over:
            return "over"
        if self._lines.needs_login:
            return "login needed"
        up = sum(line.state is LineState.OPEN for line in lines)
        return "idle" if not lines else "connected" if up == len(lines) else "partly connected" if up > 0 else "waiting"

    def status(self) -> dict[str, str | int]:
        """Return the state of the connections and every count, for ``feed:status`` and the page."""
        now_ns = time.monotonic_ns()
        open_lines = dict(self._lines.open_lines())
        counts = self._intake.counts
        wanted = self._subscriptions.wanted
        sids = {i.instrument_key: i.sid for i in self._instruments}
        return {
            "state": self._state(),
            "mode": self._config.link.mode,
            "last_ts": self.watermark,
            "wanted": len(wanted),
            "subscribed": sum(len(line.carries) for line in open_lines.values()),
            "links": " ".join(f"{number}={line.state.value}({len(line.carries)})" for number, line in self._lines.lines.items()),
            "unseen": sum(not self._watch.heard.at_ms[sids[key]] for key in wanted),
            "connects": self._lines.connects,
            **{name: counts[name] for name in COUNTED},
            "held_frames": self._backlog.frames,
            "held_bytes": self._backlog.bytes,
            "most_held_bytes": self._backlog.most_bytes,
            "refused_why": self._intake.why_refused(),
            "refused_changes": self._subscriptions.refusals,
            "refused_changes_why": "; ".join(self._subscriptions.refused),
            "unknown_keys": self._intake.unknown_keys,
            "quarantine_lost": self._quarantine.lost,
            "failed_tries": self._lines.tries,
            "last_error": self._lines.last_error,
            **self._watch.status(now_ns),
        }

    def wanted_rows(self) -> dict[str, str]:
        """Say of every symbol of today how it is followed, for ``feed:wanted``; what is not followed is ``off``."""
        return self._watch.wanted_rows(time.monotonic_ns())


def _by_mode(keys: Mapping[str, str]) -> bytes:
    modes: dict[str, list[str]] = {}
    for key, mode in keys.items():
        modes.setdefault(mode, []).append(key)
    return json.dumps(modes, separators=(",", ":")).encode()
