"""All patterns against TA-Lib's CDL functions on every recorded candle: ``python -m tests.pattern_exactness [FOLDER OF MARKET DATA]``.

Prints, per pattern, candles, hits of TA-Lib and mismatches (any other number counts, not only another side). Ends with 1 when there is one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipeline.run.discovery import discover
from tests.conftest import ROOT
from tests.fakes.cdl import differences
from tests.fakes.real_candles import by_symbol, files


def main(args: list[str]) -> int:
    discover()
    shared = Path(args[0] if args else os.environ.get("TICKTICK_DATA", ROOT.parent / "shared" / "data"))
    found = files(shared)
    if not found:
        print(f"no candles under {shared}: give the folder of the market data, or set TICKTICK_DATA")
        return 2
    bars, hits, wrong = 0, {}, {}
    for path in found:
        before, symbols = bars, 0
        for _, rows in by_symbol(path):
            bars, symbols = bars + len(rows), symbols + 1
            for name, (there, differ) in differences(rows).items():
                hits[name], wrong[name] = hits.get(name, 0) + there, wrong.get(name, 0) + differ
        print(f"{path.parent.name}/{path.name}: {bars - before:,} candles, {symbols} symbols")
    print(f"\n{'pattern':<30}{'candles':>12}{'hits':>12}{'mismatches':>12}")
    for name in sorted(hits):
        print(f"{name:<30}{bars:>12,}{hits[name]:>12,}{wrong[name]:>12,}")
    print(f"{'all ' + str(len(hits)):<30}{bars:>12,}{sum(hits.values()):>12,}{sum(wrong.values()):>12,}")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
