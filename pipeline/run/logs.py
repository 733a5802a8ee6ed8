"""Logs: one line, one event, JSON, in Indian time and epoch milliseconds; many processes, four files.

    system.log       everything            tail -f logs/system.log
    errors.log       category ERROR        grep "ERROR" logs/*.log
    trades.log       category TRADE
    performance.log  category PERFORMANCE  grep "PERFORMANCE" logs/*.log

A line is written by one ``write`` on a descriptor opened for appending, so that processes never mix
lines. Rotation happens under a file lock; the others notice that the file has another inode and reopen.
Secrets are taken out here, at the handler, so that no caller can forget (``run/redaction.py``).
Tracebacks carry no local variables.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline.core.session import ist_text
from pipeline.run.options import Settings
from pipeline.run.redaction import redact

SYSTEM, ERRORS, TRADES, PERFORMANCE = "system.log", "errors.log", "trades.log", "performance.log"
FILES = (SYSTEM, ERRORS, TRADES, PERFORMANCE)
ROOT_LOGGER = "ticktick"
_MB = 1_000_000
_COLOURS = {"DEBUG": "\x1b[2m", "INFO": "", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[1;31m"}
_RESET = "\x1b[0m"


def setup(process: str, settings: Settings, *, console: bool = True) -> logging.Logger:
    """Send this process's log lines to the files and, in words, to the terminal; return the root logger.

    May be called again (after a fork, with the child's name): the earlier handlers are closed.
    """
    logger = logging.getLogger(ROOT_LOGGER)
    for old in list(logger.handlers):
        logger.removeHandler(old)
        old.close()
    logger.setLevel(settings.logging.level)
    logger.propagate = False
    logger.addHandler(FileHandler(process, settings.paths.logs, int(settings.logging.rotate_mb * _MB), settings.logging.keep))
    if console:
        logger.addHandler(ConsoleHandler(process))
    sys.excepthook = _log_uncaught
    return logger


def category(record: logging.LogRecord) -> str:
    """Name a line's category: ERROR for anything at that level, else what the caller said, else STEP."""
    return "ERROR" if record.levelno >= logging.ERROR else str(getattr(record, "category", "STEP"))


def line(record: logging.LogRecord, process: str) -> str:
    """Write one record as one line of JSON, redacted, without its newline."""
    ms = int(record.created * 1000)
    event: dict[str, Any] = {
        "ts": ist_text(ms),
        "ms": ms,
        "level": record.levelname,
        "category": category(record),
        "process": process,
        "pid": record.process,
        "part": record.name.removeprefix(ROOT_LOGGER).lstrip(".") or ROOT_LOGGER,
        "event": redact(_message(record)),
    }
    fields = getattr(record, "fields", None)
    if isinstance(fields, Mapping):
        event |= {str(name): _plain(value) for name, value in fields.items() if name not in event}
    if record.exc_info and record.exc_info[1] is not None:
        event["error"] = type(record.exc_info[1]).__name__
        event["traceback"] = redact("".join(traceback.format_exception(record.exc_info[1])))
    return redact(json.dumps(event, ensure_ascii=True, default=str))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a wrong format string must not lose the line
        return f"{record.msg} {record.args!r}"


def _plain(value: Any) -> Any:
    """Make a field fit for JSON: no NaN, no odd keys; secrets out before quotes are escaped, and again after."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


class FileHandler(logging.Handler):
    """Append each record to the files of its category."""

    def __init__(self, process: str, folder: Path, limit: int, keep: int) -> None:
        super().__init__()
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.process = process
        self._files = {name: AppendFile(folder / name, limit, keep) for name in FILES}

    def emit(self, record: logging.LogRecord) -> None:
        raw = line(record, self.process).encode() + b"\n"
        kind = category(record)
        names = {"ERROR": (SYSTEM, ERRORS), "TRADE": (SYSTEM, TRADES), "PERFORMANCE": (SYSTEM, PERFORMANCE)}.get(kind, (SYSTEM,))
        try:
            for name in names:
                self._files[name].write(raw)
        except OSError:  # a full disk must not stop trading; logging reports it on stderr
            self.handleError(record)

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        super().close()


class AppendFile:
    """One log file that several processes append to and rotate by size."""

    def __init__(self, path: Path, limit: int, keep: int) -> None:
        self.path, self.limit, self.keep = path, limit, keep
        self._fd = -1

    def write(self, raw: bytes) -> None:
        """Append whole lines in one system call; rotate first when they would not fit."""
        self._follow()
        if os.fstat(self._fd).st_size + len(raw) > self.limit:
            self._rotate(len(raw))
        os.write(self._fd, raw)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _follow(self) -> None:
        """Hold the file that bears the name now: another process may have put ours aside."""
        if self._fd >= 0:
            try:
                there = self.path.stat()
            except FileNotFoundError:
                self.close()
            else:
                ours = os.fstat(self._fd)
                if (there.st_ino, there.st_dev) != (ours.st_ino, ours.st_dev):
                    self.close()
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _rotate(self, coming: int) -> None:
        """Shift ``x.log`` to ``x.log.1`` and so on, unless another process just did."""
        lock = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._follow()
            size = os.fstat(self._fd).st_size
            if size == 0 or size + coming <= self.limit:
                return
            for number in range(self.keep, 0, -1):
                older = self.path if number == 1 else self.path.with_name(f"{self.path.name}.{number - 1}")
                if older.exists():
                    older.replace(self.path.with_name(f"{self.path.name}.{number}"))
            self._follow()
        finally:
            os.close(lock)


class ConsoleHandler(logging.Handler):
    """One short human line on stderr, in colour on a terminal (``NO_COLOR`` is honoured).

    Percentiles and journals are for files: of what concerns money, a terminal hears what became of orders, in words.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self.process = process
        self.is_coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ

    def emit(self, record: logging.LogRecord) -> None:
        words = self._words(record)
        if not words:
            return
        text = f"{ist_text(int(record.created * 1000))[11:23]} {record.levelname:<7} {self.process}: {words}"
        if record.exc_info and record.exc_info[1] is not None:
            text += "\n" + "".join(traceback.format_exception(record.exc_info[1])).rstrip()
        safe = "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in redact(text))
        colour = _COLOURS.get(record.levelname, "") if self.is_coloured else ""
        try:
            sys.stderr.write(f"{colour}{safe}{_RESET if colour else ''}\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # the terminal has gone; the files have the line
            pass

    def _words(self, record: logging.LogRecord) -> str:
        """Say a line for people; empty when it is none for them."""
        given, kind = getattr(record, "fields", None), category(record)
        fields = given if isinstance(given, Mapping) else {}
        if kind == "PERFORMANCE":
            return ""
        if kind == "TRADE":
            return trade_words(fields)
        shown = (f"{k}={v}" for k, v in fields.items() if v not in ({}, "") and (k, v) != ("job", self.process))
        return " ".join((_message(record), *shown))


TOLD = frozenset({"DENIED", "REFUSED", "UNKNOWN", "ABSENT", "CANCELLED"})
UNTAKEN = frozenset({"expired", "rejected"})
"""Reasons of a denial that only say that nobody took a proposal."""


def trade_words(fields: Mapping[str, Any]) -> str:
    """Tell a fill, or an order that came to nothing, as people would; empty for the steps between, which are in the journal."""
    if "last_qty" in fields:
        price = f"{int(fields['last_paise']) / 100:,.2f}"
        return f"{fields['side']} {fields['last_qty']} {fields['symbol']} filled at {price} ({fields['purpose']})"
    status, reason = fields.get("status"), fields.get("reason")
    if status not in TOLD or reason in UNTAKEN:
        return ""
    return f"{fields['side']} {fields['order_qty']} {fields['symbol']} ({fields['purpose']}) {str(status).lower()}: {reason}".rstrip(": ")


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger(ROOT_LOGGER).critical("process ends by an error nobody expected", exc_info=(kind, error, trace))


def clean(folder: Path) -> int:
    """Remove rotated files and empty the live ones (writers go on undisturbed); return the bytes freed."""
    freed = 0
    for name in FILES:
        for old in sorted(folder.glob(f"{name}.*")):
            freed += old.stat().st_size
            old.unlink()
        live = folder / name
        if live.exists():
            freed += live.stat().st_size
            os.truncate(live, 0)
    return freed
