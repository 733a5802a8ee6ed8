"""`ticktick mode`: which mode is set, where, what it does with orders, and how to change it."""

from __future__ import annotations

import argparse

from pipeline.run.settings import origins
from pipeline.run.verbs.shared import settings_for, show

MEANING = {
    "paper": "live market data, orders filled by our own paper exchange; no money moves",
    "replay": "a recorded day, orders filled by our own paper exchange; no money moves",
    "simulated": "orders to a simulator on this machine, over the road of live orders; no money moves",
    "live-sandbox": "live market data, orders to Upstox's sandbox; no money moves",
    "live-real": "live market data, orders to the exchange: REAL MONEY",
}


def main(args: argparse.Namespace) -> int:
    """Show the mode; changing it is a matter of settings, never of a running process."""
    settings = settings_for(args)
    source = origins(settings)["mode"]
    words = (
        f"mode {settings.mode} (from {source}): {MEANING[settings.mode]}\n"
        f"to change it: TICKTICK__MODE=... for one run, or mode = ... in config/settings.toml; one of {', '.join(MEANING)}"
    )
    show(args, {"mode": settings.mode, "source": source, "meaning": MEANING[settings.mode]}, words)
    return 0
