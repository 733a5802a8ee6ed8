"""Against the simulator: tests/exam/test_sdk_requests.py. Here: what its answers could lack."""

import pytest

from pipeline.broker.rest import RestClient, RestConfig
from pipeline.broker.upstox_account import UpstoxAccount
from pipeline.core.errors import Ambiguous, Refused
from tests.fakes.broker_server import HttpServer, error, ok


@pytest.fixture
def account():
    opened = []

    def make(answer):
        server = HttpServer(lambda _p, _q, _h: answer)
        opened.append(server)
        return UpstoxAccount(RestClient(RestConfig(server.url), lambda: "t"))

    yield make
    for server in opened:
        server.stop()


def test_a_gtt_that_is_not_there(account):
    with pytest.raises(Refused, match="not known"):
        account(ok([])).gtt("GTT-1")


def test_the_switch_is_refused_while_positions_are_open(account):
    with pytest.raises(Refused, match="UDAPI1184"):
        account(error(400, "UDAPI1184")).kill("NSE_EQ")


def test_a_cancellation_in_doubt(account):
    with pytest.raises(Ambiguous):
        account(error(503)).cancel_tagged("tt-i")


def test_no_second_address(account):
    assert account(ok({"primary_ip": "192.0.2.1", "secondary_ip": None})).static_ips() == ("192.0.2.1", "")
