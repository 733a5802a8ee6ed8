"""`ticktick drill`: times the emergency stop on a simulator, each string, in real processes: PASS or FAIL by [emergency] of the settings.

Nothing of the user's is touched: simulator, Redis, processes and files are the drill's own and are gone afterwards. Exit 0 PASS; 1 FAIL.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from pipeline.core.broker import Word
from pipeline.run import drill
from pipeline.run.drill import Figure
from pipeline.run.drillstage import Stage, perform
from pipeline.run.settings import Settings, load
from pipeline.run.verbs.shared import show

Pull = Callable[[Stage], float]
Shot = Callable[[Stage], None] | None
STRINGS: dict[str, tuple[Pull, Shot]] = {
    "page": (partial(drill.by_page, Word.FLATTEN), None),
    "command": (partial(drill.by_command, Word.FLATTEN), None),
    "file": (partial(drill.by_file, Word.FLATTEN), None),
    "kill": (partial(drill.by_command, Word.KILL), None),
    "page-kill": (partial(drill.by_page, Word.KILL), drill.shoot_redis),
    "command-kill": (partial(drill.by_command, Word.KILL), drill.shoot_orders),
}
"""Name -> how it is pulled, and who is shot a moment before."""
MEANS = {
    "page": "flatten by the page's button",
    "command": "`ticktick flatten`",
    "file": "`echo flatten > logs/HALT`",
    "kill": "`ticktick kill`, all alive",
    "page-kill": "level 4 by the page, Redis shot",
    "command-kill": "`ticktick kill`, orders shot",
}


def main(args: argparse.Namespace) -> int:
    """Rehearse every string that was asked for."""
    settings = load()
    names = args.strings or list(STRINGS)
    figures = []
    for _ in range(args.times):
        for name in names:
            sys.stderr.write(f"drill: {MEANS[name]} ...\n")
            sys.stderr.flush()
            figures.append(perform(settings, partial(drill.play, name, *STRINGS[name])))
    is_passed = all(_is_ok(figure, settings) for figure in figures)
    rows = [asdict(figure) | {"is_ok": _is_ok(figure, settings)} for figure in figures]
    show(args, {"figures": rows, "is_passed": is_passed}, table(figures, settings))
    return 0 if is_passed else 1


def _is_ok(figure: Figure, settings: Settings) -> bool:
    return figure.is_within(settings.emergency.drill_last_order_ms, settings.emergency.drill_flat_s)


def table(figures: list[Figure], settings: Settings) -> str:
    """Lay the figures out, milliseconds since the string was pulled."""
    bound = settings.emergency
    lines = [f"{'string':<34}{'positions':>10}{'last entry':>12}{'last order':>12}{'flat':>9}"]
    for f in figures:
        last_entry = f"{f.last_entry_ms} ms" if f.entries else "none"
        row = f"{MEANS[f.name]:<34}{f.positions:>10}{last_entry:>12}{f.last_order_ms:>9} ms{f.flat_ms:>6} ms"
        lines.append(row + ("" if _is_ok(f, settings) else f"   FAIL {f.trouble}"))
    verdict = "PASS" if all(_is_ok(f, settings) for f in figures) else "FAIL"
    lines.append(f"{verdict}: last entry within {bound.drill_last_order_ms:g} ms, flat within {bound.drill_flat_s:g} s of the string")
    return "\n".join(lines)
