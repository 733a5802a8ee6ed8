"""Rows as Redis commands: what the kernel writes is what plain Python would."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.schema import INDICATOR_LATEST, LTP, METRIC, TICK_LATEST
from pipeline.core.views import Column, RowsWrite, RowView, Sampled
from pipeline.store.resp import RowEncoder, bulk, command
from pipeline.store.shown import parsed

NUMBERS = (("kind", "u1"), ("mode", "u1"), ("side", "i1"), ("x", "u1"), ("flags", "<u4"), ("y", "<u4"), ("n", "<i8"), ("px", "<f8"))
ROW = np.dtype([("sid", "<u4"), *NUMBERS, ("deep", "<f8", (3,)), ("need", "<i8")])
COLUMNS = (
    *(Column(name, name) for name in ("kind", "side", "flags", "n", "px")),
    Column("second", "deep", 1),
    Column("marks", "flags", words=("one", "two", "three"), is_flags=True),
    Column("word", "mode", words=("zero", "uno")),
    Column("time"),
)
VIEW = RowView(ROW, TICK_LATEST, COLUMNS, (Sampled(LTP, (), "px", "px", 1), Sampled(METRIC, ("mid",), "px", "need", 2)))
SYMBOLS = ("ALPHA", "M&M", "LONGER_NAME")
TS = 1_765_770_300_000


def row(sid, kind, mode, side, flags, n, px, second, need):
    out = np.zeros(1, ROW)[0]
    out["sid"], out["kind"], out["mode"], out["side"], out["flags"], out["n"], out["px"], out["need"] = (
        sid,
        kind,
        mode,
        side,
        flags,
        n,
        px,
        need,
    )
    out["deep"][1] = second
    return out


def write_of(rows, ts, due=None):
    return RowsWrite(VIEW, SYMBOLS, ts, rows, np.array(due or [0b111] * len(rows), np.uint8))


ROWS = st.lists(
    st.builds(
        row,
        st.integers(0, 2),
        st.integers(0, 255),
        st.integers(0, 1),
        st.integers(-128, 127),
        st.integers(0, 2**32 - 1),
        st.integers(-(2**62), 2**62),
        st.integers(0, 10**9).map(lambda units: units / 10_000),
        st.integers(0, 10**6).map(lambda units: units / 100),
        st.integers(-1, 1),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200, deadline=None)  # the first example may have to compile
@given(ROWS)
def test_hashes_and_samples_say_what_the_rows_hold(rows):
    packed = np.array(rows, ROW)
    encoder = RowEncoder(VIEW, SYMBOLS)
    encoder.take(write_of(packed, TS))
    commands, count = encoder.hashes()
    told = parsed(commands)
    newest = [next(r for r in reversed(packed) if r["sid"] == sid) for sid in sorted(set(packed["sid"].tolist()))]
    assert len(told) == count == len(newest)
    for words, r in zip(told, newest, strict=True):
        assert words[:2] == [b"HSET", f"tick:{SYMBOLS[r['sid']]}".encode()]
        fields = dict(zip(words[2::2], words[3::2], strict=True))
        for name in ("kind", "side", "flags", "n"):
            assert int(fields[name.encode()]) == r[name]
        assert float(fields[b"px"]) == r["px"]
        assert float(fields[b"second"]) == r["deep"][1]
        assert fields[b"marks"].decode() == " ".join(w for bit, w in enumerate(("one", "two", "three")) if int(r["flags"]) >> bit & 1)
        assert fields[b"word"] == (b"zero", b"uno")[r["mode"]]
        assert fields[b"time"] == b"2025-12-15 09:15:00.000 +05:30"
    samples, sampled = encoder.samples()
    flat = parsed(b"*%d\r\n" % (3 * sampled) + samples)[0]
    wanted = [
        (key, r["px"])
        for r in packed
        for key, need in ((f"symbol:{SYMBOLS[r['sid']]}", r["px"]), (f"symbol:{SYMBOLS[r['sid']]}:mid", r["need"]))
        if need != 0
    ]
    assert [(k.decode(), float(v)) for k, v in zip(flat[::3], flat[2::3], strict=True)] == wanted
    assert {int(t) for t in flat[1::3]} <= {TS}


def test_a_whole_number_is_sampled_as_it_is():
    view = RowView(ROW, series=(Sampled(METRIC, ("n",), "n", "px", 1),))
    packed = np.zeros(4, ROW)
    packed["sid"], packed["n"], packed["px"] = [0, 1, 2, 0], [12_345_678, -3, 2**53, 5], [1.5, 1.5, 1.5, 0.0]
    encoder = RowEncoder(view, SYMBOLS)
    encoder.take(RowsWrite(view, SYMBOLS, TS, packed, np.full(4, 0b10, np.uint8)))
    samples, count = encoder.samples()
    flat = parsed(b"*%d\r\n" % (3 * count) + samples)[0]
    assert [float(x) for x in flat[2::3]] == [12_345_678.0, -3.0, 2.0**53], "the last one needs a price and has none"


def test_only_what_is_due_is_shown():
    packed = np.zeros(3, ROW)
    packed["sid"], packed["px"], packed["need"] = [0, 1, 2], [1.5, 2.5, 3.5], 1
    encoder = RowEncoder(VIEW, SYMBOLS)
    encoder.take(write_of(packed, TS, [0b000, 0b110, 0b001]))
    assert [words[1] for words in parsed(encoder.hashes()[0])] == [b"tick:LONGER_NAME"]
    samples, count = encoder.samples()
    assert [key.decode() for key in parsed(b"*%d\r\n" % (3 * count) + samples)[0][::3]] == ["symbol:M&M", "symbol:M&M:mid"]
    assert encoder.samples() == (b"", 0)
    assert encoder.hashes() == (b"", 0)


def test_writes_of_a_turn_go_together_each_with_its_own_time():
    packed = np.zeros(2, ROW)
    packed["sid"], packed["px"], packed["need"] = [0, 1], [1.5, 2.5], 1
    later = packed.copy()
    later["px"] = [1.75, 9.0]
    encoder = RowEncoder(VIEW, SYMBOLS)
    encoder.take(write_of(packed, TS))
    encoder.take(write_of(later, TS + 61_250, [0b111, 0]))
    alpha, bravo = (dict(zip(words[2::2], words[3::2], strict=True)) for words in parsed(encoder.hashes()[0]))
    assert (alpha[b"px"], alpha[b"time"]) == (b"1.75", b"2025-12-15 09:16:01.250 +05:30")
    assert (bravo[b"px"], bravo[b"time"]) == (b"2.5", b"2025-12-15 09:15:00.000 +05:30")
    samples, count = encoder.samples()
    flat = parsed(b"*%d\r\n" % (3 * count) + samples)[0]
    assert [int(t) for t in flat[1::3]] == [TS] * 4 + [TS + 61_250] * 2


def test_series_that_nobody_has_made_are_told_until_known():
    packed = np.zeros(1, ROW)
    packed["sid"] = 1
    encoder = RowEncoder(VIEW, SYMBOLS)
    encoder.take(write_of(packed, TS, [1]))
    assert not encoder.has_unknown, "a hash needs no key made before"
    encoder.take(write_of(packed, TS))
    assert encoder.has_unknown
    assert encoder.unknown() == [(LTP, ("M&M",)), (METRIC, ("M&M", "mid"))]
    encoder.know()
    assert encoder.unknown() == []
    encoder.take(write_of(packed, TS))
    assert not encoder.has_unknown
    encoder.forget()
    assert len(encoder.unknown()) == 2


def test_a_row_of_another_watchlist_is_left_out():
    packed = np.zeros(1, ROW)
    packed["sid"], packed["px"] = 3, 1.5
    encoder = RowEncoder(VIEW, SYMBOLS)
    encoder.take(write_of(packed, TS))
    assert encoder.samples() == encoder.hashes() == (b"", 0)


def test_the_buffer_grows_with_what_is_taken():
    packed = np.zeros(3, ROW)
    packed["sid"], packed["px"], packed["need"] = [0, 1, 2], 12_345.0625, 1
    encoder = RowEncoder(VIEW, SYMBOLS)
    for turn in range(500):
        encoder.take(write_of(packed, TS + turn))
    samples, count = encoder.samples()
    flat = parsed(b"*%d\r\n" % (3 * count) + samples)[0]
    assert count == 3_000
    assert {float(value) for value in flat[2::3]} == {12_345.0625}


def test_read_only_rows_are_shown_too():
    packed = np.frombuffer(np.ones(1, ROW).tobytes(), ROW)
    encoder = RowEncoder(VIEW, SYMBOLS)
    encoder.take(write_of(packed, TS))
    assert encoder.hashes()[1] == 1


def test_a_command_from_parts():
    assert command(b"SET", b"k", b"") == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n"
    assert bulk("é") == b"$2\r\n\xc3\xa9\r\n"
    assert parsed(command(b"A", b"b\r\n") + command(b"C")) == [[b"A", b"b\r\n"], [b"C"]]


def test_what_is_not_defined_is_empty_text_and_no_sample():
    view = RowView(ROW, INDICATOR_LATEST, (Column("px", "px"), Column("n", "n")), (Sampled(LTP, (), "px", "n", 1),), labels=("5m",))
    packed = np.zeros(2, ROW)
    packed["sid"], packed["px"], packed["n"] = [0, 1], [np.nan, -0.25], [1, 2]
    encoder = RowEncoder(view, SYMBOLS)
    encoder.take(RowsWrite(view, SYMBOLS, TS, packed, np.full(2, 0b11, np.uint8)))
    assert parsed(encoder.hashes()[0]) == [
        [b"HSET", b"indicators:ALPHA:5m", b"px", b"", b"n", b"1"],
        [b"HSET", b"indicators:M&M:5m", b"px", b"-0.25", b"n", b"2"],
    ]
    samples, count = encoder.samples()
    assert parsed(b"*%d\r\n" % (3 * count) + samples)[0][::3] == [b"symbol:M&M"]
