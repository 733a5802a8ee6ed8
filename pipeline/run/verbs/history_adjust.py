"""`ticktick history adjust ACTIONS`: splits and bonuses, each checked against the raw price step, into ``factors.csv`` beside the days.

The raw days are never changed. Exit 1 when an action was refused; `--force SYMBOL:DATE` vouches for one.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from pipeline.archive.adjust import FILE, Action, Factor, factors, read_actions, table_text, unexplained
from pipeline.archive.period import Period
from pipeline.archive.shelf import Shelf, put_text
from pipeline.archive.spans import EVER
from pipeline.core.errors import Refused
from pipeline.core.registry import did_you_mean
from pipeline.run.settings import Settings
from pipeline.run.verbs.shared import settings_for, show


def main(args: argparse.Namespace) -> int:
    """Make the tables; print each action and what became of it."""
    settings = settings_for(args)
    actions = _by_symbol(Path(args.actions).expanduser())
    forced = _forced(args.force)
    shelf = Shelf(settings.paths.archive, settings.maker)
    with shelf.writing():
        made, steps = adjust(shelf, args.source, actions, forced)
    if not made:
        raise Refused(_nothing(settings, shelf, args.source))
    lines = [f"{symbol:<12} {f.ex_date}  {f.ratio:g}  {f.state}  {f.why}".rstrip() for symbol, table in made.items() for f in table]
    lines += [f"{symbol:<12} {day}  no action, but the price steps by {step:.2f}" for symbol, found in steps.items() for day, step in found]
    states = [f.state for table in made.values() for f in table]
    lines.append(
        f"{states.count('applied')} applied, {states.count('forced')} forced, {states.count('refused')} refused; dividends are left out"
    )
    plain = {
        "factors": {symbol: [asdict(f) for f in table] for symbol, table in made.items()},
        "unexplained": steps,
        "applied": states.count("applied"),
        "forced": states.count("forced"),
        "refused": states.count("refused"),
    }
    show(args, plain, "\n".join(lines))
    return 1 if "refused" in states else 0


def adjust(
    shelf: Shelf, source: str, actions: dict[str, list[Action]], forced: dict[str, frozenset[str]]
) -> tuple[dict[str, list[Factor]], dict[str, list[tuple[str, float]]]]:
    """Write the table of every paper of a source that is in the archive; give the tables, and the steps that no action explains."""
    made: dict[str, list[Factor]] = {}
    steps: dict[str, list[tuple[str, float]]] = {}
    for series in shelf.series():
        if (series.source, series.period) != (source, Period("days")):
            continue
        rows = shelf.read(series, EVER)
        table = factors(rows, actions.get(series.symbol, []), forced.get(series.symbol, frozenset()))
        put_text(shelf.folder(series) / FILE, table_text(table))
        made[series.symbol] = table
        if found := unexplained(rows, table):
            steps[series.symbol] = found
    return made, steps


def _by_symbol(path: Path) -> dict[str, list[Action]]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise Refused(f"{path} cannot be read ({why}): name a CSV with symbol, ex_date and split_ratio") from error
    out: dict[str, list[Action]] = defaultdict(list)
    for action in read_actions(text, path.name):
        out[action.symbol].append(action)
    return out


def _forced(words: list[str]) -> dict[str, frozenset[str]]:
    out: dict[str, frozenset[str]] = {}
    for word in words:
        symbol, colon, day = word.rpartition(":")
        if not colon or len(day) != 10:
            raise Refused(f"--force {word}: write SYMBOL:DATE, such as TITAN:2011-06-23")
        out[symbol] = out.get(symbol, frozenset()) | {day}
    return out


def _nothing(settings: Settings, shelf: Shelf, source: str) -> str:
    sources = sorted({s.source for s in shelf.series() if s.period == Period("days")})
    hint = did_you_mean(source, sources) or "; import some with `ticktick history import`"
    return f"the archive {settings.paths.archive} holds no daily candles of {source!r}{hint}"
