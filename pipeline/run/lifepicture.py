"""Draw the life of an order from its table, and keep the copy in docs/orders.md equal to the code.

    python -m pipeline.run.lifepicture            print the picture and the table
    python -m pipeline.run.lifepicture --write    put them between the marks in the document

A unit test holds the copy against the code.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipeline.engine.lifecycle import FINAL, TABLE, Event, Status
from pipeline.run.keytable import ROOT, insert

BEGIN = "<!-- BEGIN LIFE: made by `python -m pipeline.run.lifepicture --write`, do not edit -->"
END = "<!-- END LIFE -->"
DOCUMENT = ROOT / "docs" / "orders.md"


def picture() -> str:
    """Return a Mermaid state diagram, one arrow for each pair of states, then the whole table."""
    arrows: dict[tuple[Status, Status], list[str]] = {}
    for (status, event), after in TABLE.items():
        if status is not after:
            arrows.setdefault((status, after), []).append(event.value)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {Status.INTENT}"]
    lines += [f"    {status} --> {after}: {', '.join(events)}" for (status, after), events in arrows.items()]
    lines += [f"    {status} --> [*]" for status in Status if status in FINAL]
    return "\n".join([*lines, "```", "", *_table()])


def _table() -> list[str]:
    states = list(Status)
    head = f"| event | {' | '.join(states)} |"
    rows = [f"| {event} | {' | '.join(TABLE[s, event].value if (s, event) in TABLE else '' for s in states)} |" for event in Event]
    return [head, "|" + "---|" * (len(states) + 1), *rows]


def main(argv: Sequence[str] | None = None) -> int:
    """Print, or write with ``--write``."""
    arguments = sys.argv[1:] if argv is None else argv
    if "--write" in arguments:
        DOCUMENT.write_text(insert(DOCUMENT.read_text("utf-8"), picture(), BEGIN, END), "utf-8")
    else:
        sys.stdout.write(picture() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
