"""Whose token goes where."""

from __future__ import annotations

import pytest

from pipeline.core.errors import Unauthorised
from pipeline.core.schema import SUBSCRIPTIONS
from pipeline.run.access import tokens
from pipeline.run.settings import load
from pipeline.store import codec
from pipeline.store.face import ZERO, EntryId


def put_change(store, change):
    """Append as ``store.client.append`` does."""
    held = store.streams.setdefault(SUBSCRIPTIONS.name, [])
    last = held[-1][0] if held else ZERO
    held.append((EntryId(*last).following(change.ts), codec.encode(SUBSCRIPTIONS, change), 0))


def _settings(tmp_path, **overrides):
    given = {
        "paths.token": str(tmp_path / "t.json"),
        "paths.credentials": str(tmp_path / "c.json"),
        "paths.symbols": str(tmp_path / "s.json"),
    }
    return load(environ={}, overrides={**given, **overrides})


def test_a_real_token_never_goes_to_a_simulator(tmp_path, monkeypatch):
    monkeypatch.setenv("UPSTOX_ACCESS_TOKEN", "real-token")
    assert tokens(_settings(tmp_path))() == "real-token"
    with pytest.raises(Unauthorised, match="ticktick login"):
        tokens(_settings(tmp_path, **{"upstox.rest_url": "http://127.0.0.1:1"}))()
