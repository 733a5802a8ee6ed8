"""`ticktick subscribe add|remove SYMBOL... [--mode M]` and `ticktick subscribe list`: what the running feed follows.

Appends to the stream ``subscriptions``, which the feed reads about once a second; ``list`` shows the hash
``feed:wanted`` as the feed last told it. Symbols must be in today's watchlist. Exit 0, 3 when nothing runs, 4 when refused.
"""

from __future__ import annotations

import argparse
from typing import Any

from pipeline.core.errors import Refused
from pipeline.core.feed import SubscriptionChange
from pipeline.core.registry import did_you_mean
from pipeline.core.schema import SUBSCRIPTIONS, WANTED, Role
from pipeline.core.watchlist import MODES, resolve
from pipeline.run import universe
from pipeline.run.verbs.running import running_day
from pipeline.run.verbs.shared import now_ms, settings_for, show
from pipeline.store.client import append

OFF = "off"


def main(args: argparse.Namespace) -> int:
    """Ask for a change, or show what is followed."""
    settings = settings_for(args)
    clients, store, date = running_day(settings, "nothing is followed")
    instruments = universe.load(store, date)
    if args.what == "list":
        known = {i.symbol for i in instruments}
        # The feed only ever sets fields: what is left of another day's watchlist is not shown.
        rows = {symbol: state for symbol, state in sorted(store.fetch(Role.TICKS, WANTED.key()).items()) if symbol in known}
        show(args, {"date": date, "symbols": rows}, _words(rows))
        return 0
    if not args.symbols:
        raise Refused(f"name at least one symbol: ticktick subscribe {args.what} RELIANCE")
    if args.what == "remove" and args.mode:
        raise Refused("--mode goes with add: a symbol is removed in whatever mode it is followed")
    if args.mode and args.mode not in MODES:
        raise Refused(f"unknown feed mode {args.mode!r}{did_you_mean(args.mode, MODES) or ': use ' + ', '.join(MODES)}")
    symbols = [resolve(text, instruments).symbol for text in args.symbols]  # all, before the first is written
    asked: list[dict[str, Any]] = []
    for symbol in dict.fromkeys(symbols):
        change = SubscriptionChange(now_ms(), symbol, args.what, args.mode, "terminal")
        entry = append(clients[Role.DERIVED], SUBSCRIPTIONS, change)
        asked.append({"id": str(entry), "symbol": symbol, "action": args.what, "mode": args.mode})
    words = ", ".join(f"{row['action']} {row['symbol']}{' ' + row['mode'] if row['mode'] else ''}" for row in asked)
    show(args, {"asked": asked}, f"asked: {words}; see `ticktick subscribe list`")
    return 0


def _words(rows: dict[str, str]) -> str:
    if not rows:
        return "the feed has told nothing yet"
    width = max(len(symbol) for symbol in rows)
    followed = sum(state != OFF for state in rows.values())
    return "\n".join([*(f"{symbol:<{width}}  {state}" for symbol, state in rows.items()), f"{followed} of {len(rows)} followed"])
