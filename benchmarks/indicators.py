"""An hour's boundary, all six timeframes at once: indicators, patterns, and the whole of it in Redis.

``python -m benchmarks.indicators [--json]``. The parts: ``_indicators.py`` (against TA-Lib's stream handles and recompute, talipp, pandas),
``_patterns.py`` (against TA-Lib's CDL functions) and ``_boundary.py`` (against what Redis alone needs), each at 15, 200 and 2,000 symbols.
"""

from __future__ import annotations

import sys

from benchmarks import _boundary, _indicators, _patterns
from benchmarks._rounds import show
from pipeline.run.discovery import discover

SIZES = ((15, 9), (200, 7), (2000, 5))
"""Symbols, and rounds."""


def main(args: list[str]) -> None:
    discover()
    parts = (_indicators, _patterns, _boundary)
    show(
        "indicators",
        [row for part in parts for symbols, rounds in SIZES for row in part.rows_for(symbols, rounds)],
        as_json="--json" in args,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
