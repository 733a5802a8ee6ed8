import socket
import time

import pytest

from authentication.token import TokenKind, make_token, save_token
from pipeline.core.broker import Answer, Ask, OrderRequest
from pipeline.core.errors import Refused
from pipeline.run import outorders
from pipeline.run.courier import Patience
from pipeline.run.outorders import outward_courier, patience_of, require_hosts, require_memory
from pipeline.run.settings import load
from tests.fakes.trading import PAPERS


def test_only_this_machine_is_sent_simulated_orders(tmp_path):
    with pytest.raises(Refused, match="order_url"):
        require_hosts(load(environ={}))
    local = load(environ={}, overrides={"upstox.order_url": "http://127.0.0.1:9"})
    with pytest.raises(Refused, match="rest_url"):
        outward_courier(local, PAPERS)


REAL = {"order_url": "https://api-hft.upstox.com", "rest_url": "https://api.upstox.com"}


def test_real_orders_would_go_to_the_broker_by_its_names_only():
    def named(**changed):
        given = {f"upstox.{name}": url for name, url in {**REAL, **changed}.items()}
        return load(environ={}, overrides=given).model_copy(update={"mode": "live-real"})

    require_hosts(named())
    for name, url in (
        ("order_url", REAL["rest_url"]),
        ("rest_url", "http://127.0.0.1:9"),
        ("rest_url", "http://api.upstox.com"),
        ("rest_url", "https://api.upstox.com.example.org"),
        ("rest_url", "https://api.upstox.com@example.org"),
        ("order_url", "https://api-hft.upstox.com:8443"),
    ):
        with pytest.raises(Refused, match=name):
            require_hosts(named(**{name: url}))


def test_the_halt_file_lies_beside_the_logs(tmp_path):
    urls = {f"upstox.{name}": "http://127.0.0.1:9" for name in ("order_url", "rest_url")}
    settings = load(environ={}, overrides={**urls, "paths.logs": str(tmp_path)})
    courier = outward_courier(settings, PAPERS)
    assert not courier.halt.is_there()
    (tmp_path / "HALT").touch()
    assert courier.halt.is_there()
    courier.close()


def test_the_broker_asks_the_courier_again_when_its_connection_stands(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        urls = {f"upstox.{name}": f"http://127.0.0.1:{listener.getsockname()[1]}" for name in ("order_url", "rest_url")}
        token = tmp_path / "token.json"
        save_token(token, make_token("t", TokenKind.OAUTH, time.time_ns() // 1_000_000))
        settings = load(environ={}, overrides={**urls, "paths.logs": str(tmp_path), "paths.token": str(token)})
        courier = outward_courier(settings, PAPERS)
        courier.now_ms = lambda: 100_000
        for ask in (Ask.PLACE, Ask.MODIFY, Ask.EXIT_ALL):
            request = OrderRequest(5, "q", ask, "i", "B2", PAPERS[0].symbol, "SELL", "MARKET", 3, 0, 0, "tx-i")
            (report,) = courier._broker.perform(request)
            assert (report.answer, report.reason) == (Answer.REFUSED, "late: decided 99995 ms ago")
            with listener.accept()[0] as reached:
                assert reached.recv(100) == b"", "connected, and nothing was sent"
        courier.close()


def test_a_journal_that_may_be_forgotten_sends_no_order(monkeypatch):
    settings = load(environ={})
    monkeypatch.setattr(outorders, "forgetful", lambda _client: "")
    require_memory(settings)
    monkeypatch.setattr(outorders, "forgetful", lambda _client: "appendonly is yes, appendfsync everysec")
    with pytest.raises(Refused, match="appendfsync always") as told:
        require_memory(settings)
    assert "\n" not in str(told.value)


def test_an_exit_has_arrived_or_never_leaves_when_a_settled_book_is_read():
    given = {"orders.settle_s": 25.0, "upstox.connect_timeout_s": 2.0, "upstox.total_timeout_s": 5.0, "risk.max_quote_age_ms": 4_000}
    assert patience_of(load(environ={}, overrides=given)) == Patience(4_000, 18_000)
    with pytest.raises(Refused, match="settle_s"):
        patience_of(load(environ={}, overrides={**given, "orders.settle_s": 7.0}))
