"""`ticktick replay PATH`: a recorded day through the same processes; the summary has the demo's keys."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.core.errors import Refused
from pipeline.run.day import Plan, play
from pipeline.run.demo import report
from pipeline.run.settings import load
from pipeline.simulator.config import SimulatorConfig


def main(args: argparse.Namespace) -> int:
    """Replay a recording headless; orders meet the paper exchange.

    Raises:
        Refused: nothing to replay at that path.
    """
    path = Path(args.path).expanduser().resolve()
    if not path.exists():
        raise Refused(f"no recording at {args.path}: name a folder or file of recorded feed messages")
    plan = Plan(
        SimulatorConfig(maker="player", path=str(path), speed=args.speed, hold=args.hold),
        store=args.store,
        confirm=args.confirm or "auto",
        redis_url=args.redis_url,
        mode="replay",
        say=lambda line: print(line, file=sys.stderr),
    )
    report(play(plan, load()), is_json=args.json)
    return 0
