"""`ticktick login`: the terminal's side of ``authentication/login.py``. Prints no secret and no token."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import webbrowser

from authentication.login import Desk, run_analytics, run_open, run_paste
from authentication.token import TokenKind
from authentication.upstox_client import Endpoints, load_credentials
from pipeline.core.errors import Refused
from pipeline.run.redaction import register_secret
from pipeline.run.settings import Settings
from pipeline.run.verbs.shared import now_ms, settings_for, show, token_source


def main(args: argparse.Namespace) -> int:
    """Log in by the way asked for, and say until when the token lives."""
    settings = settings_for(args)
    desk = desk_for(settings)
    if args.analytics or args.sandbox:
        run_analytics(desk, TokenKind.SANDBOX if args.sandbox else TokenKind.ANALYTICS)
    else:
        credentials = load_credentials(settings.paths.credentials, os.environ)
        register_secret(credentials.api_secret)
        _ = run_paste(credentials, desk) if args.paste else run_open(credentials, desk, webbrowser.open)
    status = token_source(settings).status()
    show(args, status, f"token {status['state']}")
    return 0


def desk_for(settings: Settings) -> Desk:
    """Give the login its addresses, its file, and this terminal."""
    upstox = settings.upstox
    endpoints = Endpoints(upstox.login_url, upstox.rest_url, upstox.connect_timeout_s, upstox.total_timeout_s)
    return Desk(settings.paths.token, now_ms, _say, _ask, endpoints)


def _say(words: str) -> None:
    """Talk on stderr: stdout is for the result."""
    sys.stderr.write(words + "\n")


def _ask(prompt: str) -> str:
    """Ask without echo: what is pasted here is a token or holds a code. Without a terminal, read one line."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    line = sys.stdin.readline()
    if not line:
        raise Refused("there is no terminal to ask: pipe the answer in, or use `ticktick login --open`")
    return line
