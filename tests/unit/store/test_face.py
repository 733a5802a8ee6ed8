from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import Corrupt
from pipeline.core.job import HashWrite
from pipeline.core.schema import PROGRESS, REGIME, Role
from pipeline.store.face import EntryId, Progress, merged

IDS = st.builds(EntryId, st.integers(0, 2**60), st.integers(0, 2**40))


@given(IDS)
def test_ids_come_back(entry_id):
    assert EntryId.parse(str(entry_id)) == entry_id
    assert EntryId.parse(str(entry_id).encode()) == entry_id


@given(IDS, st.integers(0, 2**60))
def test_following_is_newer_and_not_before_its_cause(entry_id, ms):
    after = entry_id.following(ms)
    assert after > entry_id
    assert after.ms >= ms


def test_ids_compare_as_numbers_not_as_text():
    assert EntryId.parse("5-10") > EntryId.parse("5-9")


NAMES = st.text("abc:_", min_size=1)


@given(st.builds(Progress, st.text(), st.integers(0), st.integers(-1), st.integers(0), st.dictionaries(NAMES, IDS), st.dictionaries(NAMES, st.integers(0)),
                 st.dictionaries(NAMES, IDS), st.dictionaries(NAMES, st.integers(0)), st.dictionaries(NAMES, st.integers(0)),
                 st.dictionaries(NAMES, st.binary(min_size=1))))  # fmt: skip
def test_progress_comes_back(progress):
    assert Progress.from_fields(progress.to_fields()) == progress
    assert progress.copy() == progress


def test_unknown_progress_field_is_corrupt():
    with pytest.raises(Corrupt, match="another version"):
        Progress.from_fields({"colour": "red"})


def test_merged_keeps_the_newest_value_of_each_field():
    writes = [HashWrite(REGIME, ("X",), {"a": 1, "b": 0.1}), HashWrite(REGIME, ("X",), {"a": 2}), HashWrite(REGIME, ("Y",), {"a": "t"})]
    assert merged(writes) == {(Role.DERIVED, "regime:X"): {"a": "2", "b": "0.1"}, (Role.DERIVED, "regime:Y"): {"a": "t"}}


def test_machinery_is_not_for_jobs():
    with pytest.raises(Corrupt, match="machinery"):
        merged([HashWrite(PROGRESS, ("x",), {"a": 1})])
