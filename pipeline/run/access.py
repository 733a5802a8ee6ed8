"""What the shell needs before it can ask anybody: the clock, the token of the moment, a client for reads, the calendar.

Against a simulator on loopback the environment's tokens are left alone: a real token is never sent to it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from authentication.source import TokenSource
from pipeline.broker.rest import LOOPBACK, RestClient, RestConfig
from pipeline.core.errors import Refused
from pipeline.core.session import Calendar
from pipeline.run.options import Settings
from pipeline.run.redaction import register_secret


def now_ms() -> int:
    """Give the wall clock."""
    return time.time_ns() // 1_000_000


def environ_for(settings: Settings) -> Mapping[str, str]:
    """Give the environment that tokens may come from: none when we talk to a simulator."""
    return {} if is_simulated(settings) else os.environ


def is_simulated(settings: Settings) -> bool:
    """Tell whether the broker is a simulator on this machine."""
    return urlsplit(settings.upstox.rest_url).hostname in LOOPBACK


def tokens(settings: Settings) -> TokenSource:
    """Give the token of the moment."""
    source = TokenSource(settings.paths.token, settings.paths.credentials, environ_for(settings), now_ms)
    held = source.current()
    if held is not None:
        register_secret(held.access_token)
    return source


def rest_client(settings: Settings) -> RestClient:
    """Give a client for reads."""
    config = RestConfig(settings.upstox.rest_url, settings.upstox.connect_timeout_s, settings.upstox.total_timeout_s)
    return RestClient(config, tokens(settings))


def calendar_of(settings: Settings) -> Calendar:
    """Read the trading days and their phases.

    Raises:
        Refused: the file cannot be read, or a row of it cannot be understood.
    """
    return Calendar.from_rows(read_json(settings.paths.holidays, "restore it from the repository"))


def read_json(path: Path, remedy: str) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Refused(f"{path.name} cannot be read ({error.strerror}): {remedy}") from error
    except ValueError as error:
        raise Refused(f"{path.name} is not valid JSON ({error}): correct it") from error
