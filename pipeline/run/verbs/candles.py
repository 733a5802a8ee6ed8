"""`ticktick candles diff DATE`: candles built from ticks against the feed's own minutes and the broker's.

Reads a day file or a session in Redis, and with --rest the broker. Per symbol and version: how many candles both have, how many
only one has, the share with equal open, high, low and close, with a volume within 5 %, and with all of it within the tolerance.
Exit 0 when every symbol has at least --least percent within, 1 when one has fewer, 2 when there is nothing to compare.
"""

from __future__ import annotations

import argparse
import heapq
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.candle import Lineage
from pipeline.core.schema import timeframe_label
from pipeline.core.session import ist_clock
from pipeline.core.types import Instrument
from pipeline.market import candles
from pipeline.market.candle_diff import PRICES, WORST, Agreement, Difference, compare
from pipeline.run.minutes import Minutes, ask_broker, find
from pipeline.run.verbs.shared import settings_for, show

NOTHING = 2


def main(args: argparse.Namespace) -> int:
    """Compare, and tell."""
    settings = settings_for(args)
    minutes = find(settings, args.date, args.file)
    if args.rest:
        ask_broker(settings, minutes)
    told = diff(minutes, args.timeframe, args.tolerance, args.least)
    show(args, told, words_of(told))
    return NOTHING if not told["symbols"] else 0 if told["is_ok"] else 1


def diff(minutes: Minutes, timeframe: int, tolerance_bps: float, least: float) -> dict[str, Any]:
    """Compare our candles of a timeframe with every other version that there is."""
    ours = _candles(minutes, Lineage.TICKS, timeframe)
    rows: list[dict[str, Any]] = []
    worst: list[Difference] = []
    for other in minutes.versions.lineages if len(ours) > 0 else ():
        if other is Lineage.TICKS:
            continue
        theirs = _candles(minutes, other, timeframe)
        for agreement, differences in compare(ours, theirs, other, tolerance_bps) if len(theirs) > 0 else ():
            rows.append(_row(minutes.instruments[agreement.sid], agreement))
            worst = heapq.nlargest(WORST, (*worst, *differences), key=lambda d: (d.bps, -d.ts, -d.sid))
    counted = [row for row in rows if row["both"] > 0]
    return {
        "date": minutes.day.date,
        "source": minutes.source,
        "timeframe": timeframe_label(timeframe),
        "tolerance_bps": tolerance_bps,
        "least": least,
        "is_ok": all(row["within"] >= least for row in counted),
        "symbols": counted,
        "worst": [_worst(minutes.instruments[d.sid], d) for d in worst],
    }


def _candles(minutes: Minutes, lineage: Lineage, timeframe: int) -> NDArray[np.void]:
    """Give one version's candles in continuous trading; a minute without a trade or a price is none."""
    rows = minutes.versions.rows(lineage)
    is_index = np.array([i.is_index for i in minutes.instruments])
    rows = rows[rows["sid"] < len(is_index)]
    windows = candles.windows_of(minutes.windows())
    stretch = windows[rows["sid"]]
    is_inside = ((rows["ts"][:, None] >= stretch[:, :, 0]) & (rows["ts"][:, None] < stretch[:, :, 1])).any(axis=1)
    rows = rows[is_inside & (rows["low"] > 0) & ((rows["minutes"] > 0) | is_index[rows["sid"]])]
    return rows if timeframe == 1 else candles.longer(rows, windows, (timeframe,))


def _row(instrument: Instrument, found: Agreement) -> dict[str, Any]:
    def share(count: int) -> float:
        return round(100 * count / found.both, 1) if found.both > 0 else 0.0

    prices = dict(zip(PRICES, map(share, found.equal), strict=True))
    counts = {"both": found.both, "only_ours": found.only_ours, "only_theirs": found.only_theirs}
    rest = {"volume": share(found.volume), "within": share(found.within)}
    return {"symbol": instrument.symbol, "with": found.other.words, **counts, **prices, **rest}


def _worst(instrument: Instrument, found: Difference) -> dict[str, Any]:
    plain = {**asdict(found), "symbol": instrument.symbol, "time": ist_clock(found.ts), "with": found.other.words}
    return {name: plain[name] for name in ("time", "symbol", "with", "price", "ours", "theirs", "bps")}


def words_of(told: dict[str, Any]) -> str:
    """Lay the comparison out for a person."""
    head = f"{told['date']} {told['timeframe']} from {told['source']}: candles built from ticks against"
    if not told["symbols"]:
        return f"{head} nothing: no other version of a candle that we have; ask the broker with --rest"
    names = ("both", "only_ours", "only_theirs", *PRICES, "volume", "within")
    lines = [f"{head} ...", f"{'symbol':<26} {'with':<11}" + "".join(f"{name.replace('_', ' '):>12}" for name in names)]
    lines += [
        f"{row['symbol']:<26} {row['with']:<11}" + "".join(f"{row[n]:>12}" if n in names[:3] else f"{row[n]:>11.1f}%" for n in names)
        for row in told["symbols"]
    ]
    worst = " The worst:" if told["worst"] else ""
    lines.append(f"equal, volume within 5 %, all within {told['tolerance_bps']:g} bps of the price.{worst}")
    lines += [f"  {_worst_words(w)}" for w in told["worst"]]
    few = [f"{row['symbol']} {row['within']} %" for row in told["symbols"] if row["within"] < told["least"]]
    return "\n".join([*lines, f"fewer than {told['least']:g} % within: {', '.join(few)}" if few else "enough within, of every symbol"])


def _worst_words(w: dict[str, Any]) -> str:
    prices = f"{w['price']:<5} ours {w['ours']:>10.2f} theirs {w['theirs']:>10.2f}"
    return f"{w['time']} {w['symbol']:<26} {w['with']:<11} {prices} {w['bps']:>8.1f} bps"
