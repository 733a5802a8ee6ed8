"""The door to the compiler: ``@kernel`` compiles a function of arrays and scalars once and keeps the result on disk.

A kernel has its plain Python twin at ``.py_func`` (same bits, for tests and for reading with a debugger).
``warm_up()`` compiles whatever the imported modules registered with ``@warmer``, so that nothing compiles
inside a session. A kernel may call kernels of its own file and of ``pipeline/kernels`` only: those are the
files whose change throws the disk cache away.

Arrays that kernels take are C-contiguous and writable (a read-only array is another type to the compiler, and
would compile everything a second time): copy views of streams at the edge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path  # pure-ok: finds our own sources, to date the compiler's cache
from typing import Any, TypeVar, cast, overload

import numba
import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])

WARMERS: list[Callable[[], None]] = []
"""Functions that run every kernel of their module on a tiny input, in import order."""


@lru_cache(maxsize=1)
def _shared_stamp() -> str:
    """Fingerprint of the sources in this folder, whose code is inlined into kernels elsewhere."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):  # pure-ok: reads our own sources, nothing else
        digest.update(path.read_bytes())  # pure-ok: see above
    return digest.hexdigest()


@overload
def kernel(function: F) -> F: ...
@overload
def kernel(*, nogil: bool = True, forceinline: bool = False) -> Callable[[F], F]: ...
def kernel(function: F | None = None, *, nogil: bool = True, forceinline: bool = False) -> F | Callable[[F], F]:
    """Compile with Numba on first call: no GIL (unless asked to keep it), IEEE division, cached on disk.

    Numba dates a cache entry by the caller's own file alone, so that an edit of ``rolling.py`` would leave
    old copies of it inside every indicator; the stamp of this folder is therefore added.
    """
    if function is None:
        return partial(_compiled, nogil=nogil, forceinline=forceinline)
    return _compiled(function, nogil=nogil, forceinline=forceinline)


def _compiled(function: F, *, nogil: bool, forceinline: bool) -> F:
    dispatcher = numba.njit(cache=True, error_model="numpy", nogil=nogil, forceinline=forceinline)(function)
    file = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if file is not None:
        file._source_stamp = (file._source_stamp, _shared_stamp())  # noqa: SLF001
    return cast(F, dispatcher)


def entry(function: F, *argument_types: Any) -> F:
    """Give the machine code of a kernel for these types (compiled now), past the dispatcher: half the price of a call.

    The caller vouches for the types of what it passes; an object of another kind raises TypeError.
    """
    return cast(F, cast(Any, function).compile(argument_types))


def writable(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Copy packed rows by their bytes: NumPy's own copy goes field by field, some forty times slower."""
    return np.frombuffer(bytearray(rows.tobytes()), rows.dtype)


def warmer(function: Callable[[], None]) -> Callable[[], None]:
    """Register a function that runs the kernels of a module once on a tiny input."""
    WARMERS.append(function)
    return function


def warm_up() -> int:
    """Compile (or load from the disk cache) every kernel that the imported modules use; return the number of warmers."""
    for function in WARMERS:
        function()
    return len(WARMERS)
