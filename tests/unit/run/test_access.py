"""Whose token goes where."""

from __future__ import annotations

import pytest

from pipeline.core.errors import Unauthorised
from pipeline.run.access import tokens
from tests.fakes.settings import settings_in


def test_a_real_token_never_goes_to_a_simulator(tmp_path, monkeypatch):
    monkeypatch.setenv("UPSTOX_ACCESS_TOKEN", "real-token")
    assert tokens(settings_in(tmp_path))() == "real-token"
    with pytest.raises(Unauthorised, match="ticktick login"):
        tokens(settings_in(tmp_path, **{"upstox.rest_url": "http://127.0.0.1:1"}))()
