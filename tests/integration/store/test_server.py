from __future__ import annotations

import os
import signal
import stat

import pytest

from pipeline.core.errors import Refused, Stopped
from pipeline.core.schema import Role
from pipeline.store import server
from pipeline.store.address import place, roles_at
from pipeline.store.client import open_clients


def test_configured_says_whose_it_is(redis_urls):
    assert f"your Redis at {place(redis_urls[Role.DERIVED])}" in server.configured(redis_urls).about


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


def test_started_listens_on_a_socket_of_its_own_and_on_tcp(tmp_path, redis_server):
    port = server.free_port()
    ours = server.start(tmp_path / "r", port)
    try:
        path = tmp_path / "r" / "redis.sock"
        assert set(ours.urls.values()) == {f"unix://{path}?db={number}" for number in range(3)}
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        open_clients(ours.urls)[Role.TICKS].set("kept", "1")
        over_tcp = open_clients(roles_at(f"redis://127.0.0.1:{port}"))
        assert {role: client.get("kept") for role, client in over_tcp.items()} == {Role.CANDLES: None, Role.TICKS: b"1", Role.DERIVED: None}
        assert f"127.0.0.1:{port}" in ours.about
    finally:
        ours.stop()


def test_a_folder_too_deep_for_a_socket_has_tcp_alone_and_says_so(tmp_path, redis_server):
    folder = tmp_path / ("deep" * 30)
    port = server.free_port()
    ours = server.start(folder, port)
    try:
        assert ours.urls == roles_at(f"redis://127.0.0.1:{port}")
        assert "too long for a socket" in ours.about
        assert not (folder / "redis.sock").exists()
    finally:
        ours.stop()


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
