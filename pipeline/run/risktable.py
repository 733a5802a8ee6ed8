"""Print the pre-trade checks as a Markdown table, and keep the copy in docs/risk.md equal to the register.

    python -m pipeline.run.risktable            print the table
    python -m pipeline.run.risktable --write    put it between the marks in docs/risk.md

A house test holds the copy against the code.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipeline.engine.checks import PLACES
from pipeline.engine.risk import CHECKS
from pipeline.run.keytable import ROOT, insert

BEGIN = "<!-- BEGIN CHECKS: made by `python -m pipeline.run.risktable --write`, do not edit -->"
END = "<!-- END CHECKS -->"
DOCUMENT = "docs/risk.md"


def table() -> str:
    """Return the table: place, code, whether exits pass it, what it stops."""
    head = "| # | place | code | exits too | stops |\n|---|---|---|---|---|"
    rows = (f"| {one.place} | {PLACES[one.place]} | `{one.code}` | {'yes' if one.exits else ''} | {one.about} |" for one in CHECKS)
    return "\n".join([head, *rows])


def main(argv: Sequence[str] | None = None) -> int:
    """Print, or write with ``--write``."""
    if "--write" not in (sys.argv[1:] if argv is None else argv):
        sys.stdout.write(table() + "\n")
        return 0
    path = ROOT / DOCUMENT
    path.write_text(insert(path.read_text("utf-8"), table(), BEGIN, END), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
