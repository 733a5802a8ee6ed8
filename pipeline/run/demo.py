"""`ticktick demo`: a whole market day in one command, no account, no key, no network, no installed Redis."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.core.errors import Refused
from pipeline.run.day import Plan, play
from pipeline.run.options import Settings
from pipeline.run.settings import load
from pipeline.simulator.config import DEMO_DATE, SimulatorConfig

FROM_THE_BELL = "09:14-16:00"
"""Where a demo with a page begins: a minute before the open, not fifteen."""
HURRIED: dict[str, Any] = {"ticks.ltp_interval_ms": 1_000}
"""Headless runs show the newest tick once a second of the market's time: nobody watches, and digests do not see it."""
STALL_S = 2
"""Seconds that this machine may stall in a fast demo before the market's silence counts as a gap."""
ANSWER_S = 45
"""Seconds of a person's time that a recommendation stays open in a demo, whatever the speed."""


def main(args: argparse.Namespace) -> int:
    """Play the demo day; print the summary."""
    base = load()
    say = _speaker(is_json=args.json)
    config = SimulatorConfig(
        seed=args.seed,
        date=args.date or base.session_date or DEMO_DATE,
        session=args.session if args.headless or args.session != "full" else FROM_THE_BELL,
        speed=args.speed,
        maker=args.maker,
        path=str(Path(args.path).expanduser().resolve()) if args.path else "",
        hold=args.hold,
    )
    confirm = args.confirm or ("auto" if args.headless else "ask")
    if args.headless and confirm == "ask":
        raise Refused("a headless run has nobody to ask: use --confirm auto")
    plan = Plan(
        config,
        is_headless=args.headless or args.store == "memory",
        store=args.store,
        confirm=confirm if args.store == "redis" else "auto",
        redis_url=args.redis_url,
        port=args.port,
        is_browsing=not args.no_browser and not args.headless,
        overrides=HURRIED if args.headless else _patience(base, args.speed),
        say=say,
    )
    report(play(plan, base), is_json=args.json)
    return 0


def _patience(base: Settings, speed: float) -> dict[str, Any]:
    """Give a person time to answer, and the machine time to stall, when the day runs fast: both count event time."""
    pace = max(speed, 1.0)
    silence_ms = max(base.params.candles.gap_silence_ms, int(STALL_S * 1000 * pace))
    return {"filter.expiry_s": max(base.params.filter.expiry_s, int(ANSWER_S * pace)), "candles.gap_silence_ms": silence_ms}


def _speaker(*, is_json: bool) -> Callable[[str], None]:
    """Speak on standard error when standard output is for a program."""
    stream = sys.stderr if is_json else sys.stdout

    def say(line: str) -> None:
        stream.write(line + "\n")
        stream.flush()

    return say


def report(summary: dict[str, Any], *, is_json: bool) -> None:
    """Print the summary: one JSON object as the last line, or a short table."""
    if is_json:
        print(json.dumps(summary, separators=(",", ":")), flush=True)
        return
    for key, value in summary.items():
        if not isinstance(value, dict):
            print(f"{key:>16}  {value}")
    for stream, digest in summary["digests"].items():
        print(f"{'digest':>16}  {digest}  {stream}")
