"""The feed's vocabulary: packed without hidden bytes, events with their own order."""

from __future__ import annotations

from pipeline.core.feed import DEEP_LEVELS, DEPTH, FeedEvent, FeedEventKind
from pipeline.core.schema import FRAMES
from pipeline.store import codec


def test_deep_books_are_packed():
    at = 0
    for name in DEPTH.names:
        assert DEPTH.fields[name][1] == at
        at += DEPTH[name].itemsize
    assert DEPTH.itemsize == at == 16 + 4 * 8 * DEEP_LEVELS


def test_an_event_travels_unchanged_and_its_receive_time_is_no_part_of_the_digest():
    event = FeedEvent(7, 1234, 1, FeedEventKind.FRAME, b"\x00\xffbody")
    fields = codec.encode(FRAMES, event)
    again = codec.decode(FRAMES, fields)
    assert (again.ts, again.recv_ms, again.link, again.kind, again.body) == (7, 1234, 1, FeedEventKind.FRAME, b"\x00\xffbody")
    other = codec.encode(FRAMES, FeedEvent(7, 9999, 1, FeedEventKind.FRAME, b"\x00\xffbody"))
    assert codec.canonical(FRAMES, fields) == codec.canonical(FRAMES, other)
    moved = codec.encode(FRAMES, FeedEvent(7, 1234, 0, FeedEventKind.FRAME, b"\x00\xffbody"))
    assert codec.canonical(FRAMES, fields) != codec.canonical(FRAMES, moved)
