"""`ticktick replay PATH`: a recorded day through the same processes; the summary has the demo's keys.

PATH is a day file of the recorder, played as it was (no simulator, no token, no network), or a folder or file of
feed messages in JSON, which the simulator plays.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.core import schema
from pipeline.core.errors import Refused
from pipeline.run.day import Plan, play
from pipeline.run.dayfacts import flat
from pipeline.run.demo import report
from pipeline.run.playback import Contents, Recording, contents
from pipeline.run.settings import Settings, load
from pipeline.simulator.config import SimulatorConfig
from pipeline.store.dayfile import is_dayfile

SHOWN_ONLY = frozenset({"ticks.series_interval_ms", "ticks.ltp_interval_ms"})
"""Parameters of what is shown, which no stream depends on."""
CONFIRM = "orders.confirm"
MARKET_STREAMS = frozenset(
    stream.name
    for stream in (
        schema.TICKS,
        schema.DEPTH,
        schema.HISTORY,
        schema.CANDLES,
        schema.INDICATORS,
        schema.CHARTS,
        schema.PATTERNS,
        schema.SIGNALS,
        schema.RECOMMENDATIONS,
    )
)
"""What the market alone decides: equal whenever the recorded day was, whoever answered the recommendations."""


def main(args: argparse.Namespace) -> int:
    """Replay a recording headless; orders meet the paper exchange.

    Raises:
        Refused: nothing to replay at that path, or nothing to verify it by.
    """
    path = Path(args.path).expanduser().resolve()
    if not path.exists():
        raise Refused(f"no recording at {args.path}: name a day file, or a folder or file of recorded feed messages")
    if is_dayfile(path):
        return _play_dayfile(args, path)
    if args.verify:
        raise Refused(f"{args.path} is no day file: only what `ticktick record` wrote can be verified")
    report(play(_plan(args, SimulatorConfig(maker="player", path=str(path), speed=args.speed, hold=args.hold)), load()), is_json=args.json)
    return 0


def _plan(
    args: argparse.Namespace,
    simulator: SimulatorConfig,
    recording: Recording | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Plan:
    return Plan(
        simulator,
        recording=recording,
        store=args.store,
        confirm=args.confirm or "auto",
        redis_url=args.redis_url,
        mode="replay",
        overrides=overrides or {},
        say=_say,
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _play_dayfile(args: argparse.Namespace, path: Path) -> int:
    held = contents(path)
    if args.verify and not held.digests:
        raise Refused(f"{path.name} holds no digests: the recorded day did not come to its end, so there is nothing to verify by")
    base = load()
    overrides: dict[str, Any] = {}
    if args.verify:  # the same day by the same rules; without it one may want to see what other rules would have made
        overrides = {name: value for name, value in held.facts["parameters"].items() if name != CONFIRM}
    for line in (*warnings(held), *([] if args.verify else differences(held, base))):
        _say(f"warning: {line}")
    found = play(_plan(args, SimulatorConfig(), Recording(path, args.speed), overrides), base)
    if not args.verify:
        report(found, is_json=args.json)
        return 0
    wrong = verify(held, found["digests"])
    report({**found, "verified": not wrong}, is_json=args.json)
    _say(
        f"differs from the recorded day: {', '.join(wrong)}"
        if wrong
        else f"verified: {len(compared(held))} streams equal the recorded day's"
    )
    return 1 if wrong else 0


def warnings(held: Contents) -> list[str]:
    """Say what of the recorded day is not in the file."""
    lines = [f"{count} entries of {stream} are missing in the recording" for stream, count in held.missed.items()]
    if held.is_cut:
        lines.append("the recording was not ended cleanly: it is played up to where it was cut")
    if held.facts.get("program") != __version__:
        lines.append(f"recorded by version {held.facts.get('program')}, played by {__version__}")
    return lines


def differences(held: Contents, settings: Settings) -> list[str]:
    """Name the parameters that are not those of the recorded day."""
    then, now = held.facts["parameters"], flat(settings.params) | {CONFIRM: "auto"}
    names = sorted(name for name in {*then, *now} - SHOWN_ONLY if then.get(name) != now.get(name))
    return [f"{name} was {then.get(name)}, is {now.get(name)}" for name in names]


def compared(held: Contents) -> list[str]:
    """Give the streams that must be equal: all of a headless day, else those that no person and no arrival order decides."""
    names = set(held.digests) - {schema.FRAMES.name}
    return sorted(names if held.facts["is_headless"] else names & MARKET_STREAMS)


def verify(held: Contents, digests: Mapping[str, str]) -> list[str]:
    """Name the streams whose digests are not those of the recorded day."""
    return [name for name in compared(held) if digests.get(name) != held.digests[name]]
