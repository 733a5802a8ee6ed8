"""The words of `ticktick history`: one sub-verb for each thing that can be done with candles of the past."""

from __future__ import annotations

import argparse
from datetime import date
from typing import Any

VERBS = "pipeline.run.verbs."


def add_history(subs: Any) -> None:
    """Add every sub-verb."""
    for add in (_start, _fetch, _import, _adjust, _list, _check, _export):
        add(subs)


def _sub(subs: Any, name: str, words: str, module: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = subs.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
    made.set_defaults(module=VERBS + module)
    made.add_argument("--json", action="store_true", help="one JSON object as the last line")
    return made


def day(text: str) -> str:
    """Read a date of the command line."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise argparse.ArgumentTypeError("a date: YYYY-MM-DD") from error


def _start(subs: Any) -> None:
    _sub(subs, "start", "symbols and start-up candles into Redis, as scripts/historical_data_fetcher.py", "history")


def _fetch(subs: Any) -> None:
    sub = _sub(subs, "fetch", "candles from the broker into the archive; goes on where it was stopped", "history_fetch")
    sub.add_argument("symbols", nargs="*", metavar="SYMBOL", help="of the watchlist (all of it)")
    sub.add_argument("--candle", default="1m", metavar="LENGTH", help="1m ... 300m, 1h ... 5h, 1d, 1w or 1mo (%(default)s)")
    sub.add_argument("--from", dest="first", type=day, default=None, metavar="DATE", help="first date (30 days before the last)")
    sub.add_argument("--to", dest="last", type=day, default=None, metavar="DATE", help="last date (the newest whose candles are settled)")
    sub.add_argument("--again", action="store_true", help="ask for what the archive covers, too, and replace it")


def _import(subs: Any) -> None:
    sub = _sub(subs, "import", "daily files that you have (NSE, Yahoo) into the archive", "history_import")
    sub.add_argument("files", nargs="+", metavar="FILE", help="CSV, plain or zipped; the header tells which importer reads it")
    sub.add_argument("--symbols", nargs="+", default=[], metavar="SYMBOL", help="only these of files that hold many")
    sub.add_argument("--symbol", default="", help="the paper of a file that does not name it (the file's name)")
    sub.add_argument("--again", action="store_true", help="replace days that are there with other values")


def _adjust(subs: Any) -> None:
    sub = _sub(subs, "adjust", "splits and bonuses, checked against the raw prices, into a table beside them", "history_adjust")
    sub.add_argument("actions", metavar="ACTIONS", help="CSV with the columns symbol, ex_date, split_ratio")
    sub.add_argument("--source", default="nse", help="whose daily candles (%(default)s)")
    sub.add_argument("--force", nargs="+", default=[], metavar="SYMBOL:DATE", help="apply these although the prices disagree")


def _list(subs: Any) -> None:
    _sub(subs, "list", "what the archive covers", "history_list")


def _check(subs: Any) -> None:
    sub = _sub(subs, "check", "is the archive whole and sound? exit 1 when it is not", "history_check")
    sub.add_argument("symbols", nargs="*", metavar="SYMBOL", help="only these")
    sub.add_argument("--source", default="", help="only this source")
    sub.add_argument("--candle", default="", metavar="LENGTH", help="only this length")
    sub.add_argument("--all", action="store_true", help="print every finding, not the first ten of each kind and series")


def _export(subs: Any) -> None:
    sub = _sub(subs, "export", "candles of the archive as CSV, raw or with splits and bonuses in", "history_export")
    sub.add_argument("symbols", nargs="*", metavar="SYMBOL", help="only these (all of the source)")
    sub.add_argument("--candle", default="1d", metavar="LENGTH", help="1m ... 1mo (%(default)s)")
    sub.add_argument("--source", default="", help="whose candles, where there are several")
    sub.add_argument("--adjusted", action="store_true", help="with the factors of `ticktick history adjust` in")
    sub.add_argument("--from", dest="first", type=day, default=None, metavar="DATE", help="first date")
    sub.add_argument("--to", dest="last", type=day, default=None, metavar="DATE", help="last date")
    sub.add_argument("--out", default=None, metavar="FOLDER", help="one file a paper in here (a single paper: the terminal)")
