"""Packed rows have no hidden bytes and no host byte order: what is written today is read anywhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.core import types as t


@pytest.mark.parametrize("dtype", [t.TICK, t.CANDLE])
def test_rows_are_packed_and_aligned_without_padding(dtype: np.dtype) -> None:
    at = 0
    for name in dtype.names:
        field, offset = dtype.fields[name][:2]
        assert offset == at, f"hidden bytes before {name}"
        assert offset % field.base.itemsize == 0, f"{name} is not aligned"
        assert field.base.byteorder in ("<", "|", "="), name
        assert field.base.kind in "iuf", name
        at += field.itemsize
    assert dtype.itemsize == at
    assert dtype.itemsize % 8 == 0, "rows of an array stay aligned"


def test_row_sizes_are_part_of_the_format() -> None:
    assert t.CANDLE.itemsize == 72
    assert t.TICK.itemsize == 552


def test_raw_and_metric_fields_share_out_the_row() -> None:
    assert t.TICK.names == t.TICK_RAW_FIELDS + t.TICK_METRIC_FIELDS
    assert t.TICK_RAW_FIELDS[-1] == "iiq_market"
    assert t.TICK_METRIC_FIELDS[0] == "volume"
    assert t.TICK["bid_px"].shape == t.TICK["ask_qty"].shape == (t.DEPTH_LEVELS,)


@pytest.mark.parametrize(("flags", "field"), [(t.TickFlag, t.TICK["flags"]), (t.CandleFlag, t.CANDLE["flags"])])
def test_flags_are_single_bits_that_fit(flags, field: np.dtype) -> None:
    assert all(flag.value.bit_count() == 1 for flag in flags)
    assert max(flags).value <= np.iinfo(field).max


def test_side() -> None:
    assert (t.Side.BUY.sign, t.Side.SELL.sign) == (1, -1)
    assert all(side.opposite.opposite is side and side.opposite is not side for side in t.Side)


def test_timeframes_are_multiples_of_the_minute_in_order() -> None:
    assert t.TIMEFRAMES[0] == 1
    assert list(t.TIMEFRAMES) == sorted(set(t.TIMEFRAMES))
    assert np.iinfo(t.TICK["sid"]).max == t.NO_SYMBOL


RECORDS = [v for v in vars(t).values() if dataclasses.is_dataclass(v) and v is not t.Instrument]


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.__name__)
def test_records_are_frozen_slotted_and_lead_with_their_event_time(record: type) -> None:
    fields = dataclasses.fields(record)
    assert fields[0].name == "ts"
    assert record.__dataclass_params__.frozen
    assert "__dict__" not in dir(record)
    # A receive time is for measuring only, and may be left out.
    assert all(f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING for f in fields if f.name != "recv_ms")


def test_money_in_records_is_whole_paise() -> None:
    for record in RECORDS:
        for field in dataclasses.fields(record):
            if field.name.endswith(("_paise", "_qty", "_ms")) or field.name in ("qty", "ts"):
                assert field.type == "int", f"{record.__name__}.{field.name}"


def test_a_record_cannot_be_changed() -> None:
    batch = t.TickBatch(1, np.zeros(2, t.TICK))
    with pytest.raises(dataclasses.FrozenInstanceError):
        batch.ts = 2
