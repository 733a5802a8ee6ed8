"""What happened to the feed -> the records that come of it. The one place that decides; no clock, no network.

Reads   ``FeedEvent``s in the order they were delivered, live from the connections or from a recorded day
Gives   ``TickBatch``, ``DepthBatch`` and ``MarketStatus`` in the order of their time; a gap is a batch of its own
Law     the same events give the same records, byte for byte. Each connection has its own continuity; a record is
        stamped with its frame's time, or with the newest time given so far when another connection was ahead.
        A frame that is refused is counted and, live, kept.

A gap of a connection that carries everything wanted is one ``NO_SYMBOL`` row, else one row for each of its symbols. What was not
followed before a symbol's first row (a start in mid-session, a late subscription, one that was taken back) is a gap of that symbol,
from the open or from when it was left; if it is to be repaired, ``i1_ts`` says how long its candles may wait for that.
Never asks what time it is, never drops a frame silently, never repairs.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.broker.continuity import Continuity
from pipeline.broker.wire import SESSION_OVER, Decoder, FrameRefused
from pipeline.core.feed import DEPTH, DepthBatch, FeedEventKind
from pipeline.core.session import DAY_MS, Group, group_of, ist_ms
from pipeline.core.snapshot import unpack
from pipeline.core.types import NO_SYMBOL, TICK, MarketStatus, TickBatch, TickFlag, TickKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pipeline.broker.continuity import Place
    from pipeline.broker.quarantine import Quarantine
    from pipeline.broker.wire import Decoded
    from pipeline.core.feed import FeedEvent
    from pipeline.core.session import SessionDay
    from pipeline.core.types import Instrument

log = logging.getLogger("ticktick.feed")
MAX_UNKNOWN = 100
NORMAL_CLOSE = 1_000
SHOWN_REASONS = 20

Outcome = TickBatch | DepthBatch | MarketStatus


class _Line:
    """What is known of one connection."""

    __slots__ = ("continuity", "has_ended", "has_frames", "sids")

    def __init__(self, continuity: Continuity) -> None:
        self.continuity = continuity
        self.sids: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self.has_frames = False
        self.has_ended = False


def _place(line: _Line, ts: int, *, is_state: bool) -> Place:
    place = line.continuity.place(ts, is_state=is_state)
    if place.is_backward:
        raise FrameRefused("time_went_back", f"currentTs {ts} after {line.continuity.last_ts}")
    return place


class Intake:
    """The deterministic half of a feed session.

    Args:
        instruments: everything known today, in the order of ``sid``.
        session: today's phases; without them silences and dates are not judged.
        silence_ms: no frame for so long in continuous trading is a gap; 0 never.
        last_ts: time of the last committed frame, 0 at the start of a day; a STARTED event says it again.
        quarantine: where refused frames are kept; None in a replay.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        session: SessionDay | None = None,
        silence_ms: int = 0,
        last_ts: int = 0,
        quarantine: Quarantine | None = None,
    ) -> None:
        self._sids = {i.instrument_key: i.sid for i in instruments}
        self._opens = np.array([session.open_ms(group_of(i)) if session is not None else 0 for i in instruments], np.int64)
        self._decoder = Decoder(instruments)
        self._quarantine = quarantine
        self._silence_ms = silence_ms
        groups = {group_of(i) for i in instruments}
        self._windows = tuple(w for g in Group if g in groups for w in session.continuous(g)) if session is not None else ()
        self._open_ms = session.open_ms(Group.EQ) if session is not None else 0
        day_ms = ist_ms(session.date, "00:00") if session is not None else 0
        self._day = (day_ms, day_ms + DAY_MS) if session is not None else (0, 1 << 62)
        self._unknown: set[str] = set()
        self.counts: Counter[str] = Counter()
        """frames, ticks, gaps, repeats, refused_frames, refused_rows, connects, folds, folded_frames, folded_rows."""
        self.reasons: Counter[str] = Counter()
        """Why frames and rows were refused."""
        self.frame_ts = 0
        """Event time of the frame taken last; 0 when it was refused."""
        self._begin(last_ts)

    def _begin(self, last_ts: int, hold_ms: int = 0) -> None:
        """Forget the connections: a process starts with what is committed and nothing else.

        ``hold_ms``: how long candles may wait for the repair of what was not followed; 0: nobody repairs, and a late start is no gap.
        """
        self._hold_ms = hold_ms
        self._start_ts = last_ts if last_ts >= self._day[0] else 0
        self.watermark = self._start_ts
        """Event time of the newest frame given or proven repeated: nothing older will come."""
        self._lines: dict[int, _Line] = {}
        self._statuses: dict[str, str] = {}
        self._is_closing = False
        self._left: dict[int, int] = {}
        """Papers that are not followed any more: ``sid`` -> event time reached when they were left."""
        self._since = np.zeros(len(self._opens), np.int64)
        """Papers of which something is missing before their next row (the feed left them out although they traded, or they were not
        followed): event time from which on; 0 of all others."""
        self._is_new = np.zeros(len(self._opens), np.bool_)
        """Those of them that were not followed."""

    @property
    def is_over(self) -> bool:
        """The exchange closed and the broker ended every connection."""
        lines = self._lines.values()
        return any(line.has_ended for line in lines) and all(line.has_ended or len(line.sids) == 0 for line in lines)

    def has_ended(self, link: int) -> bool:
        """Tell whether the broker ended this connection because the day is over."""
        return link in self._lines and self._lines[link].has_ended

    @property
    def unknown_keys(self) -> int:
        return len(self._unknown)

    def take(self, event: FeedEvent) -> list[Outcome]:
        """Return the records that come of one event, all of them or none."""
        kind = event.kind
        if kind == FeedEventKind.FRAME:
            return self.take_frame(event.link, event.body, event.recv_ms)
        out: list[Outcome] = []
        if kind == FeedEventKind.FOLDED:
            self._folded(event, out)
        elif kind == FeedEventKind.REPAIR:
            out.append(TickBatch(self.watermark, np.frombuffer(bytearray(event.body), TICK), event.recv_ms))
        elif kind == FeedEventKind.STARTED:
            self._begin(*(int(word) for word in event.body.split()))
        elif kind == FeedEventKind.LOST:
            self._lost(event)
        elif kind == FeedEventKind.STALLED:
            for key, last in json.loads(event.body).items():
                if key in self._sids and last > 0 and self._since[self._sids[key]] == 0:
                    self._since[self._sids[key]] = last
        else:
            line = self._carries(event)
            if kind == FeedEventKind.CONNECTED:
                self.counts["connects"] += 1
                line.has_ended = False
                is_alone = all(other is line or len(other.sids) == 0 for other in self._lines.values())
                line.continuity.connected(is_own=line.has_frames or is_alone)
        return out

    # ------------------------------------------------------------------ connections

    def _line(self, link: int) -> _Line:
        line = self._lines.get(link)
        if line is None:
            # What a connection that is added later did not carry before, its papers' own marks tell.
            last_ts = self._start_ts if self.watermark == self._start_ts else 0
            line = self._lines[link] = _Line(Continuity(last_ts, self._silence_ms, self._windows))
        return line

    def _carries(self, event: FeedEvent) -> _Line:
        line = self._line(event.link)
        keys = [key for keys in json.loads(event.body).values() for key in keys]
        before, line.sids = line.sids, np.array(sorted(self._sids[key] for key in keys if key in self._sids), np.uint32)
        elsewhere = {sid for other in self._lines.values() if other is not line for sid in other.sids.tolist()}
        for sid in set(before.tolist()) - set(line.sids.tolist()) - elsewhere:
            self._left[sid] = int(self._since[sid]) or self.watermark
            self._since[sid] = 0
        # Before the first frame a restart is judged by its connections, and a start only where somebody repairs.
        if self.watermark > self._start_ts or (self._start_ts == 0 and self._hold_ms > 0):
            for sid in set(line.sids.tolist()) - set(before.tolist()):
                left = self.watermark if sid in elsewhere else self._left.pop(sid, 0)
                self._since[sid] = max(left, int(self._opens[sid]))
                self._is_new[sid] = True
        return line

    def _lost(self, event: FeedEvent) -> None:
        code = event.body.partition(b" ")[0]
        self._line(event.link).has_ended = self._is_closing and code == b"%d" % NORMAL_CLOSE

    def _gap(self, line: _Line, gap: tuple[int, int], recv_ms: int) -> TickBatch:
        """Build the entry that marks a gap.

        It stands just before the first frame seen again, so that a restart between the two does not take that frame
        for one it has.
        """
        last, first = gap
        carried = sum(len(other.sids) for other in self._lines.values())
        is_whole = len(line.sids) == carried
        rows = np.zeros(1 if is_whole else len(line.sids), TICK)
        rows["sid"] = NO_SYMBOL if is_whole else line.sids
        rows["kind"], rows["ltt"], rows["ts_exch"] = TickKind.GAP, last, first
        self._since[line.sids[self._since[line.sids] >= last]] = 0
        self.counts["gaps"] += 1
        log.warning("feed gap", extra={"fields": {"from": last, "to": first, "ms": first - last, "symbols": 0 if is_whole else len(rows)}})
        return TickBatch(max(self.watermark, first - 1), rows, recv_ms)

    def _end_absences(self, rows: NDArray[np.void], ts: int, recv_ms: int, out: list[Outcome]) -> None:
        """Mark what papers missed before this row of theirs."""
        sids = rows["sid"]
        sids = np.unique(sids[self._since[sids] > 0])
        since, is_new = self._since[sids], self._is_new[sids]
        self._since[sids], self._is_new[sids] = 0, False
        is_gap = since < ts
        if is_gap.any():
            marks = np.zeros(np.count_nonzero(is_gap), TICK)
            marks["sid"], marks["kind"], marks["ts_exch"], marks["ltt"] = sids[is_gap], TickKind.GAP, ts, since[is_gap]
            if self._hold_ms > 0:
                marks["i1_ts"][is_new[is_gap]] = ts + self._hold_ms
            self.counts["gaps"] += 1
            log.warning("feed gap", extra={"fields": {"from": int(marks["ltt"].min()), "to": ts, "symbols": len(marks)}})
            out.append(TickBatch(self.watermark, marks, recv_ms))

    # ------------------------------------------------------------------ frames

    def judge(self, frame: bytes | str, recv_ms: int) -> Decoded:
        """Decode a frame and check its date; changes nothing.

        Raises:
            FrameRefused: with the reason by name.
        """
        found = self._decoder.decode(frame, recv_ms)
        if not self._day[0] <= found.ts < self._day[1]:
            raise FrameRefused("other_day", f"currentTs {found.ts} is not of this session's date")
        return found

    def take_frame(self, link: int, body: bytes, recv_ms: int) -> list[Outcome]:
        """Return the records that come of one FRAME event, given by its parts: there are thousands a second."""
        line = self._lines.get(link) or self._line(link)
        self.frame_ts = 0
        try:
            found = self.judge(body, recv_ms)
            place = _place(line, found.ts, is_state=found.rows is None)
        except FrameRefused as refusal:
            self.refuse(body, refusal.reason)
            return []
        self.frame_ts = found.ts
        self._count(body, found)
        if found.statuses:
            self._merge(found.statuses, found.ts)
        if place.is_repeat:
            self.counts["repeats"] += 1
            return []
        out: list[Outcome] = []
        if place.gap is not None:
            out.append(self._gap(line, place.gap, recv_ms))
        line.has_frames = True
        now = self.watermark = max(self.watermark, line.continuity.last_ts)
        if found.statuses:
            out.append(MarketStatus(now, tuple(sorted(self._statuses.items())), self._is_closing))
        if found.rows is not None:
            self._end_absences(found.rows, found.ts, recv_ms, out)
            out.append(TickBatch(now, found.rows, recv_ms))
        if found.depth is not None:
            out.append(DepthBatch(now, found.depth.rows))
        return out

    def _count(self, frame: bytes, found: Decoded) -> None:
        self.counts["frames"] += 1
        if found.rows is not None:
            self.counts["ticks"] += len(found.rows)
        if found.refused:
            self.counts["refused_rows"] += len(found.refused)
            self.reasons.update(reason for _, reason in found.refused)
            if self._quarantine is not None:
                self._quarantine.keep(frame, found.refused[0][1])
        for key in found.unknown:
            self.meet(key)

    def meet(self, key: str) -> None:
        """Note a key that is none of ours."""
        if key not in self._unknown and len(self._unknown) < MAX_UNKNOWN:
            self._unknown.add(key)
            log.warning("feed key not in the watchlist", extra={"fields": {"key": key}})

    def _merge(self, statuses: Sequence[tuple[str, str]], ts: int) -> None:
        """Keep segment states; a message may tell only some of them, and at night the feed shows yesterday's end."""
        if statuses:
            self._statuses.update(statuses)
            self._is_closing = self._statuses.get("NSE_EQ") == SESSION_OVER and ts >= self._open_ms

    def refuse(self, frame: bytes | str, reason: str) -> None:
        """Count a frame that is not taken, and keep it."""
        self.counts["refused_frames"] += 1
        self.reasons[reason] += 1
        if self._quarantine is not None:
            self._quarantine.keep(frame, reason)
        log.warning("feed frame refused", extra={"fields": {"reason": reason, "bytes": len(frame)}})

    # ------------------------------------------------------------------ folded stretches

    def _folded(self, event: FeedEvent, out: list[Outcome]) -> None:
        """Take a stretch of which only the newest row of each symbol is left: it is a gap, then those rows."""
        line = self._line(event.link)
        plain, arrays = unpack(event.body)
        self._count_fold(plain, arrays)
        last = line.continuity.last_ts
        to: int = plain["to"]
        if to <= last:
            self.counts["repeats"] += plain["frames"]
            return
        line.continuity.jump(to)
        line.has_frames = True
        if last > 0:
            out.append(self._gap(line, (last, to), event.recv_ms))
        self.watermark = max(self.watermark, to)
        self._merge([(segment, word) for segment, word in plain["statuses"]], plain["status_ts"])
        if plain["statuses"]:
            out.append(MarketStatus(self.watermark, tuple(sorted(self._statuses.items())), self._is_closing))
        rows = arrays["rows"]
        if len(rows) > 0:
            self._end_absences(rows, to, event.recv_ms, out)
            rows["flags"] |= np.uint32(TickFlag.CONFLATED)
            out.append(TickBatch(self.watermark, rows, event.recv_ms))
        if len(arrays["depth"]) > 0:
            out.append(DepthBatch(self.watermark, arrays["depth"].astype(DEPTH, copy=False)))

    def _count_fold(self, plain: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.counts["folds"] += 1
        self.counts["frames"] += plain["frames"]
        self.counts["ticks"] += plain["rows"]
        self.counts["folded_frames"] += plain["frames"]
        self.counts["folded_rows"] += plain["rows"] - len(arrays["rows"])
        for name in ("refused_frames", "refused_rows"):
            self.counts[name] += plain[name]
        self.reasons.update(plain["reasons"])

    def why_refused(self) -> str:
        """List the reasons of refusals with their counts, for people."""
        return "; ".join(f"{reason}={count}" for reason, count in sorted(self.reasons.items())[:SHOWN_REASONS])


def stretches(marks: NDArray[np.void]) -> Iterator[tuple[list[int], int, int]]:
    """Give the stretches that rows of kind GAP mark: (sids, start, end), those of one and the same stretch together."""
    for start, end in np.unique(np.stack([marks["ltt"], marks["ts_exch"]], axis=1), axis=0).tolist():
        yield marks["sid"][(marks["ltt"] == start) & (marks["ts_exch"] == end)].tolist(), start, end
