"""The market_info messages of a day: which status each segment has, and when it changes.

Reads   SessionDay windows
Writes  (ts, Status) in order; each Status is the merged whole
Words as Upstox uses them; closing-auction and pre-open words are strings of their own, not the enum.
"""

from __future__ import annotations

from pipeline.core.session import Group, Phase, SessionDay, ist_ms
from pipeline.simulator.market import Status

M_END_FROM = "2026-09-07"
"""Since then market orders leave the pre-open at 09:05."""
_SEGMENT = {Group.EQ: "NSE_EQ", Group.FO: "NSE_FO", Group.INDEX: "NSE_INDEX"}
_CAS_WORD = {
    Phase.AUCTION_REFERENCE: "CTS_CLOSE",
    Phase.AUCTION: "CAS_LM_START",
    Phase.AUCTION_LIMIT: "CAS_M_STOP",
    Phase.AUCTION_MATCH: "CAS_STOP",
}
_Change = tuple[int, str, str, str]
"""ts, map (``segments`` ``cas`` ``pre_open``), segment, word"""


def statuses(day: SessionDay, end_ms: int) -> list[tuple[int, Status]]:
    """List every status of a day; the last one is CLOSING_END at ``end_ms``."""
    segments = dict.fromkeys(_SEGMENT.values(), "NORMAL_CLOSE")
    cas: dict[str, tuple[str, int]] = {}
    pre_open: dict[str, tuple[str, int]] = {}
    out: list[tuple[int, Status]] = []
    for ts, place, segment, word in sorted(_changes(day), key=lambda c: c[0]):
        if ts >= end_ms:
            break
        if place == "segments":
            segments[segment] = word
        else:
            (cas if place == "cas" else pre_open)[segment] = (word, ts)
        merged = Status(dict(segments), dict(cas), dict(pre_open))
        if out and out[-1][0] == ts:
            out[-1] = (ts, merged)
        else:
            out.append((ts, merged))
    final = Status(dict.fromkeys(segments, "CLOSING_END"), dict(cas), dict(pre_open))
    return [*out, (end_ms, final)]


def status_at(changes: list[tuple[int, Status]], ts: int) -> Status:
    """Give the status in force at an instant; before the first change everything is closed."""
    found = Status(dict.fromkeys(_SEGMENT.values(), "NORMAL_CLOSE"))
    for since, status in changes:
        if since > ts:
            break
        found = status
    return found


def _changes(day: SessionDay) -> list[_Change]:
    out: list[_Change] = []
    for group, segment in _SEGMENT.items():
        for window in day.windows[group]:
            out += _window_changes(day, segment, window.phase, window.start_ms, window.end_ms)
    for window in day.windows[Group.EQ_CAS]:
        if window.phase in _CAS_WORD:
            out.append((window.start_ms, "cas", "NSE_EQ", _CAS_WORD[window.phase]))
    return out


def _window_changes(day: SessionDay, segment: str, phase: Phase, start: int, end: int) -> list[_Change]:
    if phase is Phase.PRE_OPEN:
        words = [(start, "PRE_OPEN_START"), (end, "PRE_OPEN_END")]
        if day.date >= M_END_FROM and segment == "NSE_EQ":
            words.insert(1, (ist_ms(day.date, "09:05"), "PRE_OPEN_M_END"))
        # PRE_OPEN_M_END has no member in the enum: only the string map carries it.
        enum = [(ts, "segments", segment, word) for ts, word in words if word != "PRE_OPEN_M_END"]
        return [*enum, *((ts, "pre_open", segment, word) for ts, word in words)]
    if phase is Phase.CONTINUOUS:
        return [(start, "segments", segment, "NORMAL_OPEN"), (end, "segments", segment, "NORMAL_CLOSE")]
    if phase is Phase.POST_CLOSE:
        return [(start, "segments", segment, "CLOSING_START"), (end, "segments", segment, "CLOSING_END")]
    return []
