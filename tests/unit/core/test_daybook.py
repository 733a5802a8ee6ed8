"""The candles of a day: in order of slot and time, each once, as they were told last."""

from __future__ import annotations

import numpy as np

from pipeline.core.daybook import A_SLOT, Daybook

SINCE = 1_765_737_000_000


def ints(*values):
    return np.array(values, np.int64)


def figures(*values):
    return np.array(values, np.float64).reshape(-1, 1)


def shown(book, *slots):
    keys, kept = book.of(ints(*slots))
    owners, ts = book.split(keys)
    return list(zip(owners.tolist(), (ts - SINCE).tolist(), kept[:, 0].tolist(), strict=True))


def test_candles_come_out_slot_by_slot_and_in_order_of_time():
    book = Daybook(SINCE, 1, 5)
    book.enter(ints(2, 0), ints(SINCE + 5, SINCE + 9), figures(1, 2))
    book.enter(ints(2, 0), ints(SINCE, SINCE + 3), figures(3, 4))
    assert shown(book, 0, 2) == [(0, 3, 4.0), (0, 9, 2.0), (2, 0, 3.0), (2, 5, 1.0)]
    assert shown(book, 2) == [(2, 0, 3.0), (2, 5, 1.0)]
    assert shown(book, 1) == []
    assert book.slots().tolist() == [0, 2]


def test_what_is_told_again_stands_as_it_was_told_last_and_what_is_late_among_the_others():
    book = Daybook(SINCE, 1, 5)
    book.enter(ints(1, 1), ints(SINCE, SINCE + 9), figures(1, 2))
    book.amend(ints(1, 1, 1, 1, 4), ints(SINCE + 9, SINCE + 4, SINCE + 9, SINCE + 4, SINCE), figures(3, 4, 5, 6, 7))
    assert shown(book, 1, 4) == [(1, 0, 1.0), (1, 4, 6.0), (1, 9, 5.0), (4, 0, 7.0)]
    assert len(book) == 4


def test_it_grows():
    book = Daybook(SINCE, 1, 5)
    for k in range(5):
        count = A_SLOT + k
        book.enter(np.full(count, k), SINCE + np.arange(count), np.full((count, 1), float(k)))
    assert len(book) == 5 * (A_SLOT) + 10
    assert shown(book, 3) == [(3, k, 3.0) for k in range(A_SLOT + 3)]


def test_what_is_saved_does_not_tell_in_which_order_it_came():
    one, other = Daybook(SINCE, 1, 5), Daybook(SINCE, 1, 5)
    one.enter(ints(1, 0), ints(SINCE, SINCE + 2), figures(1, 2))
    other.enter(ints(0), ints(SINCE + 2), figures(2))
    other.amend(ints(1), ints(SINCE), figures(1))
    assert {name: array.tobytes() for name, array in one.dump().items()} == {name: array.tobytes() for name, array in other.dump().items()}
    twin = Daybook(SINCE, 1, 5)
    twin.load(one.dump())
    twin.enter(ints(0), ints(SINCE + 3), figures(9))
    assert shown(twin, 0, 1) == [(0, 2, 2.0), (0, 3, 9.0), (1, 0, 1.0)]
