"""Keys are found by their bytes alone, and a key that only hashes alike is not."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.kernels import lookup
from pipeline.kernels.lookup import NONE, SLOT, STRANGE, find_k, table_of

KEYS = [b"NSE_EQ|INE002A01018", b"NSE_INDEX|Nifty 50", b"A", b"", b"12345678", b"123456789", b"NSE_FO|51460"]


def find(key: bytes, table: np.ndarray, mask: int) -> int:
    frame = b"\xff" + key + b"\xff"
    return find_k(frame, 1, len(key), table, 0, mask)


def test_every_key_gets_its_number_and_others_none():
    table, mask = table_of(KEYS, 0)
    assert [find(key, table, mask) for key in KEYS] == list(range(len(KEYS)))
    for other in (b"NSE_EQ|INE002A01019", b"NSE_EQ|INE002A0101", b"B", b"1234567\0", b"A\0", b"123456788"):
        assert find(other, table, mask) == NONE
    assert find("₹".encode(), table, mask) == STRANGE


def test_thousands_of_keys():
    keys = [f"NSE_EQ|INE{n:05d}A01".encode() for n in range(6_000)]
    table, mask = table_of(keys, 0)
    assert [find(key, table, mask) for key in keys] == list(range(6_000))
    assert all(find(key + b"1", table, mask) == NONE for key in keys)


def test_an_empty_table_knows_nothing():
    table, mask = table_of([], 0)
    assert find(b"A", table, mask) == NONE


def test_the_place_of_the_table_is_kept():
    table, mask = table_of(KEYS, 7)
    moved = np.concatenate([np.full(7, -5), table])
    assert [find_k(key, 0, len(key), moved, 7, mask) for key in KEYS] == list(range(len(KEYS)))


@pytest.mark.parametrize("other", [b"NSE_EQ|INE002A01019", b"NSE_EQ|INE002A010180"])
def test_no_collision_passes(other):
    key = KEYS[0]
    table, mask = table_of([key], 0)
    mixed = lookup.hash_k(other, 0, len(other))[0]
    slot = next(s for s in range(mask + 1) if table[s * SLOT + 1] == 0)
    forged = table.copy()
    forged[slot * SLOT : slot * SLOT + SLOT] = 0
    forged[slot * SLOT + 1] = NONE
    place = (mixed & mask) * SLOT
    forged[place : place + SLOT] = (mixed, 0, table[slot * SLOT + 2], len(other))  # the same hash, the same length
    assert find(other, forged, mask) == NONE
