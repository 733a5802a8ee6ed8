"""`ticktick instruments refresh | check [FILE] | find WORDS`: the broker's daily file of papers.

refresh fetches the day's file, judges it, writes the verdict and fills the look-up in Redis (when one answers); check judges the newest
file, or one that is named; find searches symbols, names and keys. Exit 0; 1 when a file is not fit to trade on; 2 when nothing is found;
4 when there is no file.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis

from pipeline.broker.instruments import cache_path, download, latest
from pipeline.broker.instruments_check import Report
from pipeline.core.errors import Refused
from pipeline.core.session import ist_date, ist_text
from pipeline.run import masters
from pipeline.run.settings import Settings
from pipeline.run.verbs.shared import settings_for, show
from pipeline.store.client import open_clients

MOST = 20


def main(args: argparse.Namespace) -> int:
    """Do what was asked."""
    settings = settings_for(args)
    return {"refresh": _refresh, "check": _check, "find": _find}[args.what](args, settings)


def _refresh(args: argparse.Namespace, settings: Settings) -> int:
    _take_nothing(args)
    date, entries = _date(settings), masters.watchlist_of(settings)
    download(masters.config_of(settings, date), date, {entry.instrument_key for entry in entries})
    path = cache_path(settings.paths.data, date)
    report = masters.judge(path, entries, date)
    verdict = masters.write_report(report, settings.paths.data)
    urls = settings.redis.urls()
    try:
        counts = masters.publish(open_clients(urls), masters.rows_in(path), date)
        looked = f"{sum(counts.values()):,} papers to look up in Redis"
    except redis.exceptions.RedisError:
        counts, looked = {}, "no Redis answers: the look-up is filled by the next start"
    plain = report.plain() | {"path": str(path), "report": str(verdict), "looked_up": counts}
    show(args, plain, f"{path.name}: {report.rows:,} papers; {looked}\n{_words(report)}\nverdict in {verdict.name}")
    return 0 if report.is_fit else 1


def _check(args: argparse.Namespace, settings: Settings) -> int:
    if len(args.words) > 1:
        raise Refused("name one file at most: ticktick instruments check FILE")
    path = Path(args.words[0]).expanduser().resolve() if args.words else _newest(settings)
    date = _date(settings)
    report = masters.judge(path, masters.watchlist_of(settings), date)
    age = "" if args.words or path == cache_path(settings.paths.data, date) else f" (not of {date}: `ticktick instruments refresh`)"
    show(args, report.plain() | {"path": str(path)}, f"{path.name}{age}: {report.rows:,} papers\n{_words(report)}")
    return 0 if report.is_fit else 1


def _find(args: argparse.Namespace, settings: Settings) -> int:
    if not args.words:
        raise Refused("say what to look for: ticktick instruments find RELIANCE")
    path = _newest(settings)
    found = masters.find(masters.rows_in(path), " ".join(args.words), MOST)
    lines = [_line(row) for row in found] or [f"nothing in {path.name} has {' '.join(args.words)!r} in its symbol, name or key"]
    show(args, {"file": path.name, "found": found}, "\n".join(lines))
    return 0 if found else 2


def _newest(settings: Settings) -> Path:
    path = latest(settings.paths.data)
    if path is None:
        raise Refused(f"no instrument file in {settings.paths.data}: run `ticktick instruments refresh`")
    return path


def _date(settings: Settings) -> str:
    return settings.session_date or ist_date(time.time_ns() // 1_000_000)


def _take_nothing(args: argparse.Namespace) -> None:
    if args.words:
        raise Refused("refresh takes no words; to look for a paper: ticktick instruments find RELIANCE")


def _words(report: Report) -> str:
    fit = sum(row["is_fit"] for row in report.watched)
    segments = ", ".join(f"{name} {count:,}" for name, count in sorted(report.segments.items()))
    others = ", ".join(f"{code} {count:,}" for code, count in sorted(report.counts.items()))
    lines = [f"  {segments}", f"  watchlist: {fit} of {len(report.watched)} fit to trade"]
    lines += [f"  UNFIT: {fault}" for fault in report.faults]
    return "\n".join([*lines, f"  elsewhere: {others}"] if others else lines)


def _line(row: Mapping[str, Any]) -> str:
    tick = f"tick {row['tick_paise'] / 100:.2f}" if "tick_paise" in row else ""
    numbers = [f"{name} {row[name]:g}" for name in ("lot", "freeze", "strike") if row.get(name)]
    expiry = [f"expires {ist_text(int(row['expiry']))[:10]}"] if row.get("expiry") else []
    cas = ["closing auction"] if row.get("cas") else []
    facts = " · ".join(part for part in (tick, *numbers, *expiry, *cas) if part)
    return f"{row['symbol']:<32} {row['key']:<28} {row.get('name', '')}  {facts}".rstrip()
