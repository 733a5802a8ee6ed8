from __future__ import annotations

import os
import signal
import stat

import pytest

from pipeline.core.errors import Refused, Stopped
from pipeline.core.schema import Role
from pipeline.store import server
from pipeline.store.client import open_clients


def test_configured_says_whose_it_is(redis_urls):
    assert "your Redis at 127.0.0.1" in server.configured(redis_urls).about


def test_configured_and_absent():
    with pytest.raises(Stopped, match="no Redis answers"):
        server.configured({role: f"redis://127.0.0.1:{server.free_port()}/0" for role in Role})


def test_started_is_private_durable_and_ends(tmp_path, redis_server):
    ours = server.start(tmp_path / "r")
    assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == 0o700
    client = open_clients(ours.urls)[Role.DERIVED]
    assert client.config_get("bind") == {"bind": "127.0.0.1"}
    assert client.config_get("appendonly") == {"appendonly": "yes"}
    client.set("kept", "1")
    ours.stop()
    assert ours.proc is not None
    assert ours.proc.returncode is not None
    again = server.start(tmp_path / "r")
    try:
        assert open_clients(again.urls)[Role.DERIVED].get("kept") == b"1"
    finally:
        again.stop()


def test_what_was_committed_survives_a_killed_server(tmp_path, redis_server):
    ours = server.start(tmp_path / "r", fsync="always")
    open_clients(ours.urls)[Role.TICKS].set("kept", "1")
    assert ours.proc is not None
    os.kill(ours.proc.pid, signal.SIGKILL)
    ours.proc.wait()
    again = server.start(tmp_path / "r", fsync="always")
    try:
        assert open_clients(again.urls)[Role.TICKS].get("kept") == b"1"
    finally:
        again.stop()


def test_none_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "binaries", lambda folder: iter(()))
    with pytest.raises(Refused, match="install Redis 8"):
        server.start(tmp_path)
