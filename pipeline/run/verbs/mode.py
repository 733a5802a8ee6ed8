"""`ticktick mode`, `ticktick mode preflight MODE`, `ticktick mode set MODE`: what is done with orders, and how to change it.

Without a word it tells the mode, where it is set and what it means. preflight looks up what speaks for another mode, with its evidence.
set does the same, asks for a typed word (live modes), and writes the mode into the settings.toml of the folder named by TICKTICK_CONFIG;
never into the shipped files, and never while processes run. Exit 0; 1 when a required point is not met; 4 when it cannot be set from here.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import Refused
from pipeline.core.money import rupees
from pipeline.core.registry import did_you_mean
from pipeline.run.pids import read_state
from pipeline.run.settings import Settings, load, origins
from pipeline.run.verbs.shared import settings_for, show

if TYPE_CHECKING:
    from pipeline.run.preflight import Point

MEANING = {
    "paper": "live market data, orders filled by our own paper exchange; no money moves",
    "replay": "a recorded day, orders filled by our own paper exchange; no money moves",
    "simulated": "a simulator on this machine for market data and orders; no money moves",
    "live-sandbox": "live market data, orders to Upstox's sandbox; no money moves",
    "live-real": "live market data, orders to the exchange: REAL MONEY",
}
TARGETS = ("paper", "live-sandbox", "live-real")
LOOKED_AT = (*TARGETS, "simulated")
"""A simulator's mode is set by its own environment file; what speaks for it can be looked up."""
FILE = "settings.toml"


def main(args: argparse.Namespace) -> int:
    """Show, look, or set."""
    if args.what is None:
        return _show(args)
    known = TARGETS if args.what == "set" else LOOKED_AT
    if args.target not in known:
        raise Refused(f"mode {args.target!r} is none to {args.what}{did_you_mean(str(args.target), known) or ': use ' + ', '.join(known)}")
    place = _place() if args.what == "set" else None
    settings = load(overrides={"mode": args.target})
    found = _preflight(settings)
    words = _table(found)
    unmet = [point.name for point in found if point.is_required and not point.is_met]
    plain = {"mode": args.target, "points": [asdict(point) for point in found], "may": not unmet, "set": False}
    if unmet or place is None:
        end = f"not allowed: {', '.join(unmet)}" if unmet else f"nothing forbids {args.target}"
        show(args, plain, f"{words}\n{end}")
        return 1 if unmet else 0
    _require_rest(settings)
    if not args.json:
        sys.stdout.write(words + "\n")
    _confirm(settings)
    text = place.read_text("utf-8") if place.exists() else ""
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    temporary.write_text(with_mode(text, args.target), "utf-8")
    temporary.replace(place)
    show(args, plain | {"set": True}, f"mode {args.target} set in {place}: {MEANING[args.target]}")
    return 0


def with_mode(text: str, mode: str) -> str:
    """Return a settings file with its mode set; everything else, comments too, stays as it is."""
    lines = text.splitlines(keepends=True)
    for at, line in enumerate(lines):
        if line.lstrip().startswith("["):
            break
        if line.split("=")[0].strip() == "mode" and "=" in line:
            _, mark, comment = line.partition("#")
            lines[at] = f'mode = "{mode}"' + (f"  {mark}{comment}" if mark else "\n")
            return "".join(lines)
    return f'mode = "{mode}"\n' + text


def _show(args: argparse.Namespace) -> int:
    settings = settings_for(args)
    source = origins(settings)["mode"]
    words = (
        f"mode {settings.mode} (from {source}): {MEANING[settings.mode]}\n"
        f"to change it: `ticktick mode set {' | '.join(TARGETS)}`, or TICKTICK__MODE=... for one run"
    )
    show(args, {"mode": settings.mode, "source": source, "meaning": MEANING[settings.mode]}, words)
    return 0


def _place() -> Path:
    """Give the file that the mode is written into.

    Raises:
        Refused: there is no folder of the user's own, or the environment would win over it.
    """
    if os.environ.get("TICKTICK__MODE"):
        raise Refused("TICKTICK__MODE is set in this shell and would win over any file: unset it first")
    named = os.environ.get("TICKTICK_CONFIG")
    if not named:
        raise Refused("the mode is kept in a folder of your own: make one with your risk.toml, and name it in TICKTICK_CONFIG")
    return Path(named).expanduser().resolve() / FILE


def _require_rest(settings: Settings) -> None:
    if read_state(settings.paths.runtime) is not None:
        raise Refused("processes are running: a mode is never changed under them; `ticktick down` first")


def _preflight(settings: Settings) -> list[Point]:
    from pipeline.run.preflight import points

    return points(settings)


def _table(found: Sequence[Point]) -> str:
    def word(point: Point) -> str:
        return "ok" if point.is_met else "NO" if point.is_required else "weigh"

    return "\n".join(f"{word(point):<6} {point.name:<24} {point.evidence}" for point in found)


def phrase(settings: Settings) -> str:
    """Give what a person must type: for real money, the capital that is at stake stands in it."""
    return f"REAL MONEY {rupees(settings.params.risk.capital_paise)}" if settings.mode == "live-real" else settings.mode


def _confirm(settings: Settings) -> None:
    if not settings.mode.startswith("live-"):
        return
    if not sys.stdin.isatty():
        raise Refused("a live mode is set by a person at a terminal: there is none here, nothing was changed")
    wanted = phrase(settings)
    sys.stderr.write(f"{MEANING[settings.mode]}\nType exactly  {wanted}  to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != wanted:
        raise Refused("that is not what was asked for: nothing was changed")
