"""Calls of compiled kernels by their address, for a kernel that runs many others which it does not know by name.

The kernel called is of the form ``found(v) -> int``: a place of float64 in, an int64 out. Naming the many in one kernel would compile
all of them again whenever one changes; a Python call for each would cost more than its work.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, cast

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

FLOAT_PLACE = cast(Any, types.CPointer)(types.float64)
"""Float64 numbers in memory, indexed like an array; the plain twin takes an array."""


@cache
def address_of(kernel: Callable[[Any], int]) -> int:
    """Give the address of ``kernel(v) -> int``, compiled now or loaded from the disk cache, and keep it alive."""
    dispatcher = cast(Any, kernel)
    dispatcher.compile((FLOAT_PLACE,))
    compiled = dispatcher.overloads[FLOAT_PLACE,]
    if compiled.signature.return_type != types.int64:
        raise TypeError(f"{kernel.__name__} returns {compiled.signature.return_type}, not int64")
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


def _room(builder: Any, kind: Any) -> Any:
    """Make room for one value on the stack."""
    return cgutils.alloca_once(builder, kind, zfill=True)  # type: ignore[no-untyped-call]


def _floats_at(typing_context: Any, address: Any) -> Any:
    """Give the place of float64 numbers that begins at an address."""
    if not isinstance(address, types.Integer):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return FLOAT_PLACE(types.int64), generate


def _call_at(typing_context: Any, address: Any, place: Any) -> Any:
    """Call the kernel at an address. Numba's own convention: where to put the answer, where to put an error, the argument."""
    if not isinstance(address, types.Integer):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = context.call_conv.get_function_type(types.int64, (FLOAT_PLACE,))
        answer, error = (_room(builder, pointer.pointee) for pointer in kind.args[:2])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [answer, error, arguments[1]])
        return builder.load(answer)

    return types.int64(types.int64, FLOAT_PLACE), generate


floats_at = cast(Callable[[int], Any], intrinsic(_floats_at))
call_at = cast(Callable[[int, Any], int], intrinsic(_call_at))
