"""A file of records that cannot be changed unseen: each line holds the hash of the line before it.

A line is one JSON object: ``n`` (0, 1, 2 ...), ``prev``, whatever the record says, ``hash``. The hash is BLAKE3 over the line's
exact bytes up to it, and ``prev`` is one of them; so a changed byte breaks its own line, a line left out or put in breaks the next. What
was cut off at the end shows against a head that is kept elsewhere. Lines are on the disk when ``append`` returns. A writer that was killed
leaves at most one line without its end: that is cut off by the next, and said.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from pipeline.core.errors import Refused, Stopped

ZERO = "0" * 64
_MARK = b',"hash":"'
_END = b'"}'


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many lines it has, and the hash of the last."""

    lines: int = 0
    digest: str = ZERO


@dataclass(frozen=True, slots=True)
class Verdict:
    """``broken`` names the first line that does not fit (counted from 0) and why; empty when all do."""

    head: Head
    broken: str
    torn_bytes: int


class Broken(Refused):
    """The chain does not hold: somebody changed the file, or a disk did."""


def links(content: bytes) -> Iterator[tuple[Head, dict[str, Any]]]:
    """Give each whole line with the head after it.

    Raises:
        Broken: a line does not fit; the message names it.
    """
    head = Head()
    for line in content.split(b"\n")[:-1]:  # what follows the last end of a line is torn, not broken
        head, row = _link(line, head)
        yield head, row


def verify(content: bytes) -> Verdict:
    """Walk the whole chain."""
    head, whole = Head(), content.rfind(b"\n") + 1
    try:
        for reached, _ in links(content):
            head = reached
    except Broken as error:
        return Verdict(head, str(error), 0)
    return Verdict(head, "", len(content) - whole)


def _link(line: bytes, before: Head) -> tuple[Head, dict[str, Any]]:
    body, mark, rest = line.rpartition(_MARK)
    if not mark or not rest.endswith(_END) or rest[: -len(_END)] != blake3(body).hexdigest().encode():
        raise Broken(f"record {before.lines} is not what was written: its hash does not fit")
    row = json.loads(body + b"}")
    if row.get("n") != before.lines or row.get("prev") != before.digest:
        raise Broken(f"record {before.lines} does not follow the one before it: a record was put in or left out")
    return Head(before.lines + 1, rest[: -len(_END)].decode()), row


class ChainWriter:
    """Appends to one file. Not for two writers: the file is locked.

    Raises:
        Broken: the file is there and its chain does not hold: nothing is added to it.
        Stopped: it cannot be written, or another process writes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Stopped(f"{path} cannot be written ({error.strerror}): free the disk or correct [paths] audit") from error
        self._lock()
        content = path.read_bytes()
        self.rows: list[dict[str, Any]] = []
        self.head = Head()
        try:
            for self.head, row in links(content):
                self.rows.append(row)
        except Broken as error:
            self.close()
            raise Broken(f"{path.name}: {error}: nothing is added to it; keep it, and look who changed it") from None
        whole = content.rfind(b"\n") + 1
        self.torn_bytes = len(content) - whole
        if self.torn_bytes:
            os.ftruncate(self._file, whole)

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows in order; they are on the disk when this returns."""
        if not rows:
            return
        head, parts = self.head, []
        for row in rows:
            body = json.dumps({"n": head.lines, "prev": head.digest, **row}, separators=(",", ":"), ensure_ascii=False).encode()[:-1]
            digest = blake3(body).hexdigest()
            parts.append(body + _MARK + digest.encode() + _END + b"\n")
            head = Head(head.lines + 1, digest)
        try:
            _write(self._file, b"".join(parts))
            os.fsync(self._file)
        except OSError as error:
            raise Stopped(f"{self.path} cannot be written ({error.strerror}): free the disk, then start the audit again") from error
        self.head = head

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise Stopped(f"{self.path.name} is being written by another audit: stop one") from None


def _write(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]
