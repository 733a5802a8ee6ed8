"""Places in memory for kernels: the bytes of a message, and words at an address that the caller vouches for.

An array argument costs some 30 ns a call and a view made inside a kernel an atomic count, both more than reading a whole
trade. A place is indexed like an array (``place[i]``), so the plain twin of a kernel takes ``bytes`` and arrays instead.
Nothing here checks a bound: whoever reads or writes a place compares with its end first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

int64 = cast("type[int]", np.int64)
"""Makes a number an int64 to the compiler, whatever it was (``int`` would make a byte unsigned), and an int to mypy."""
BYTES = types.Bytes(types.uint8, 1, "C", readonly=True)
"""What a kernel that takes a message is compiled for."""
BYTE_PLACE, WORD_PLACE = (cast(Any, types.CPointer)(kind) for kind in (types.uint8, types.int64))


def _bytes_of(typing_context: Any, message: Any) -> Any:
    """Give the place of the first byte of a ``bytes`` object. Its length stays with the object."""
    if not isinstance(message, types.Bytes):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_helper(builder, signature.args[0], arguments[0])
        return array.data

    return BYTE_PLACE(message), generate


def _words_at(typing_context: Any, address: Any) -> Any:
    """Give the place of 8-byte integers that begins at an address."""
    if not isinstance(address, types.Integer):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return WORD_PLACE(types.int64), generate


def _copy_bytes(typing_context: Any, target: Any, source: Any, size: Any) -> Any:
    """Copy ``size`` bytes from one address to another; the two do not overlap."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to, origin = (builder.inttoptr(address, cgutils.voidptr_t) for address in arguments[:2])
        cgutils.raw_memcpy(builder, to, origin, arguments[2], 1)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


bytes_of = cast(Callable[[bytes], Any], intrinsic(_bytes_of))
words_at = cast(Callable[[int], Any], intrinsic(_words_at))
copy_bytes = cast(Callable[[int, int, int], None], intrinsic(_copy_bytes))
