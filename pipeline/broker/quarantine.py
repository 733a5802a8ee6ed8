"""Frames that were refused, kept as they came so that a person can look at them.

Writes one file per frame, ``<number>-<reason>.bin``, into one folder; the newest 200 and at most 16 MiB stay.
Never raises: a full disk must not stop the feed; what could not be kept is counted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"(\d{8})-[a-z0-9_]{1,40}\.bin")


class Quarantine:
    """A bounded folder. Numbers go on from what is there, so nothing is overwritten after a restart."""

    def __init__(self, folder: Path, max_files: int = 200, max_bytes: int = 16 * 1024 * 1024) -> None:
        self._folder = folder
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._files: list[tuple[Path, int]] | None = None
        self.kept = 0
        self.lost = 0
        """Frames that could not be written."""

    def keep(self, frame: bytes | str, reason: str) -> None:
        content = frame.encode("utf-8", "replace") if isinstance(frame, str) else frame
        word = re.sub(r"[^a-z0-9_]", "_", reason.lower())[:40] or "unknown"
        try:
            files = self._known()
            number = int(files[-1][0].name[:8]) + 1 if files else 1
            path = self._folder / f"{number:08d}-{word}.bin"
            with path.open("xb") as file:
                file.write(content[: self._max_bytes])
            files.append((path, min(len(content), self._max_bytes)))
            self._trim(files)
        except OSError:
            self.lost += 1
            return
        self.kept += 1

    def _known(self) -> list[tuple[Path, int]]:
        if self._files is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            found = sorted(p for p in self._folder.iterdir() if _NAME.fullmatch(p.name))
            self._files = [(p, p.stat().st_size) for p in found]
        return self._files

    def _trim(self, files: list[tuple[Path, int]]) -> None:
        while len(files) > 1 and (len(files) > self._max_files or sum(size for _, size in files) > self._max_bytes):
            files.pop(0)[0].unlink(missing_ok=True)
