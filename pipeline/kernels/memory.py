"""Places in memory for kernels: the bytes of a message, and words at an address that the caller vouches for.

An array argument costs some 30 ns a call and a view made inside a kernel an atomic count, both more than reading a whole
trade. A place is indexed like an array (``place[i]``), so the plain twin of a kernel takes ``bytes`` and arrays instead.
Nothing here checks a bound: whoever reads or writes a place compares with its end first.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

BYTES = types.Bytes(types.uint8, 1, "C", readonly=True)
"""What a kernel that takes a message is compiled for."""


@intrinsic
def bytes_of(typing_context: Any, message: Any) -> Any:
    """Give the place of the first byte of a ``bytes`` object. Its length stays with the object."""
    if not isinstance(message, types.Bytes):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_helper(builder, signature.args[0], arguments[0])
        return array.data

    return types.CPointer(types.uint8)(message), generate


@intrinsic
def words_at(typing_context: Any, address: Any) -> Any:
    """Give the place of 8-byte integers that begins at an address."""
    if not isinstance(address, types.Integer):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(types.int64), generate
