"""An hour's boundary, all six timeframes at once: indicators, patterns, and the whole of it in Redis.

``python -m benchmarks.indicators [--json]``. The parts: ``_indicators.py`` (against TA-Lib's stream handles and recompute, talipp, pandas),
``_patterns.py`` (against TA-Lib's CDL functions), ``_boundary.py`` (indicators against what Redis alone needs) and ``_whole.py`` (candles,
indicators and patterns against it), each at 15, 200 and 2,000 symbols.
"""

from __future__ import annotations

import sys

from benchmarks import _boundary, _indicators, _patterns, _whole
from benchmarks._rounds import show
from pipeline.run.discovery import discover

SIZES = (15, 200, 2000)
PARTS = ((_indicators, (9, 7, 5)), (_patterns, (9, 9, 5)), (_boundary, (9, 9, 10)), (_whole, (9, 9, 6)))
"""Each part, and its rounds at each number of symbols."""


def main(args: list[str]) -> None:
    discover()
    rows = [row for part, rounds in PARTS for symbols, count in zip(SIZES, rounds, strict=True) for row in part.rows_for(symbols, count)]
    show("indicators", rows, as_json="--json" in args)


if __name__ == "__main__":
    main(sys.argv[1:])
