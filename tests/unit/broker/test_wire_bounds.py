"""The bounds as numbers and as bits say the same of every value."""

import math

import numpy as np
import pytest

from pipeline.broker import wire_bounds as b
from pipeline.core.errors import Refused
from pipeline.core.feed import DEPTH
from pipeline.core.types import TICK, TICK_RAW_FIELDS

FLOATS = [
    0.0,
    5e-324,
    0.05,
    1e8,
    math.nextafter(1e8, 2e8),
    1e12,
    1e13,
    math.nextafter(1e13, 2e13),
    1e300,
    math.inf,
    math.nan,
    -0.05,
    -1e12,
    -1e13,
    -math.inf,
]
INTEGERS = [0, 1, -1, b.MAX_TS, b.MAX_TS + 1, b.MAX_QTY, b.MAX_QTY + 1, -b.MAX_QTY, -b.MAX_QTY - 1, 2**63 - 1, -(2**63)]


def by_number(word: int, value: float) -> bool:
    float_words, float_bounds, whole_words, whole_bounds, _ = b.TICK_BOUNDS
    words, bounds = (float_words, float_bounds) if word in float_words else (whole_words, whole_bounds)
    at = list(words).index(word)
    return bool(bounds[0][at] <= value <= bounds[1][at])


def by_bits(word: int, value: float, *, is_float: bool) -> bool:
    mask, high = b.TICK_BITS[:, word]
    bits = int(np.float64(value).view(np.int64)) if is_float else value
    return 0 <= bits & mask <= high


@pytest.mark.parametrize("field", [name for name in TICK_RAW_FIELDS if TICK[name].base.itemsize == 8 and name not in b.SIGNED])
def test_numbers_and_bits_agree(field):
    for word, _, is_float in b.words_of(TICK, (field,)):
        for value in FLOATS if is_float else INTEGERS:
            assert by_bits(word, value, is_float=is_float) == by_number(word, value), (field, value)


def test_negative_zero_is_for_the_runtime():
    word = b.words_of(TICK, ("ltp",))[0][0]
    assert by_number(word, -0.0)
    assert not by_bits(word, -0.0, is_float=True)


def test_every_word_of_both_rows_has_its_field():
    words = b.words_of(TICK, TICK_RAW_FIELDS)
    assert [w for w, _, _ in words] == list(range(2, TICK.fields["volume"][1] // 8))
    assert b.TICK_BOUNDS[4][words[0][0]] == "ts_exch"
    assert [w for w, _, _ in b.words_of(DEPTH, b.DEEP_FIELDS)] == list(range(2, DEPTH.itemsize // 8))


def test_a_refusal_is_one_line_with_its_reason():
    refusal = b.FrameRefused("no_time", "currentTs 5")
    assert isinstance(refusal, Refused)
    assert (refusal.reason, str(refusal)) == ("no_time", "feed frame refused (no_time): currentTs 5")
