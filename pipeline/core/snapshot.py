"""State to bytes and back, bit for bit: a JSON header, then the raw arrays. No pickle.

``pack`` takes a plain part (anything JSON can hold, with string keys) and named NumPy arrays;
``unpack`` gives both back. Floats in the plain part survive exactly (shortest round-trip decimals).
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.errors import Corrupt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_LENGTH = 8
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def pack(plain: Any, arrays: Mapping[str, NDArray[Any]] | None = None) -> bytes:
    """Serialise; NaN is allowed in arrays only."""
    named = dict(sorted((arrays or {}).items()))
    header = _ENCODER.encode({"plain": plain, "arrays": [[name, _descr(a.dtype), list(a.shape)] for name, a in named.items()]}).encode()
    body = b"".join(np.ascontiguousarray(a).tobytes() for a in named.values())
    return len(header).to_bytes(_LENGTH, "little") + header + body


@lru_cache(maxsize=64)
def _descr(dtype: np.dtype[Any]) -> Any:
    return np.lib.format.dtype_to_descr(dtype)


def _field(part: list[Any]) -> tuple[Any, ...]:
    """JSON has no tuples; a dtype's description needs them."""
    return tuple(tuple(x) if isinstance(x, list) else x for x in part)


@lru_cache(maxsize=64)
def _dtype(descr: Any) -> np.dtype[Any]:
    return np.lib.format.descr_to_dtype(list(descr) if isinstance(descr, tuple) else descr)


def unpack(blob: bytes) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Return ``(plain, arrays)``; the arrays are writable copies.

    Raises:
        Corrupt: the bytes are cut or were not written by :func:`pack`.
    """
    try:
        size = int.from_bytes(blob[:_LENGTH], "little")
        header = json.loads(blob[_LENGTH : _LENGTH + size])
        arrays: dict[str, NDArray[Any]] = {}
        at = _LENGTH + size
        for name, descr, shape in header["arrays"]:
            fixed: Any = tuple(_field(part) for part in descr) if isinstance(descr, list) else descr
            dtype = _dtype(fixed)
            count = int(np.prod(shape, dtype=np.int64))
            size = count * dtype.itemsize
            arrays[name] = np.frombuffer(bytearray(blob[at : at + size]), dtype, count).reshape(shape)  # copy() goes field by field
            at += size
    except (ValueError, KeyError, TypeError) as error:
        msg = f"a state snapshot cannot be read ({error}): stop, and clear the session with `ticktick clear`"
        raise Corrupt(msg) from error
    if at != len(blob):
        msg = "a state snapshot has the wrong length: stop, and clear the session with `ticktick clear`"
        raise Corrupt(msg)
    return header["plain"], arrays
