"""Lines of the record of patterns: what the kernels write is what Python's format would."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.session import ist_clock
from pipeline.patterns.telling import ANY, FIRST_CLAIM, NEWEST, put_base_k, put_claim_k, put_hundredths_k, put_rounded_k, tell_k

LINE = "{:.0f}% of {} ({:.0f}..{:.0f}), base {:.0f}%, {:+.0f} ({:+.0f}..{:+.0f}), lift {:.2f}"
NAMES = ("doji:neutral", "harami:bullish", "harami:bearish")
SIDES = np.array([0, 1, -1], np.int64)
SHARE = st.one_of(st.floats(0, 1), st.integers(0, 2000).map(lambda k: k / 2000))
COUNT = st.integers(0, 2**31 - 1)
CLAIM = st.tuples(COUNT, SHARE, SHARE, SHARE, SHARE, st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1e9))
START = 1_765_770_300_000


def text_of(kernel, *values):
    out = np.zeros(256, np.uint8)
    return out[: kernel(out, 0, *values)].tobytes().decode()


def plain(side, hits, rate, low, high, base, least, most, lift):
    if side == 0:
        return f"{hits} hits, takes no side"
    percents = (100 * x for x in (low, high, base, rate - base, least, most))
    return LINE.format(100 * rate, hits, *percents, lift)


def plain_base(count, rose, fell):
    of = max(count, 1)
    return f"rose {100 * rose / of:.0f}%, fell {100 * fell / of:.0f}% of {count}, 5 candles later"


@given(st.one_of(st.floats(-1e9, 1e9), st.integers(-4000, 4000).map(lambda k: k / 2)))
def test_rounding_is_pythons(value):
    assert text_of(put_rounded_k, value, True) == f"{value:+.0f}"
    assert text_of(put_rounded_k, value, False) == f"{value:.0f}"


@given(st.one_of(st.floats(0, 1e9), st.integers(0, 10**7).map(lambda k: k / 1000), st.integers(0, 10**6).map(lambda k: k / 8)))
def test_two_places_are_pythons_ties_too(value):
    assert text_of(put_hundredths_k, value) == f"{value:.2f}"


def test_every_half_of_a_hundredth_up_to_a_hundred():
    for k in range(1, 20_000, 2):
        for value in (k / 200, float(np.nextafter(k / 200, 0)), float(np.nextafter(k / 200, 200))):
            assert text_of(put_hundredths_k, value) == f"{value:.2f}"


@given(st.sampled_from([-1, 0, 1]), CLAIM)
def test_a_claim(side, claim):
    hits, *ratios = claim
    assert text_of(put_claim_k, side, hits, np.array(ratios)) == plain(side, hits, *ratios)


@given(COUNT, COUNT, COUNT)
def test_every_candle(count, rose, fell):
    base = np.array([count, min(rose, count), min(fell, count)], np.int32)
    assert text_of(put_base_k, base, 5) == plain_base(*base.tolist())


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2), CLAIM), max_size=20), st.booleans())
def test_lines_slot_by_slot(rows, has_starts):
    rows.sort(key=lambda row: row[0])
    slots, claims, minutes = (np.array([row[k] for row in rows], np.int64) for k in range(3))
    starts = START + 60_000 * minutes if has_starts else minutes[:0]
    counts = np.array([row[3][0] for row in rows], np.int64)
    ratios = np.array([row[3][1:] for row in rows], np.float64).reshape(-1, 7)
    base = np.arange(12, dtype=np.int32).reshape(4, 3)[:, ::-1].copy()
    sizes = np.array([len(name) for name in NAMES], np.int64)
    words = (np.stack((np.cumsum(sizes) - sizes, sizes), axis=1), np.frombuffer(bytearray("".join(NAMES).encode()), np.uint8), 5)
    out, ends, places = np.zeros(20_000, np.uint8), np.zeros(3 * len(rows) + 1, np.int64), np.zeros((3 * len(rows), 2), np.int64)
    count = tell_k(out, ends, places, (slots, claims, starts), (counts, ratios), SIDES, base, words)
    got = [(*places[k].tolist(), out[ends[k] : ends[k + 1]].tobytes().decode()) for k in range(count)]

    expected = []
    for slot in np.unique(slots).tolist():
        mine = np.flatnonzero(slots == slot).tolist()
        expected.append((slot, ANY, plain_base(*base[slot].tolist())))
        expected += [(slot, FIRST_CLAIM + claims[k], plain(SIDES[claims[k]], *rows[k][3])) for k in mine]
        if has_starts:
            newest = int(starts[mine[-1]])
            expected.append((slot, NEWEST, " ".join([ist_clock(newest)[:5], *(NAMES[claims[k]] for k in mine if starts[k] == newest)])))
    assert got == expected
