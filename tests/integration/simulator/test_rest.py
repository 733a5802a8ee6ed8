import http.client
import urllib.error

import pytest

from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from tests.fakes.live_simulator import live_simulator

KEY = DEFAULT_LISTINGS[0].key
ORDER = {
    "instrument_token": KEY,
    "quantity": 1,
    "product": "I",
    "validity": "DAY",
    "price": 1400.0,
    "order_type": "LIMIT",
    "transaction_type": "BUY",
    "tag": "lost",
}


@pytest.fixture
def sim():
    with live_simulator(SimulatorConfig(session="09:15-09:16", hold=True)) as running:
        yield running


def test_a_lost_reply_is_a_placed_order(sim):
    sim.fault(kind="drop_reply", match="/v3/order/place", count=1)
    with pytest.raises((urllib.error.URLError, http.client.HTTPException, ConnectionError)):
        sim.call("POST", "/v3/order/place", ORDER)
    assert len(sim.get("/v2/order/history?tag=lost")["data"]) >= 1


@pytest.mark.parametrize(("status", "code"), [(429, "UDAPI10005"), (503, "UDAPI100500"), (401, "UDAPI100050")])
def test_statuses_on_demand(sim, status, code):
    sim.fault(kind="status", match="/v3/order/place", status=status, count=1)
    got, reply = sim.call("POST", "/v3/order/place", ORDER)
    assert (got, reply["errors"][0]["error_code"]) == (status, code)
    assert sim.ledger()["orders"] == []
    assert sim.call("POST", "/v3/order/place", ORDER)[0] == 200


def test_token_death_delay_and_clearing(sim):
    sim.fault(kind="delay", match="/profile", count=-1, delay_s=0.01)
    assert sim.call("GET", "/v2/user/profile")[0] == 200
    sim.fault(kind="none")
    assert sim.ledger()["faults"] == []
    sim.fault(kind="token_death")
    assert sim.call("GET", "/v2/user/profile")[1]["errors"][0]["error_code"] == "UDAPI100050"
    assert sim.call("POST", "/_fault", {"kind": "plague"})[0] == 400
    assert sim.call("POST", "/_fault", [])[0] == 400


def test_the_journal_keeps_what_was_received_but_no_token(sim):
    sim.call("POST", "/v3/order/place", ORDER)
    note = next(r for r in sim.ledger()["requests"] if r["path"] == "/v3/order/place")
    assert '"tag": "lost"' in note["body"]
    assert note["status"] == 200
    assert sim.token not in str(sim.ledger())


def test_unknown_paths_and_methods(sim):
    assert sim.call("GET", "/v9/nothing")[1]["errors"][0]["error_code"] in ("UDAPI10000", "UDAPI100050")
    assert sim.call("POST", "/v2/user/profile", {})[0] == 405
    assert sim.call("GET", "/v2/user/profile", token="")[0] == 401


def test_the_clock_waits_for_a_subscriber(sim):
    clock = sim.clock()
    assert (clock["is_started"], clock["frames"], clock["ist"][:19]) == (False, 0, "2026-11-20 09:14:58")
    assert clock["maker"] == "generated seed 7"


def test_rate_limits_on_demand():
    with live_simulator(SimulatorConfig(session="09:15-09:16", rate_limits=True)) as sim:
        codes = [sim.call("POST", "/v3/order/place", {})[0] for _ in range(30)]
    assert codes[0] == 400
    assert 429 in codes


def test_reads_have_their_windows_on_a_clock_of_their_own():
    with live_simulator(SimulatorConfig(session="09:15-09:16", rate_limits=True, limit_pace=0.01)) as sim:
        codes = [sim.call("GET", "/v2/market/holidays")[0] for _ in range(52)]
    assert codes == [200] * 50 + [429] * 2
    with live_simulator(SimulatorConfig(session="09:15-09:16", rate_limits=True, limit_pace=1_000.0)) as sim:
        assert [sim.call("GET", "/v2/market/holidays")[0] for _ in range(52)] == [200] * 52


def test_a_spoilt_reply_is_still_a_200(sim):
    path = "/v3/historical-candle/NSE_EQ%7CINE002A01018/minutes/1/2026-11-19/2026-11-19"
    sim.fault(kind="false_candles", match="historical-candle")
    rows = sim.get(path)["data"]["candles"]
    assert sum(row[5] < 0 for row in rows) == 38
    assert all(row[5] >= 0 for row in sim.get(path)["data"]["candles"])
