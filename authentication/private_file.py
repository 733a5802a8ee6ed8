"""Small secret files: readable by their owner alone, or refused; written whole or not at all.

Reads and writes bytes up to 64 KiB. Checks mode and owner on the open file, so that what was checked is what
is read. Never follows a link, never leaves a half-written file, never shows a byte of the content in a message.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from typing import TYPE_CHECKING

from pipeline.core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 65_536
ALLOWED_MODES = (0o600, 0o400)


def read_private(path: Path) -> bytes | None:
    """Return the content; None when there is no such file.

    Raises:
        Refused: others may read it, somebody else owns it, it is a link or no plain file, or it is too large.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise Refused(f"{path} cannot be read: run `chmod 600 {path}`") from error
    except OSError as error:
        raise Refused(f"{path} must be a plain file, not a link or a folder: replace it by a file of your own with mode 600") from error
    try:
        _check(path, os.fstat(handle))
        content = _read(handle)
    finally:
        os.close(handle)
    if len(content) > MAX_BYTES:
        raise Refused(f"{path} is larger than {MAX_BYTES} bytes: that is no secret file of ours, put the right one in its place")
    return content


def _read(handle: int) -> bytes:
    content = b""
    while len(content) <= MAX_BYTES and (part := os.read(handle, MAX_BYTES + 1 - len(content))):
        content += part
    return content


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{path} is no plain file: replace it by a file of your own with mode 600")
    if status.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to another user: run `sudo chown $(id -un) {path} && chmod 600 {path}`")
    mode = stat.S_IMODE(status.st_mode)
    if mode not in ALLOWED_MODES:
        raise Refused(f"{path} has mode {mode:04o}, others may read your secrets: run `chmod 600 {path}`")


def write_private(path: Path, content: bytes) -> None:
    """Replace the file in one step: temporary file of mode 0600, fsync, rename, fsync of the folder."""
    if len(content) > MAX_BYTES:
        raise Refused(f"{path.name} would be larger than {MAX_BYTES} bytes: not written")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # a strange umask must not widen or narrow it
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise Refused(f"{path} cannot be written ({error.strerror}): make room, or choose another place") from error
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of the file's folder, so that a change that reads and then writes loses nobody else's change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
