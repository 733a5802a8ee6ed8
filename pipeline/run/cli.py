"""`ticktick VERB`: parse, dispatch, turn an error into one line and an exit code.

Exit codes: 0 ok, 1 error, 2 not found or wrong usage, 3 not running, 4 settings or login, 5 time-out.
Each verb lives in a module of its own and is imported only when it runs, so that ``--help`` is instant.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from pipeline.core.errors import TickTickError
from pipeline.core.registry import did_you_mean
from pipeline.run.history_cli import add_history, day
from pipeline.run.redaction import redact

USAGE, INTERRUPTED = 2, 130
_SESSION = re.compile(r"full|short|([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; nothing but a bug leaves as an exception."""
    given = sys.argv[1:] if argv is None else list(argv)
    top, known = _build()
    if not given:
        top.print_help(sys.stderr)
        return USAGE
    if not given[0].startswith("-") and given[0] not in known:
        guess = did_you_mean(given[0], known) or "; `ticktick --help` lists them"
        sys.stderr.write(f"ticktick: there is no verb {given[0]!r}{guess}\n")
        return USAGE
    args = top.parse_args(given)
    try:
        return int(importlib.import_module(args.module).main(args) or 0)
    except TickTickError as error:
        sys.stderr.write(f"ticktick: {redact(' '.join(str(error).split()))}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `ticktick status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def parser() -> argparse.ArgumentParser:
    """Build the whole command line."""
    return _build()[0]


def _build() -> tuple[argparse.ArgumentParser, tuple[str, ...]]:
    top = argparse.ArgumentParser(prog="ticktick", description="Intraday monitoring and trading for the Indian market.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for add in _VERBS:
        add(verbs)
    return top, tuple(verbs.choices)


def _verb(verbs: Any, name: str, words: str, module: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = verbs.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
    made.set_defaults(module=module)
    return made


def _session(text: str) -> str:
    if _SESSION.fullmatch(text) is None or (text[2:3] == ":" and text[:5] >= text[6:]):
        raise argparse.ArgumentTypeError("full, short, or HH:MM-HH:MM")
    return text


def _speed(text: str) -> float:
    """Read ``max`` (as 0), or how many times faster than the clock."""
    try:
        speed = 0.0 if text == "max" else float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed < float("inf") or (speed == 0 and text != "max"):
        raise argparse.ArgumentTypeError("max, or a number above zero (1 is the clock's own pace)")
    return speed


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port: 0 (any free one) to 65535")
    return int(text)


def _add_playback(verb: argparse.ArgumentParser, speed: str) -> None:
    verb.add_argument("--speed", type=_speed, default=speed, help="max, or how many times faster than the clock (%(default)s)")
    verb.add_argument(
        "--store", choices=("redis", "memory"), default="redis", help="Redis with all processes, or one process (%(default)s)"
    )
    verb.add_argument(
        "--confirm", choices=("auto", "ask"), default=None, help="who confirms recommendations (auto when headless; paper only)"
    )
    verb.add_argument("--redis-url", default="", help="use this Redis instead of the configured or embedded one")
    verb.add_argument("--hold", action="store_true", help="the simulator keeps frames while nobody is connected")
    _add_json(verb)


def _add_json(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--json", action="store_true", help="one JSON object as the last line")


def _add_maker(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--maker", choices=("generated", "expander", "player"), default="generated", help="where the market comes from")
    verb.add_argument("--path", default="", help="the candles to expand or the recording to play")
    verb.add_argument("--seed", type=int, default=7, help="of the generated day (%(default)s)")
    verb.add_argument("--date", default="", help="trading day, YYYY-MM-DD")
    verb.add_argument("--session", type=_session, default="full", help="full, short, or HH:MM-HH:MM (%(default)s)")


def _demo(verbs: Any) -> None:
    verb = _verb(verbs, "demo", "a whole market day through every process; no account, no network", "pipeline.run.demo")
    _add_maker(verb)
    _add_playback(verb, "30")
    verb.add_argument("--headless", action="store_true", help="no page; ends with the session")
    verb.add_argument("--port", type=_port, default=None, help="of the page (8080)")
    verb.add_argument("--no-browser", action="store_true", help="print the page's address, do not open it")


def _simulate(verbs: Any) -> None:
    verb = _verb(verbs, "simulate", "a local Upstox on loopback for the other processes to talk to", "pipeline.run.verbs.simulate")
    _add_maker(verb)
    verb.add_argument("--speed", type=_speed, default="1", help="max, or how many times faster than the clock (%(default)s)")
    verb.add_argument("--hold", action="store_true", help="keep frames while nobody is connected")
    verb.add_argument("--port", type=_port, default=8090, help="REST and feed (%(default)s; 0 takes a free one)")
    _add_json(verb)


def _replay(verbs: Any) -> None:
    verb = _verb(verbs, "replay", "a recorded day through the same processes", "pipeline.run.replay")
    verb.add_argument("path", metavar="PATH", help="a day file of `ticktick record`, or a folder of a day's feed messages in JSON")
    _add_playback(verb, "max")
    verb.add_argument("--verify", action="store_true", help="by the recorded parameters; exit 1 when a stream is not the recorded day's")


def _record(verbs: Any) -> None:
    verb = _verb(verbs, "record", "keep the feed as it comes, in a day file for `ticktick replay`", "pipeline.run.verbs.record")
    verb.add_argument("--check", metavar="FILE", default="", help="say what is in a day file, and whether it is whole")
    verb.add_argument("--redis-url", default="", help="record from this Redis instead of the configured one")
    _add_json(verb)


def _login(verbs: Any) -> None:
    verb = _verb(verbs, "login", "fetch today's token from Upstox", "pipeline.run.verbs.login")
    way = verb.add_mutually_exclusive_group()
    way.add_argument("--open", action="store_true", help="in the browser, with a one-shot listener on the redirect URI (default)")
    way.add_argument("--paste", action="store_true", help="by hand, for a machine without a browser")
    way.add_argument("--analytics", action="store_true", help="a one-year token that reads and cannot trade")
    way.add_argument("--sandbox", action="store_true", help="a thirty-day token for the sandbox's order calls")
    _add_json(verb)


def _status(verbs: Any) -> None:
    verb = _verb(verbs, "status", "processes, token, market and what is missing", "pipeline.run.verbs.status")
    verb.add_argument("--redis-url", default="", help="look into this Redis instead of the configured one")
    _add_json(verb)


def _doctor(verbs: Any) -> None:
    verb = _verb(verbs, "doctor", "check this machine and the settings", "pipeline.run.verbs.doctor")
    verb.add_argument("--settings", action="store_true", help="also print every setting and where it came from")
    _add_json(verb)


def _up(verbs: Any) -> None:
    verb = _verb(verbs, "up", "start every process, forked from one warmed parent", "pipeline.run.verbs.up")
    verb.add_argument("-d", "--detach", action="store_true", help="in the background; end it with `ticktick down`")
    verb.add_argument("--only", nargs="+", default=[], metavar="PROCESS", help="only these, by the names of scripts/")
    _add_json(verb)


def _down(verbs: Any) -> None:
    verb = _verb(verbs, "down", "stop what `ticktick up` started", "pipeline.run.verbs.down")
    verb.add_argument("--timeout", type=float, default=20.0, metavar="S", help="seconds to wait (%(default)s)")
    _add_json(verb)


def _orders(verbs: Any) -> None:
    verb = _verb(verbs, "orders", "confirm recommendations in this terminal, for the order process that runs", "pipeline.run.verbs.orders")
    verb.add_argument("--redis-url", default="", help="of the running processes, when it is not the configured one")


def _history(verbs: Any) -> None:
    verb = _verb(verbs, "history", "candles of the past: fetch, import, adjust, list, check", "pipeline.run.verbs.history")
    subs = verb.add_subparsers(dest="what", required=True, metavar="WHAT")
    add_history(subs)


def _candles(verbs: Any) -> None:
    verb = _verb(verbs, "candles", "our candles against the feed's own and the broker's", "pipeline.run.verbs.candles")
    verb.add_argument(
        "what", choices=("diff",), help="diff: match table and the worst; exit 1 when too few agree, 2 without a second version"
    )
    verb.add_argument("date", metavar="DATE", help="trading day, YYYY-MM-DD: its newest recording, else the session in Redis")
    verb.add_argument("--file", default="", help="this day file of `ticktick record`")
    verb.add_argument("--rest", action="store_true", help="also ask the broker: its intraday candles today, its history later")
    verb.add_argument("--timeframe", type=int, choices=(1, 3, 5, 10, 15, 60), default=1, help="minutes (%(default)s)")
    verb.add_argument("--tolerance", type=float, default=10.0, metavar="BPS", help="prices this near are within, in 0.01 %% (%(default)s)")
    verb.add_argument("--least", type=float, default=70.0, metavar="PERCENT", help="candles within that a symbol must have (%(default)s)")
    verb.add_argument("--redis-url", default="", help="look into this Redis instead of the configured one")
    _add_json(verb)


def _clear(verbs: Any) -> None:
    verb = _verb(verbs, "clear", "remove our keys from Redis", "pipeline.run.verbs.clear")
    verb.add_argument("--yes", action="store_true", help="do not ask")
    verb.add_argument("--redis-url", default="", help="clear this Redis instead of the configured one")
    _add_json(verb)


def _logs(verbs: Any) -> None:
    verb = _verb(verbs, "logs", "look after the log files", "pipeline.run.verbs.logs")
    verb.add_argument("what", choices=("clean",), help="clean: remove rotated files and empty the live ones")
    _add_json(verb)


def _mode(verbs: Any) -> None:
    verb = _verb(verbs, "mode", "show the mode, look up what speaks for another, set it", "pipeline.run.verbs.mode")
    verb.add_argument("what", nargs="?", choices=("set", "preflight"), help="preflight looks up what set would; nothing: tell the mode")
    verb.add_argument("target", nargs="?", default="", metavar="MODE", help="paper, live-sandbox or live-real")
    _add_json(verb)


def _subscribe(verbs: Any) -> None:
    verb = _verb(verbs, "subscribe", "add or remove symbols of the running feed", "pipeline.run.verbs.subscribe")
    verb.add_argument("what", choices=("add", "remove", "list"), help="list shows what is followed, and how")
    verb.add_argument("symbols", nargs="*", metavar="SYMBOL", help="of today's watchlist: RELIANCE, RELIANCE.NS or its instrument key")
    verb.add_argument("--mode", default="", help="ltpc, full, option_greeks or full_d30 (the watchlist's, else the settings')")
    verb.add_argument("--redis-url", default="", help="ask over this Redis instead of the configured one")
    _add_json(verb)


def _patterns(verbs: Any) -> None:
    verb = _verb(verbs, "patterns", "candlestick patterns, and how they turned out on a symbol", "pipeline.run.verbs.patterns")
    verb.add_argument("symbol", nargs="?", default="", metavar="SYMBOL", help="of today's watchlist; without one, the patterns there are")
    verb.add_argument("--timeframe", default="", help="1m, 3m, 5m, 10m, 15m or 60m (all)")
    verb.add_argument("--archive", action="store_true", help="over the archive of `ticktick history`, of SYMBOL or of all that it holds")
    verb.add_argument("--from", dest="first", type=day, default=None, metavar="DATE", help="first date in the archive (its beginning)")
    verb.add_argument("--to", dest="last", type=day, default=None, metavar="DATE", help="last date in the archive (its end)")
    verb.add_argument("--redis-url", default="", help="ask this Redis instead of the configured one")
    _add_json(verb)


def _instruments(verbs: Any) -> None:
    verb = _verb(verbs, "instruments", "the broker's daily file of papers: fetch it, judge it, search it", "pipeline.run.verbs.instruments")
    verb.add_argument("what", choices=("refresh", "check", "find"), help="check judges the newest file, or FILE")
    verb.add_argument("words", nargs="*", metavar="FILE|WORDS", help="a file for check; what to look for with find")
    verb.add_argument("--redis-url", default="", help="fill the look-up of this Redis instead of the configured one")
    _add_json(verb)


def _audit(verbs: Any) -> None:
    verb = _verb(verbs, "audit", "prove that the audit was not changed, or export its orders", "pipeline.run.verbs.audit")
    verb.add_argument("what", choices=("verify", "export"), help="export writes trade_log.csv of the newest audit, or of FILE")
    verb.add_argument("files", nargs="*", metavar="FILE", help="audit files; all of [paths] audit when none is named")
    verb.add_argument("--out", default="", help="where export writes (trade_log.csv beside the audits)")
    _add_json(verb)


def _emergency(verbs: Any) -> None:
    words = {
        "pause": "no new entries; what works goes on (level 1)",
        "halt": "stop all new entries at once, cancel working ones; stops stay (level 2)",
        "flatten": "halt, and close every position (level 3)",
        "resume": "lift pause, halt, flatten or kill",
    }
    for name, about in words.items():
        verb = _verb(verbs, name, about, "pipeline.run.verbs.emergency")
        verb.add_argument("--redis-url", default="", help="of the running processes, when it is not the configured one")
        _add_json(verb)


def _single(verbs: Any) -> None:
    words = {
        "cancel": ("one entry of ours that works", "ID", "our order's id, or the broker's"),
        "close": ("one position of ours, at market, like every exit", "SYMBOL", "of a position of ours"),
    }
    for name, (about, metavar, help_) in words.items():
        verb = _verb(verbs, name, f"{name} {about}; also while halted", "pipeline.run.verbs.single")
        verb.add_argument("what", metavar=metavar, help=help_)
        verb.add_argument("--redis-url", default="", help="of the running processes, when it is not the configured one")
        _add_json(verb)


def _highwater(verbs: Any) -> None:
    verb = _verb(verbs, "highwater", "the account's peak over days, and how far it stands below", "pipeline.run.verbs.highwater")
    verb.add_argument("what", nargs="?", choices=("reset",), help="reset: count from here; the word must be typed")
    verb.add_argument("--redis-url", default="", help="ask this Redis instead of the configured one")
    _add_json(verb)


def _charges(verbs: Any) -> None:
    verb = _verb(verbs, "charges", "the day's own charges against the broker's, order by order", "pipeline.run.verbs.charges")
    verb.add_argument("date", nargs="?", default="", metavar="DATE", help="trading day, YYYY-MM-DD (today)")
    verb.add_argument("--redis-url", default="", help="ask this Redis instead of the configured one")
    _add_json(verb)


def _kill(verbs: Any) -> None:
    verb = _verb(verbs, "kill", "level 4: the broker itself cancels, exits and locks everything", "pipeline.run.verbs.kill")
    verb.add_argument("--yes-kill-everything", action="store_true", help="do not ask")
    verb.add_argument("--redis-url", default="", help="of the running processes, when it is not the configured one")
    _add_json(verb)


def _drill(verbs: Any) -> None:
    verb = _verb(verbs, "drill", "time the emergency stop on a simulator, each string, in real processes", "pipeline.run.verbs.drill")
    names = ("page", "command", "file", "kill", "page-kill", "command-kill")
    verb.add_argument("strings", nargs="*", choices=(*names, []), metavar="STRING", help=f"only these: {', '.join(names)}")
    verb.add_argument("--times", type=int, choices=range(1, 101), default=1, metavar="N", help="pull each so often, 1 to 100 (%(default)s)")
    _add_json(verb)


_VERBS = (
    _demo, _simulate, _replay, _record, _login, _status, _doctor, _up, _down, _orders, _history, _candles, _clear, _logs, _mode, _subscribe,
    _patterns, _instruments, _audit, _emergency, _single, _highwater, _charges, _kill, _drill,
)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
