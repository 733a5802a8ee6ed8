"""`ticktick audit verify [FILE...]` and `ticktick audit export [FILE] [--out FILE]`: is the audit whole, and what was traded.

verify walks every line of every file (or of those named), the links between the days, and the head that Redis keeps of the newest; it names
the first record that does not fit. export writes trade_log.csv. Exit 0; 1 when something was changed; 4 when there is no audit.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import redis

from pipeline.core.errors import Refused
from pipeline.core.schema import AUDIT, Role
from pipeline.run.audit import files_in, first_line
from pipeline.run.settings import Settings
from pipeline.run.tradelog import trade_log
from pipeline.run.verbs.shared import settings_for, show
from pipeline.store.chainfile import Verdict, links, verify
from pipeline.store.client import open_clients

LOG_NAME = "trade_log.csv"


def main(args: argparse.Namespace) -> int:
    """Do what was asked."""
    settings = settings_for(args)
    files = [Path(name).expanduser().resolve() for name in args.files] or files_in(settings.paths.audit)
    if not files:
        raise Refused(f"no audit in {settings.paths.audit}: the process keep_audit makes it (`ticktick up`)")
    return _verify(args, settings, files) if args.what == "verify" else _export(args, settings, files)


def _verify(args: argparse.Namespace, settings: Settings, files: list[Path]) -> int:
    rows: list[dict[str, Any]] = []
    verdicts: dict[str, Verdict] = {}
    for path in files:
        found = verdicts[path.name] = verify(_content(path))
        why = found.broken or _unlinked(path, verdicts)
        told = {"records": found.head.lines, "head": found.head.digest, "torn_bytes": found.torn_bytes}
        rows.append({"file": path.name, "broken": why, **told})
    if not args.files:
        rows[-1]["broken"] = rows[-1]["broken"] or _cut(settings, files[-1])
    show(args, {"files": rows, "is_whole": not any(row["broken"] for row in rows)}, "\n".join(_line(row) for row in rows))
    return 1 if any(row["broken"] for row in rows) else 0


def _unlinked(path: Path, known: dict[str, Verdict]) -> str:
    """Say whether the file before this one is another than this one's first line names; files that were not looked at are not judged."""
    before = (first_line(path) or {}).get("before", {})
    name, head = before.get("file", ""), before.get("head", "")
    found = known.get(name)
    if name and found is None and len(known) > 1:
        return f"record 0 names {name} as the file before it, which is not there"
    if found is not None and found.head.digest != head:
        return f"record 0 names another end of {name} than it has: it was cut or added to afterwards"
    return ""


def _cut(settings: Settings, path: Path) -> str:
    """Say whether the newest file ends before the head that Redis keeps of it."""
    try:
        told: Any = open_clients(settings.redis.urls())[Role.DERIVED].hgetall(AUDIT.key())
    except redis.exceptions.RedisError:
        return ""
    if told.get(b"file", b"").decode() != path.name:
        return ""
    lines, head = int(told[b"lines"]), told[b"head"].decode()
    reached = next((h.digest for h, _ in links(_content(path)) if h.lines == lines), "")
    return "" if reached == head else f"record {lines - 1} is not there as Redis knows it: the end was cut off"


def _export(args: argparse.Namespace, settings: Settings, files: list[Path]) -> int:
    path = files[-1]
    text = trade_log(row for _, row in links(_content(path)))
    out = Path(args.out).expanduser().resolve() if args.out else settings.paths.audit / LOG_NAME
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise Refused(f"{out} cannot be written ({error.strerror}): name another with --out") from error
    orders = text.count("\n") - 1
    show(args, {"file": path.name, "out": str(out), "orders": orders}, f"{orders} orders of {path.name} in {out}")
    return 0


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path} cannot be read ({error.strerror}): check the path") from error


def _line(row: dict[str, Any]) -> str:
    if row["broken"]:
        return f"{row['file']}: BROKEN: {row['broken']}"
    torn = f", {row['torn_bytes']} bytes of an unfinished line at its end" if row["torn_bytes"] else ""
    return f"{row['file']}: {row['records']:,} records, whole{torn}; head {row['head'][:16]}"
