"""`ticktick patterns`: the candlestick patterns there are. `ticktick patterns SYMBOL [--timeframe 5m]`: how they turned out on a symbol.

Reads the record that the chart process tells in ``patterns:<symbol>:<timeframe>``; without a symbol, only the registry. With
``--archive`` it reads no Redis but the archive of candles, years of it, a month at a time: of a symbol, or of all that it holds.
Exit 0, 3 when nothing runs, 4 when the symbol or timeframe is unknown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pipeline.archive.record import papers, record_of
from pipeline.archive.shelf import Shelf
from pipeline.archive.spans import EVER
from pipeline.archive.warm import SOURCE
from pipeline.core.errors import Refused
from pipeline.core.registry import PATTERNS, did_you_mean
from pipeline.core.schema import PATTERN_RECORD, Role, timeframe_label
from pipeline.core.types import TIMEFRAMES
from pipeline.core.watchlist import resolve
from pipeline.patterns.reliability import AHEAD
from pipeline.run import universe
from pipeline.run.access import calendar_of
from pipeline.run.discovery import discover
from pipeline.run.verbs.running import running_day
from pipeline.run.verbs.shared import settings_for, show

LABELS = tuple(timeframe_label(minutes) for minutes in TIMEFRAMES)
NO_CLAIMS = ("any", "newest")
"""Fields of a record that are no claims."""
LEGEND = (
    f"rate of hits that the price followed {AHEAD} candles later (95 % interval), rate on all candles, gain (95 % interval), lift.\n"
    "With so many patterns one interval in twenty misses by chance."
)
Record = Mapping[str, str]


def main(args: argparse.Namespace) -> int:
    """Print the patterns, or their record on one symbol."""
    if args.timeframe and args.timeframe not in LABELS:
        raise Refused(f"unknown timeframe {args.timeframe!r}: use {', '.join(LABELS)}")
    if not args.archive and (args.first or args.last):
        raise Refused("--from and --to are dates of the archive: say --archive, too")
    if args.first and args.last and args.first > args.last:
        raise Refused(f"there is no date from {args.first} to {args.last}: give an earlier --from, or a later --to")
    if args.archive:
        _archived(args)
    elif args.symbol:
        _running(args)
    else:
        _known(args)
    return 0


def _known(args: argparse.Namespace) -> None:
    discover()
    rows = [(name, str(spec.lean), spec.candles, f"CDL{spec.oracle}" if spec.oracle else "") for name, spec in PATTERNS.items()]
    plain = [dict(zip(("pattern", "side", "candles", "talib"), row, strict=True)) for row in rows]
    lines = [f"{name:<30} {lean:<8} {candles:>2}  {talib}".rstrip() for name, lean, candles, talib in rows]
    show(args, {"patterns": plain}, "\n".join(lines))


def _running(args: argparse.Namespace) -> None:
    settings = settings_for(args)
    _, store, date = running_day(settings, "no pattern was seen")
    symbol = resolve(args.symbol, universe.load(store, date)).symbol
    labels = (args.timeframe,) if args.timeframe else LABELS
    records = {label: dict(store.fetch(Role.DERIVED, PATTERN_RECORD.key(symbol, label))) for label in labels}
    show(args, {"symbol": symbol, "candles_ahead": AHEAD, "timeframes": records}, _words(symbol, records))


def _archived(args: argparse.Namespace) -> None:
    """Tell the record over the archive, symbol by symbol as it is found."""
    discover()
    settings = settings_for(args)
    shelf = Shelf(settings.paths.archive, settings.maker)
    shelf.require_maker()
    labels = (args.timeframe,) if args.timeframe else LABELS
    minutes = [TIMEFRAMES[LABELS.index(label)] for label in labels]
    span, calendar = (args.first or EVER[0], args.last or EVER[1]), calendar_of(settings)
    found: dict[str, dict[str, Any]] = {}
    for symbol in _held(shelf, args.symbol):
        records = dict(zip(labels, record_of(shelf, (SOURCE, symbol), minutes, span, calendar), strict=True))
        if args.json:
            found[symbol] = {label: asdict(record) for label, record in records.items()}
            continue
        for label, record in records.items():
            dates = f"{record.first} to {record.last}" if record.told else "no candle in these dates"
            sys.stdout.write(_table(f"{symbol} {label}, {dates}", record.told) + "\n\n")
    show(args, {"source": SOURCE, "candles_ahead": AHEAD, "symbols": found}, LEGEND)


def _held(shelf: Shelf, asked: str) -> list[str]:
    """Name the symbol that is asked for, or all that the archive holds."""
    held = papers(shelf, SOURCE)
    symbol = asked.upper().removesuffix(".NS")
    if not held or (symbol and symbol not in held):
        hint = did_you_mean(symbol, held) or ": `ticktick history list` shows what it holds, `ticktick history fetch` brings more"
        raise Refused(f"the archive {shelf.root} has no candles within a day{f' of {symbol}' if symbol else ''}{hint}")
    return [symbol] if symbol else held


def _words(symbol: str, records: Mapping[str, Record]) -> str:
    parts = [_table(f"{symbol} {label}", record) for label, record in records.items() if record]
    if not parts:
        return f"no pattern of {symbol} has an outcome yet: one is read {AHEAD} candles after the hit"
    return "\n\n".join([*parts, LEGEND])


def _table(head: str, record: Record) -> str:
    lines = [f"{claim.replace(':', ' '):<40} {text}" for claim, text in sorted(record.items()) if claim not in NO_CLAIMS]
    return "\n".join([f"{head}: {record['any']}" if record else head, *lines])
