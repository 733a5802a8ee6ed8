"""The candle's row says where it comes from, in words that a person reads."""

from __future__ import annotations

import pytest

from pipeline.core import types
from pipeline.core.candle import CANDLE, CandleFlag, Lineage


@pytest.mark.parametrize(
    ("lineage", "words"),
    [
        (Lineage(0), "unknown"),
        (Lineage.TICKS, "ticks"),
        (Lineage.INTRADAY | Lineage.TICKS, "ticks+intraday"),
        (Lineage.FEED_I1, "feed_i1"),
        (Lineage.HISTORICAL | Lineage.ARCHIVE, "historical+archive"),
    ],
)
def test_words(lineage, words):
    assert lineage.words == words


def test_bits_fit_their_fields_and_an_hour_its_count():
    assert max(Lineage).value < 256 == 1 << 8 * CANDLE["lineage"].itemsize
    assert max(types.TIMEFRAMES) < 256 == 1 << 8 * CANDLE["minutes"].itemsize
    assert max(CandleFlag).value < 1 << 8 * CANDLE["flags"].itemsize


def test_the_vocabulary_hands_it_on():
    assert types.CANDLE is CANDLE
    assert types.CandleFlag is CandleFlag
