"""`ticktick doctor`: look at everything a day needs, one line each: ok, warn or fail, and what to do.

Checks Python and packages, the feed's decoder on a known frame, TA-Lib, Redis (TimeSeries, persistence,
eviction), the page's port, credentials, token, watchlist and settings. Changes nothing. Exit 0 without a
fail, else 1. Secrets are masked.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import math
import os
import socket
import stat
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from authentication.upstox_client import read_fields
from pipeline.core.errors import TickTickError
from pipeline.core.watchlist import parse_watchlist
from pipeline.run.redaction import redact
from pipeline.run.settings import SHIPPED_ROOT, Settings, origins
from pipeline.run.verbs.shared import settings_for, show, token_source
from pipeline.store.client import check, open_clients

PACKAGES = ("aiohttp", "hiredis", "numba", "numpy", "protobuf", "pydantic", "redis", "ta-lib", "websockets")
SYMBOL_IN_FRAME = "NSE_EQ|INE002A01018"
GOLDEN_FRAME = bytes.fromhex(
    "12340a134e53455f45517c494e45303032413031303138121d0a1b09666666666611964010a4ddbcb58d34180a210000000000e0954018bbddbcb58d34"
)
"""An initial_feed in mode ltpc: last price 1412.35, previous close 1400 (composed, not recorded)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``level`` is ok, warn or fail."""

    name: str
    level: str
    words: str


def main(args: argparse.Namespace) -> int:
    """Run every check and print the findings; with ``--settings`` the values and their origins too."""
    settings = settings_for(args)
    findings = [finding for probe in CHECKS for finding in _safely(probe, settings)]
    is_bad = any(finding.level == "fail" for finding in findings)
    plain: dict[str, Any] = {"ok": not is_bad, "findings": [asdict(f) for f in findings], "settings": effective(settings)}
    words = [f"{finding.level:<4}  {finding.name:<12} {finding.words}" for finding in findings]
    if args.settings:
        words += ["", *(f"{key:<34} {row['value']:<44} {row['from']}" for key, row in plain["settings"].items())]
    show(args, plain, "\n".join(words))
    return 1 if is_bad else 0


def effective(settings: Settings) -> dict[str, dict[str, str]]:
    """Give each setting's value, masked where it holds a secret, and where it came from."""
    return {key: {"value": redact(_value(settings, key)), "from": source} for key, source in origins(settings).items()}


def _value(settings: Settings, key: str) -> str:
    spot: Any = settings
    section, _, name = key.partition(".")
    if section == "strategies":
        strategy, _, parameter = name.partition(".")
        return str(dict(dict(settings.params.filter.strategy_params)[strategy])[parameter])
    spot = getattr(settings if hasattr(settings, section) else settings.params, section)
    return str(getattr(spot, name) if name else spot)


def _safely(probe: Callable[[Settings], list[Finding]], settings: Settings) -> list[Finding]:
    """One broken thing must not hide the others."""
    name = probe.__name__.removeprefix("check_")
    try:
        return probe(settings)
    except (TickTickError, OSError, ImportError, ValueError) as error:
        return [Finding(name, "fail", redact(" ".join(str(error).split())))]


def check_python(settings: Settings) -> list[Finding]:
    del settings
    shown = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    return [Finding("python", "ok", shown)]


def check_packages(settings: Settings) -> list[Finding]:
    del settings
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return [Finding("packages", "fail", f"missing: {', '.join(missing)}: run `make setup` or `pip install -e .`")]
    return [Finding("packages", "ok", ", ".join(found))]


def check_talib(settings: Settings) -> list[Finding]:
    """Compute something known: the package may be there and its C library broken."""
    del settings
    import numpy as np

    talib: Any = importlib.import_module("talib")
    last = float(talib.SMA(np.arange(1.0, 11.0), 5)[-1])
    if not math.isclose(last, 8.0):
        return [Finding("talib", "fail", f"SMA(5) of 1..10 is {last}, not 8: reinstall ta-lib")]
    return [Finding("talib", "ok", f"{talib.__version__}, C library {_text(talib.__ta_version__)}")]


def check_decoder(settings: Settings) -> list[Finding]:
    """Decode the known frame with the shipped classes."""
    del settings
    messages: Any = importlib.import_module("proto.MarketDataFeedV3_pb2")
    frame = messages.FeedResponse()
    frame.ParseFromString(GOLDEN_FRAME)
    ltp = frame.feeds[SYMBOL_IN_FRAME].ltpc.ltp
    if not math.isclose(ltp, 1412.35):
        return [Finding("decoder", "fail", f"the known frame reads {ltp}, not 1412.35: regenerate proto/ (see proto/README.md)")]
    return [Finding("decoder", "ok", "the known V3 frame decodes")]


def check_redis(settings: Settings) -> list[Finding]:
    urls = settings.redis.urls()
    warnings = check(open_clients(urls), urls)
    if warnings:
        return [Finding("redis", "warn", text) for text in warnings]
    return [Finding("redis", "ok", "TimeSeries there, append-only file on, nothing is evicted")]


def check_port(settings: Settings) -> list[Finding]:
    host, port = settings.dashboard.host, settings.dashboard.port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return [Finding("port", "warn", f"{host}:{port} cannot be taken ({error.strerror}): a dashboard runs, or set dashboard.port")]
    if host not in ("127.0.0.1", "::1", "localhost"):
        return [Finding("port", "warn", f"the page would be open to other machines at {host}:{port}: set dashboard.host to 127.0.0.1")]
    return [Finding("port", "ok", f"{host}:{port} is free")]


def check_credentials(settings: Settings) -> list[Finding]:
    """File mode, completeness and the redirect URI; values are never shown."""
    path = settings.paths.credentials
    fields = read_fields(path, os.environ)
    missing = [name for name in ("api_key", "api_secret", "redirect_uri") if not fields.get(name)]
    if missing:
        words = f"{', '.join(missing)} missing in {path.name} and environment: needed to log in, not for demo"
        return [Finding("credentials", "warn", words)]
    mode = f", mode {stat.S_IMODE(path.stat().st_mode):o}" if path.exists() else ", from the environment"
    found = [Finding("credentials", "ok", f"complete{mode}; redirect URI {fields['redirect_uri']} must equal the registered one")]
    if fields["redirect_uri"] != settings.upstox.redirect_uri:
        words = f"redirect URI is {fields['redirect_uri']} in the credentials, {settings.upstox.redirect_uri} in the settings"
        found.append(Finding("credentials", "warn", words))
    return found


def check_token(settings: Settings) -> list[Finding]:
    status = token_source(settings).status()
    is_usable = status["state"] in ("valid", "expiring")
    return [
        Finding(
            "token",
            "ok" if is_usable else "warn",
            f"{status['state']} {status['kind']}".rstrip() + (f"; {status['next']}" if status["next"] else ""),
        )
    ]


def check_symbols(settings: Settings) -> list[Finding]:
    path = settings.paths.symbols
    entries = parse_watchlist(json.loads(path.read_text("utf-8")), str(path.name))
    return [Finding("symbols", "ok", f"{len(entries)} in {path.name}: {', '.join(entry.symbol for entry in entries[:5])} ...")]


def check_settings(settings: Settings) -> list[Finding]:
    where = {source.rpartition(":")[0] or source for source in origins(settings).values()}
    root = "" if settings.paths.root == SHIPPED_ROOT else f"; root {settings.paths.root}"
    return [Finding("settings", "ok", f"mode {settings.mode}; {len(origins(settings))} values from {', '.join(sorted(where))}{root}")]


def _text(value: object) -> str:
    return value.decode().split()[0] if isinstance(value, bytes) else str(value)


CHECKS: tuple[Callable[[Settings], list[Finding]], ...] = (
    check_python,
    check_packages,
    check_talib,
    check_decoder,
    check_redis,
    check_port,
    check_credentials,
    check_token,
    check_symbols,
    check_settings,
)
