from __future__ import annotations

import dataclasses

import pytest

from pipeline.core.views import Column, RowsWrite, RowView, Sampled


@pytest.mark.parametrize("record", [Column, Sampled, RowView, RowsWrite])
def test_views_are_frozen_values(record):
    assert record.__dataclass_params__.frozen
    assert "__dict__" not in dir(record)


def test_a_column_without_a_field_is_the_time_of_the_write():
    assert Column("time").field == ""
    assert {f.name for f in dataclasses.fields(RowsWrite)} == {"view", "symbols", "ts", "rows", "due"}
