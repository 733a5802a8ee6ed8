import pytest

from pipeline.core.errors import Stopped
from pipeline.core.schema import Role
from pipeline.run import drillstage
from pipeline.run.drillstage import until
from pipeline.run.settings import load
from pipeline.store.server import Server

REDIS = Server({role: f"redis://127.0.0.1:1/{n}" for n, role in enumerate(Role)}, "none")


def given(tmp_path, **own):
    base = load(environ={}, overrides=own)
    return drillstage._given(base, tmp_path, REDIS, ("http://127.0.0.1:2", "generated", "2026-11-20"))


def test_nothing_of_the_users_is_reached(tmp_path):
    settings = load(environ={}, overrides=given(tmp_path, **{"emergency.kill_s": 7.0}))
    paths = settings.paths
    for path in (
        paths.logs,
        paths.runtime,
        paths.data,
        paths.recordings,
        paths.archive,
        paths.audit,
        paths.symbols,
        paths.token,
        paths.credentials,
    ):
        assert tmp_path in path.parents
    assert {url.rsplit("/", 1)[0] for url in settings.redis.urls().values()} == {"redis://127.0.0.1:1"}
    hosts = settings.upstox
    assert {hosts.rest_url, hosts.order_url, hosts.feed_url, hosts.login_url, hosts.assets_url} == {"http://127.0.0.1:2"}
    assert settings.emergency.kill_s == 7.0


def test_a_command_gets_the_same_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("TICKTICK__REDIS__HOST", "elsewhere")
    monkeypatch.setenv("UPSTOX_ACCESS_TOKEN", "a real one")
    env = drillstage._environment(given(tmp_path))
    assert "UPSTOX_ACCESS_TOKEN" not in env
    one, other = load(environ=env), load(environ={}, overrides=given(tmp_path))
    assert (one.redis, one.paths, one.upstox, one.params) == (other.redis, other.paths, other.upstox, other.params)


def test_waiting_ends():
    found = iter([0, 0, 5])
    assert until(lambda: next(found), "five", 5) == 5
    with pytest.raises(Stopped, match="for rain"):
        until(lambda: False, "rain", 0.05)
