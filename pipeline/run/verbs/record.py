"""`ticktick record`: keep the feed as it comes, the same as scripts/record_feed.py; `--check FILE` judges a day file.

Exit 1 when a day file is not the whole of what it tells of: damage, holes, or other events than were committed.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.broker.intake import Intake
from pipeline.core.schema import FRAMES
from pipeline.core.session import ist_text
from pipeline.run import record
from pipeline.run.access import calendar_of
from pipeline.run.dayfacts import Tally
from pipeline.run.playback import contents, events_of
from pipeline.run.settings import Settings
from pipeline.run.verbs.shared import settings_for, show
from pipeline.run.wiring import open_house, run_process
from pipeline.store.dayfile import DayFile, Record


def main(args: argparse.Namespace) -> int:
    """Record until the day is over, or judge a file."""
    settings = settings_for(args)
    if args.check:
        found = check(Path(args.check).expanduser().resolve(), settings)
        show(args, found, words_of(found))
        return 0 if found["is_whole"] else 1
    record.require_enabled(settings)
    run_process(record.NAME, open_house(settings))
    return 0


def check(path: Path, settings: Settings) -> dict[str, Any]:
    """Read a whole file and say what is in it; damage is passed over and told.

    Raises:
        Refused: it is no day file, or cannot be read at all.
    """
    held = contents(path, skip_damage=True)
    day = calendar_of(settings).day(str(held.facts["date"]))
    intake = Intake(held.instruments, day, int(held.facts["parameters"]["candles.gap_silence_ms"]))
    tally, kinds, span = Tally(), Counter[str](), [0, 0]
    with DayFile(path) as file:
        for event in events_of(_noted(file, tally)):
            kinds[event.kind.name.lower()] += 1
            intake.take(event)
            span = [span[0] or event.recv_ms, event.recv_ms or span[1]]
        raw = sum(block.head.raw for block in file.blocks)
        packed = sum(block.head.packed for block in file.blocks)
        damage = [f"byte {d.offset}, {d.size} bytes: {d.what}" for d in sorted(file.damage, key=lambda d: d.offset)]
        blocks, is_closed = len(file.blocks), file.is_closed
    told = held.digests.get(FRAMES.name)
    is_same = "unknown" if told is None or tally.holes or damage else "yes" if tally.digest.hex() == told else "no"
    return {
        "file": str(path),
        **{name: held.facts[name] for name in ("date", "maker", "mode", "program")},
        "events": sum(kinds.values()),
        "frames": kinds["frame"],
        "kinds": dict(kinds),
        "from": ist_text(span[0]),
        "to": ist_text(span[1]),
        "gaps": intake.counts["gaps"],
        "refused": intake.counts["refused_frames"],
        "holes": tally.holes,
        "missed": dict(held.missed),
        "blocks": blocks,
        "bytes": path.stat().st_size,
        "raw_bytes": raw,
        "ratio": round(raw / packed, 2) if packed else 0.0,
        "is_closed": is_closed,
        "is_as_committed": is_same,
        "damage": damage,
        "is_whole": not damage and not tally.holes and is_same != "no",
    }


def _noted(file: DayFile, tally: Tally) -> Iterator[Record]:
    for each in file.records(skip_damage=True):
        tally.note(each)
        yield each


def words_of(found: dict[str, Any]) -> str:
    """Lay the judgement out for a person."""
    lines = [f"{name:>16}  {value}" for name, value in found.items() if not isinstance(value, dict | list)]
    lines += [f"{name:>16}  {key} {value}" for name in ("kinds", "missed") for key, value in found[name].items()]
    return "\n".join([*lines, *(f"{'damage':>16}  {line}" for line in found["damage"])])
