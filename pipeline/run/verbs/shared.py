"""What several verbs need: settings from the command line, the URLs of the roles, the token source, printing."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from authentication.source import TokenSource
from pipeline.run.redaction import register_secret
from pipeline.run.settings import Settings, load
from pipeline.store.address import roles_at


def settings_for(args: argparse.Namespace) -> Settings:
    """Load the settings with what the command line overrides; its secrets are known from here on."""
    url = getattr(args, "redis_url", "")
    overrides = {f"redis.{role}_url": address for role, address in role_urls(url).items()} if url else {}
    settings = load(overrides=overrides)
    for address in settings.redis.urls().values():
        register_secret(urlsplit(address).password or "")
    return settings


def role_urls(url: str) -> dict[str, str]:
    """Give the three addresses on one server, by the names of the settings."""
    return {str(role): address for role, address in roles_at(url).items()}


def now_ms() -> int:
    """Read the wall clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000


def token_source(settings: Settings) -> TokenSource:
    """Give the token source of these settings."""
    return TokenSource(settings.paths.token, settings.paths.credentials, os.environ, now_ms)


def show(args: argparse.Namespace, plain: Mapping[str, Any], words: str) -> None:
    """Print for a program with ``--json``, else for a person."""
    sys.stdout.write((json.dumps(plain, default=str) if args.json else words) + "\n")
