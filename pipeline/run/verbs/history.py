"""`ticktick history start`: symbols and start-up candles into Redis, the same as scripts/historical_data_fetcher.py."""

from __future__ import annotations

import argparse

from pipeline.run.verbs.shared import settings_for
from pipeline.run.wiring import open_house, run_process


def main(args: argparse.Namespace) -> int:
    """Run the history process to its end."""
    run_process("history", open_house(settings_for(args)))
    return 0
