from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.batches import HashesWrite, Records, Words
from pipeline.core.errors import Refused
from pipeline.core.schema import PATTERN_RECORD
from pipeline.core.types import Confirmation, PortfolioMinute

AT = np.zeros(2, np.int64)


def confirmations(ts, texts=("a", "b")):
    return Records(Confirmation, (ts, Words(texts, AT), Words(("confirm",), AT), Words(("auto",), AT)))


def test_columns_are_records_one_by_one():
    assert list(confirmations(np.array([3, 4])).each()) == [
        Confirmation(3, "a", "confirm", "auto"),
        Confirmation(4, "a", "confirm", "auto"),
    ]
    assert len(confirmations(np.array([3, 4]))) == 2


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(Refused, match="one length"):
        confirmations(np.array([3]))
    with pytest.raises(Refused, match="one for each of ts, "):
        Records(Confirmation, (AT,))
    with pytest.raises(Refused, match="not among its 0"):
        confirmations(AT, ())


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e11, -1e11, 0.00001, 1 / 3])
def test_a_decimal_that_would_not_be_exact_is_refused(value):
    count = len(PortfolioMinute.__dataclass_fields__)
    with pytest.raises(Refused, match="4 places"):
        Records(PortfolioMinute, (np.array([value]), *(np.zeros(1, np.int64),) * (count - 1)))


def test_hashes_one_by_one():
    text, ends = np.frombuffer(bytearray(b"onetwothree"), np.uint8), np.array([0, 3, 6, 11])
    labels = (("ALPHA", "1m"), ("BRAVO", "5m"))
    places = np.array([[1, 0], [1, 1], [0, 1]])
    write = HashesWrite(PATTERN_RECORD, labels, ("any", "newest"), places, text, ends)
    assert list(write.each()) == [(labels[1], {"any": "one", "newest": "two"}), (labels[0], {"newest": "three"})]
    assert list(HashesWrite(PATTERN_RECORD, labels, ("any",), places[:0], text, ends[:1]).each()) == []
