"""Each point looks at what it says it looks at."""

from __future__ import annotations

import json
import shutil
import time

import pytest

from pipeline import __version__
from pipeline.core.errors import Refused
from pipeline.run import preflight
from pipeline.run.masters import report_path
from pipeline.run.settings import SHIPPED_ROOT, load
from pipeline.store.chainfile import ChainWriter

DATE = "2026-11-20"
HERE = {f"upstox.{name}": "http://127.0.0.1:9" for name in ("rest_url", "order_url")}


@pytest.fixture
def settings(tmp_path, monkeypatch):
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copy(SHIPPED_ROOT / "config" / "risk.toml", folder)

    def made(mode="live-real", **overrides):
        paths = {f"paths.{name}": str(tmp_path / name) for name in ("data", "audit", "token", "credentials")}
        return load(
            environ={"TICKTICK_CONFIG": str(folder)}, overrides={"mode": mode, "session_date": DATE, "redis.port": 1, **paths, **overrides}
        )

    monkeypatch.setenv("UPSTOX_ACCESS_TOKEN", "")
    return made


def by_name(settings):
    return {point.name: point for point in preflight.points(settings)}


def test_a_bare_machine_may_not_trade_real_money(settings):
    found = by_name(settings())
    unmet = {name for name, point in found.items() if point.is_required and not point.is_met}
    assert unmet == {"this version trades it", "token", "versions", "clock", "funds", "static IP", "instrument file", "redis"}
    assert found["audit"].evidence == "none yet"
    assert found["days on paper"] == preflight.Point("days on paper", False, False, "0 audited, 5 advised")
    assert "capital 10,00,000.00, daily stop 20,000.00, 3 positions, from " in found["limits"].evidence
    assert all("\n" not in point.evidence for point in found.values())


def test_paper_asks_for_little(settings):
    found = by_name(settings("paper"))
    assert set(found) == {"this version trades it", "limits", "redis", "audit"}
    assert not any(point.is_required and not point.is_met for point in found.values())


def test_the_instrument_file_must_be_todays_and_fit(settings, tmp_path):
    made = settings()
    made.paths.data.mkdir()
    (made.paths.data / "instruments_20261120.json.gz").write_bytes(b"")
    for is_fit in (False, True):
        report_path(made.paths.data, DATE).write_text(json.dumps({"is_fit": is_fit, "rows": 7, "faults": ["in rupees"]}))
        point = by_name(made)["instrument file"]
        assert (point.is_met, "in rupees" in point.evidence) == (is_fit, not is_fit)


def test_audits_are_verified_and_their_days_counted(settings):
    made = settings()
    for day in range(16, 21):
        for mode in ("paper", "live-sandbox"):
            writer = ChainWriter(made.paths.audit / f"audit-2026-11-{day}-{mode}.jsonl")
            writer.append([{"kind": "begin"}])
            writer.close()
    found = by_name(made)
    assert (found["audit"].evidence, found["days on paper"].is_met, found["days in the sandbox"].is_met) == (
        "10 files, all whole",
        True,
        True,
    )
    writer.path.write_bytes(writer.path.read_bytes().replace(b"begin", b"bogus"))
    assert "record 0 is not what was written" in by_name(made)["audit"].evidence
    assert not by_name(made)["audit"].is_met


def test_a_token_must_live_long_enough(settings, monkeypatch):
    made = settings()

    class Held:
        def __init__(self, state, left_s):
            self._status = {"state": state, "expires_ms": time.time_ns() // 1_000_000 + left_s * 1000}

        def status(self):
            return self._status

    for state, left_s, is_met in (("valid", 3600, True), ("expiring", 1000, True), ("expiring", 600, False), ("expired", -5, False)):
        held = Held(state, left_s)
        monkeypatch.setattr(preflight, "tokens", lambda _settings, held=held: held)
        assert by_name(made)["token"].is_met is is_met


def test_processes_of_another_version_forbid(settings, monkeypatch):
    for found, is_met, word in (
        ({}, True, "none runs"),
        ({"ticks": __version__}, True, "1 processes"),
        ({"live": "9"}, False, "live is 9"),
    ):
        monkeypatch.setattr(preflight, "versions", lambda _clients, found=found: found)
        point = by_name(settings())["versions"]
        assert (point.is_met, word in point.evidence) == (is_met, True)


@pytest.mark.parametrize("mode", ["simulated", "live-sandbox", "live-real"])
def test_clock_and_funds_are_the_brokers_own(settings, monkeypatch, mode):
    for funds, skew, met in ((1_000_000_00, 20, (True, True)), (999_999, 2_001, (False, False)), (1_000_000, None, (True, False))):
        monkeypatch.setattr(preflight, "funds_and_skew", lambda _client, funds=funds, skew=skew: (funds, skew))
        found = by_name(settings(mode, **HERE))
        assert (found["funds"].is_met, found["clock"].is_met) == met
        assert found["funds"].is_required
        assert found["clock"].is_required


def test_the_address_that_orders_come_from_is_weighed_and_for_real_money_required(settings, monkeypatch):
    monkeypatch.setattr(preflight, "own_address", lambda _url: "8.8.8.8")
    for registered, is_met in ((("8.8.8.8", ""), True), (("8.8.4.4", ""), False), (("", ""), False)):
        monkeypatch.setattr(preflight.UpstoxAccount, "static_ips", lambda _self, registered=registered: registered)
        for mode in ("simulated", "live-real"):
            point = by_name(settings(mode, **HERE))["static IP"]
            assert (point.is_met, point.is_required) == (is_met, mode == "live-real")


def test_a_broker_that_cannot_be_asked_is_not_met(settings, monkeypatch):
    def fail(_client):
        raise Refused("127.0.0.1:9 cannot be reached")

    monkeypatch.setattr(preflight, "funds_and_skew", fail)
    found = by_name(settings("simulated", **HERE))
    assert {(found[name].is_met, found[name].evidence) for name in ("clock", "funds")} == {(False, "127.0.0.1:9 cannot be reached")}


def test_a_rollout_that_comes_too_early_forbids(settings):
    rollout = {"rollout.stage": 2, "rollout.since": "2026-11-18", "rollout.symbols": ("ITC", "SBIN", "TCS")}
    assert not by_name(settings(**rollout))["roll-out"].is_met
    later = by_name(settings(**{**rollout, "rollout.stage": 1}))["roll-out"]
    assert (later.is_met, later.evidence) == (True, "stage 1: ITC")


def test_a_redis_that_keeps_what_it_is_told_is_met(settings, monkeypatch):
    for weak, lost, is_met in (([], "", True), (["appendonly is off"], "", False), ([], "appendfsync everysec", False)):
        monkeypatch.setattr(preflight, "check", lambda _clients, _urls, weak=weak: weak)
        monkeypatch.setattr(preflight, "forgetful", lambda _client, lost=lost: lost)
        assert by_name(settings())["redis"].is_met is is_met
