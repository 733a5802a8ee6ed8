"""A table of short byte strings: from the bytes of a key inside a message to its number, without a Python object.

Open addressing over a 64-bit hash; the key itself is compared afterwards, so no collision passes. Keys are held as
8-byte words: whole ones from the front, and a last one that ends at the key's end and may overlap (keys shorter than a word
are padded with zeros; the length is compared too).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import kernel
from pipeline.kernels.memory import int64
from pipeline.kernels.protobuf import NOT_ASCII, word_k

SLOT = 4
"""Words of a slot: hash, number (-1: empty), place of the key's words, length of the key."""
_FOLD, _START = -0x61C8864680B583EB, 0x2545F4914F6CDD1D
NONE, STRANGE = -1, -2


@kernel(forceinline=True)
def key_word_k(f: Any, at: int, size: int, n: int) -> int:
    """Word ``n`` of the key that begins at ``at`` and has ``size`` bytes."""
    if 8 * n + 8 <= size:
        return word_k(f, at + 8 * n)
    if size >= 8:
        return word_k(f, at + size - 8)
    word = int64(0)
    for i in range(size):
        word |= int64(f[at + i]) << (8 * i)
    return word


@kernel(forceinline=True)
def hash_k(f: Any, at: int, size: int) -> tuple[int, int]:
    """Hash of a key, and its bytes' bits joined (the high ones say whether it is plain ASCII)."""
    mixed = int64(_START) ^ int64(size)
    bits = int64(0)
    for n in range((size + 7) >> 3):
        word = key_word_k(f, at, size, n)
        bits |= word
        mixed = (mixed ^ word) * int64(_FOLD)
        mixed ^= (mixed >> 29) & 0x7FFFFFFFF
    return mixed, bits


@kernel(forceinline=True)
def find_k(f: Any, at: int, size: int, table: Any, slots_at: int, mask: int) -> int:
    """Number of the key, ``NONE`` when the table does not hold it, ``STRANGE`` when it is not plain ASCII."""
    mixed, bits = hash_k(f, at, size)
    if bits & NOT_ASCII != 0:
        return STRANGE
    slot = mixed & mask
    while True:
        s = slots_at + slot * SLOT
        number = table[s + 1]
        if number < 0:
            return NONE
        if table[s] == mixed and table[s + 3] == size:
            words = table[s + 2]
            same = True
            for n in range((size + 7) >> 3):
                if table[words + n] != key_word_k(f, at, size, n):
                    same = False
                    break
            if same:
                return number
        slot = (slot + 1) & mask


def table_of(keys: Sequence[bytes], begins: int) -> tuple[NDArray[np.int64], int]:
    """Lay out the table for distinct ``keys``; key n gets number n.

    Args:
        keys: the byte strings.
        begins: the word where the table will stand in the caller's memory.

    Returns:
        int64 words, slots first, then the keys; and the mask of slot numbers.
    """
    slots = 8
    while slots < 2 * len(keys):
        slots *= 2
    table = np.zeros((slots, SLOT), np.int64)
    table[:, 1] = NONE
    words: list[int] = []
    for number, key in enumerate(keys):
        mixed = hash_k(key, 0, len(key))[0]
        slot = mixed & (slots - 1)
        while table[slot, 1] != NONE:
            slot = (slot + 1) & (slots - 1)
        table[slot] = (mixed, number, begins + slots * SLOT + len(words), len(key))
        words += [key_word_k(key, 0, len(key), n) for n in range((len(key) + 7) >> 3)]
    return np.concatenate([table.reshape(-1), np.array(words, np.int64)]), slots - 1
