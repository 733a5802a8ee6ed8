"""`ticktick patterns`: the candlestick patterns there are. `ticktick patterns SYMBOL [--timeframe 5m]`: how they turned out on a symbol.

Reads the record that the chart process tells in ``patterns:<symbol>:<timeframe>``; without a symbol, only the registry.
Exit 0, 3 when nothing runs, 4 when the symbol or timeframe is unknown.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from pipeline.core.errors import Refused
from pipeline.core.registry import PATTERNS
from pipeline.core.schema import PATTERN_RECORD, Role, timeframe_label
from pipeline.core.types import TIMEFRAMES
from pipeline.core.watchlist import resolve
from pipeline.patterns.reliability import AHEAD
from pipeline.run import universe
from pipeline.run.discovery import discover
from pipeline.run.verbs.running import running_day
from pipeline.run.verbs.shared import settings_for, show

LABELS = tuple(timeframe_label(minutes) for minutes in TIMEFRAMES)
NO_CLAIMS = ("any", "newest")
"""Fields of a record that are no claims."""
Record = Mapping[str, str]


def main(args: argparse.Namespace) -> int:
    """Print the patterns, or their record on one symbol."""
    if not args.symbol:
        discover()
        rows = [(name, str(spec.lean), spec.candles, f"CDL{spec.oracle}" if spec.oracle else "") for name, spec in PATTERNS.items()]
        plain = [dict(zip(("pattern", "side", "candles", "talib"), row, strict=True)) for row in rows]
        lines = [f"{name:<30} {lean:<8} {candles:>2}  {talib}".rstrip() for name, lean, candles, talib in rows]
        show(args, {"patterns": plain}, "\n".join(lines))
        return 0
    if args.timeframe and args.timeframe not in LABELS:
        raise Refused(f"unknown timeframe {args.timeframe!r}: use {', '.join(LABELS)}")
    settings = settings_for(args)
    _, store, date = running_day(settings, "no pattern was seen")
    symbol = resolve(args.symbol, universe.load(store, date)).symbol
    labels = (args.timeframe,) if args.timeframe else LABELS
    records = {label: dict(store.fetch(Role.DERIVED, PATTERN_RECORD.key(symbol, label))) for label in labels}
    show(args, {"symbol": symbol, "candles_ahead": AHEAD, "timeframes": records}, _words(symbol, records))
    return 0


def _words(symbol: str, records: Mapping[str, Record]) -> str:
    parts = [_table(symbol, label, record) for label, record in records.items() if record]
    if not parts:
        return f"no pattern of {symbol} has an outcome yet: one is read {AHEAD} candles after the hit"
    legend = (
        f"rate of hits that the price followed {AHEAD} candles later (95 % interval), rate on all candles, gain (95 % interval), lift.\n"
        "With so many patterns one interval in twenty misses by chance."
    )
    return "\n\n".join([*parts, legend])


def _table(symbol: str, label: str, record: Record) -> str:
    lines = [f"{claim.replace(':', ' '):<40} {text}" for claim, text in sorted(record.items()) if claim not in NO_CLAIMS]
    return "\n".join([f"{symbol} {label}: {record.get('any', '')}", *lines])
