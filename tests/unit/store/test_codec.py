from __future__ import annotations

import dataclasses
from typing import get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import schema
from pipeline.core.errors import Corrupt, Refused
from pipeline.core.types import CANDLE, TICK, CandleWave, ChartWave, Fill, IndicatorWave, Side, TickBatch
from pipeline.store import codec

TEXT_STREAMS = [s for s in schema.STREAMS if not s.packed]
_VALUES = {
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(),
}


def _values(kind):
    """Draw a number, a text, or a word of an enumeration."""
    return _VALUES[kind] if kind in _VALUES else st.sampled_from(kind)


@pytest.mark.parametrize("stream", TEXT_STREAMS, ids=lambda s: s.name)
@given(draw=st.data())
def test_text_records_come_back_equal(stream, draw):
    hints = get_type_hints(stream.record)
    record = stream.record(**{f.name: draw.draw(_values(hints[f.name])) for f in dataclasses.fields(stream.record)})
    assert codec.decode(stream, codec.encode(stream, record)) == record


def _charts(rows: int = 3) -> ChartWave:
    values = np.arange(rows * 2, dtype=np.float64).reshape(rows, 2)
    found = np.array([[1, -1, 0]] * rows, np.int8)
    return ChartWave(5, np.ones(rows, CANDLE), ("ema_9", "rsi_14"), values, values > 1, ("doji", "hammer", "x"), found)


def test_waves_come_back_bit_for_bit():
    wave = _charts()
    got = codec.decode(schema.CHARTS, codec.encode(schema.CHARTS, wave))
    for name in ("rows", "values", "warm", "found"):
        assert getattr(got, name).tobytes() == getattr(wave, name).tobytes()
        assert not getattr(got, name).flags.writeable or name == "warm"
    assert (got.ts, got.columns, got.patterns) == (wave.ts, wave.columns, wave.patterns)


def test_empty_wave():
    got = codec.decode(schema.CHARTS, codec.encode(schema.CHARTS, _charts(0)))
    assert got.values.shape == (0, 2)


def test_nan_never_enters():
    bad = IndicatorWave(1, np.zeros(1, CANDLE), ("a", "b"), np.array([[0.0, np.nan]]), np.ones((1, 2), np.bool_))
    with pytest.raises(Refused, match="NaN or infinity in b"):
        codec.encode(schema.INDICATORS, bad)
    order = codec.decode(schema.FILLS, codec.encode(schema.FILLS, Fill(1, "t", "o", "i", "X", Side.BUY, 1, 2, "entry")))
    assert order.side is Side.BUY


def test_not_a_number_in_text_is_refused():
    from pipeline.core.types import Signal

    with pytest.raises(Refused, match=r"Signal\.strength"):
        codec.encode(schema.SIGNALS, Signal(1, "i", 1, "X", "1m", "s", Side.BUY, float("inf"), "r", "o", "ticks", "w"))


def test_wrong_type_is_refused():
    with pytest.raises(Refused, match="takes TickBatch"):
        codec.encode(schema.TICKS, CandleWave(1, np.zeros(1, CANDLE)))


@pytest.mark.parametrize("damage", [{b"v": b"9"}, {b"b": b"123"}, {b"ts": b"x"}])
def test_what_cannot_be_read_is_corrupt(damage):
    fields = {**codec.encode(schema.TICKS, TickBatch(1, np.zeros(1, TICK))), **damage}
    with pytest.raises(Corrupt, match="clear the session"):
        codec.decode(schema.TICKS, fields)


def test_missing_field_is_corrupt():
    fields = codec.encode(schema.FILLS, Fill(1, "t", "o", "i", "X", Side.BUY, 1, 2, "entry"))
    del fields[b"trade_id"]
    with pytest.raises(Corrupt):
        codec.decode(schema.FILLS, fields)


def test_digest_leaves_out_receive_time_and_nothing_else():
    rows = np.zeros(2, TICK)
    base = codec.canonical(schema.TICKS, codec.encode(schema.TICKS, TickBatch(1, rows)))
    assert codec.canonical(schema.TICKS, codec.encode(schema.TICKS, TickBatch(1, rows, 99))) == base
    for name in TICK.names:
        other = np.zeros(2, TICK)
        other[name] = 1
        assert codec.canonical(schema.TICKS, codec.encode(schema.TICKS, TickBatch(1, other))) != base, name


def test_canonical_is_unambiguous():
    assert b"".join(codec.canonical(schema.FILLS, {b"a": b"bc"})) != b"".join(codec.canonical(schema.FILLS, {b"ab": b"c"}))
    assert codec.chain(b"", b"1-0", [b"x"]) != codec.chain(b"", b"1-1", [b"x"])
    assert codec.chain(b"", b"1-0", [b"x", b"yz"]) == codec.chain(b"", b"1-0", [b"xyz"])


@pytest.mark.parametrize(("kind", "count"), [(0, 3), (1, 3), (2, 0), (3, 0)])
def test_row_count_leaves_out_gaps_and_repairs(kind, count):
    rows = np.zeros(3, TICK)
    rows["kind"] = kind
    assert codec.row_count(TickBatch(1, rows)) == count


def test_row_count_of_other_records():
    assert codec.row_count(CandleWave(1, np.zeros(4, CANDLE))) == 4
    assert codec.row_count(Fill(1, "t", "o", "i", "X", Side.BUY, 1, 2, "entry")) == 1
