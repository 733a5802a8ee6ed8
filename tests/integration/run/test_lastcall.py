"""Level 4 through our Upstox client against the simulator: with nothing else alive, Redis neither."""

from __future__ import annotations

import json

import pytest

from authentication.token import TokenKind, make_token, save_token
from pipeline.core.broker import Word
from pipeline.core.errors import Refused
from pipeline.core.schema import CONTROLS, Role
from pipeline.core.session import ist_ms
from pipeline.run import cli
from pipeline.run.access import now_ms
from pipeline.run.emergency import halt_file, read
from pipeline.run.lastcall import REACHED, kill, refusal
from pipeline.run.settings import load
from pipeline.run.wiring import TRADES_WITH
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from pipeline.store.client import open_clients
from tests.fakes.live_simulator import live_simulator

DATE = "2026-11-20"
KEYS = [i.key for i in DEFAULT_LISTINGS if not i.key.startswith("NSE_INDEX")][:12]


@pytest.fixture
def sim():
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as sim:
        sim.advance(KEYS, ist_ms(DATE, "09:21"))
        for key in KEYS:
            place(sim, key, "MARKET")
        for _ in range(3):
            place(sim, KEYS[0], "LIMIT", price=round(sim.ledger()["quotes"][KEYS[0]]["ltp"] * 0.95, 1))
        rule = {"strategy": "ENTRY", "trigger_type": "ABOVE", "trigger_price": 99_000.0}
        body = {"type": "SINGLE", "quantity": 1, "product": "I", "rules": [rule], "instrument_token": KEYS[0], "transaction_type": "BUY"}
        assert sim.call("POST", "/v3/order/gtt/place", body)[0] == 200
        yield sim


def place(sim, key, kind, price=0.0):
    order = {
        "quantity": 7, "product": "I", "validity": "DAY", "price": price, "instrument_token": key, "order_type": kind, "transaction_type": "BUY",
        "disclosed_quantity": 0, "trigger_price": 0.0, "is_amo": False, "market_protection": -1,
    }  # fmt: skip
    status, content = sim.call("POST", "/v3/order/place", order)
    assert status == 200, content


@pytest.fixture
def env(sim, tmp_path, monkeypatch):
    save_token(tmp_path / "token.json", make_token(sim.token, TokenKind.OAUTH, now_ms()))
    given = {f"UPSTOX__{name.upper()}": sim.base for name in ("rest_url", "order_url", "feed_url", "login_url", "assets_url")}
    given |= {"MODE": "simulated", "PATHS__TOKEN": str(tmp_path / "token.json"), "PATHS__LOGS": str(tmp_path / "logs")}
    for name, value in given.items():
        monkeypatch.setenv(f"TICKTICK__{name}", value)
    return monkeypatch


def is_flat(sim):
    ledger = sim.ledger()
    working = [o for o in ledger["orders"] if o["status"] not in ("complete", "cancelled", "rejected")]
    return not working and all(p["quantity"] == 0 for p in ledger["positions"])


def test_without_redis_everything_is_closed_and_locked(sim, env, capsys):
    env.setenv("REDIS_PORT", "1")
    assert not is_flat(sim)
    assert cli.main(["kill", "--yes-kill-everything", "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["is_done"]
    assert found["locked"] == ["NSE_EQ"]
    assert 0 < found["last_order_ms"] <= found["flat_ms"] < 10_000
    assert "the halt file alone" in captured.err
    assert is_flat(sim)
    assert all(rule["status"] == "CANCELLED" for row in sim.get("/v3/order/gtt")["data"] for rule in row["rules"])
    assert read(halt_file(load()))[0] is Word.KILL
    again = sim.call("POST", "/v2/user/kill-switch", [{"segment": "NSE_EQ", "action": "DISABLE"}])
    assert again[0] == 200
    assert cli.main(["kill", "--yes-kill-everything"]) == 0, "a second pull is harmless"


def test_with_redis_the_word_is_on_the_stream(sim, env, redis_urls):
    for role, url in redis_urls.items():
        env.setenv(f"TICKTICK__REDIS__{role.upper()}_URL", url)
    steps = []
    assert kill(load(), "page", "127.0.0.1", steps.append).is_done
    [(_, fields)] = open_clients(redis_urls)[Role.DERIVED].xrange(CONTROLS.name)
    assert (fields[b"word"], fields[b"source"], fields[b"who"]) == (b"kill", b"page", b"127.0.0.1")
    assert steps[0].words == "the word is on the stream controls"


def test_replies_that_are_dropped_make_no_difference(sim, env):
    env.setenv("REDIS_PORT", "1")
    for path in ("/v2/order/multi/cancel", "/v2/order/positions/exit", "/v2/user/kill-switch"):
        sim.fault(kind="drop_reply", match=path)
    sim.fault(kind="status", status=500, match="/v2/order/retrieve-all")
    found = kill(load(), "page", "", lambda _step: None)
    assert found.is_done
    assert is_flat(sim)


def test_nobody_is_asked_where_there_is_no_broker(tmp_path, monkeypatch):
    assert "no broker outside" in refusal(load(environ={}))
    away = load(environ={}, overrides={"mode": "simulated", "paths.logs": str(tmp_path)})
    assert "this machine only" in refusal(away)
    with pytest.raises(Refused):
        kill(away, "page", "", lambda _step: None)
    assert not (tmp_path / "HALT").exists()


def test_every_mode_with_a_broker_outside_has_its_last_string_and_no_other():
    assert set(TRADES_WITH) - {"paper", "replay"} == REACHED, "a mode that trades at a broker needs level 4, and a look at what it reaches"
    for mode in ("live-real", "live-sandbox"):
        assert "not there yet" in refusal(load(environ={}).model_copy(update={"mode": mode}))
