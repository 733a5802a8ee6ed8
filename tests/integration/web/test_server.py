"""The server over a real Redis: JSON, socket, confirmations, and what happens when Redis or the port is away."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.sync.client import connect

from pipeline.core import schema
from pipeline.core.errors import Refused
from pipeline.core.schema import CONFIRM_PAGE, Role
from pipeline.run.settings import load
from pipeline.store import codec
from pipeline.store.client import open_clients
from tests.fakes.day_in_redis import NOW, SYMBOLS, Day
from tests.fakes.page_server import FACTS, PageServer
from tests.fakes.visitor import Visitor
from web.live import MAX_SOCKETS
from web.server import Address, bind, serve


@pytest.fixture
def day(redis_urls) -> Day:
    day = Day(redis_urls)
    day.write_all()
    return day


@pytest.fixture
def url(redis_urls) -> Iterator[str]:
    with PageServer(redis_urls) as url:
        yield url


@pytest.fixture
def visitor(url) -> Visitor:
    visitor = Visitor(url)
    visitor.load()
    return visitor


def answers(redis_urls) -> list:
    entries = open_clients(redis_urls)[Role.DERIVED].xrange(CONFIRM_PAGE.name)
    return [codec.decode(CONFIRM_PAGE, fields) for _, fields in entries]


def live(visitor: Visitor, **headers: str):
    given = {"Cookie": visitor.cookie, **headers}
    return connect(f"ws://{visitor.host}:{visitor.port}/live", origin=visitor.origin, additional_headers=given, open_timeout=5)


def hear(link, name: str, check=lambda value: True, timeout_s: float = 8.0):
    """Read messages until a part arrives that passes the check."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        parts = json.loads(link.recv(timeout=timeout_s))
        if name in parts and check(parts[name]):
            return parts[name]
    raise AssertionError(f"{name} never came")


# ---------------------------------------------------------------- JSON


def test_state_tells_everything_at_once(day, visitor):
    state = visitor.get("/api/v1/state")
    assert list(state["watch"]) == list(SYMBOLS)
    assert state["store"]["is_up"]
    assert state["session"]["banner"] == "generated day, seed 7 — no real orders"
    assert state["clock"]["ts"] == NOW
    assert state["clock"]["phase"] == "CONTINUOUS"
    assert [r["id"] for r in state["recommendations"]][:3] == ["r-1", "r-2", "r-3"]
    assert [p["symbol"] for p in state["portfolio"]["positions"]] == ["ICICIBANK", "SBIN"]
    assert {h["state"] for h in state["health"]} == {"alive", "done"}
    assert state["token"]["state"] == "valid"
    assert state["alerts"] == []


def test_candles_come_from_the_series_with_their_lines(day, visitor):
    found = visitor.get("/api/v1/candles/RELIANCE?timeframe=1m&limit=100")
    assert len(found["candles"]) == 100
    assert {name: len(points) for name, points in found["overlays"].items()} == {"ema_9": 100, "ema_21": 100, "vwap": 100, "rsi_14": 100}
    assert found["indicators"]["rsi_14"] == "61.3"
    assert found["patterns"] == {"time": "", "found": [], "any": ""}
    assert visitor.get("/api/v1/candles/TCS?timeframe=60m")["candles"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/candles/RELIANCE?timeframe=2m", 400), ("/api/v1/candles/RELIANCE?timeframe=1m&limit=0", 400), ("/api/v1/candles/RELIANCE?limit=999999999999", 400),
        ("/api/v1/candles/RELIANCE?limit=%D9%A1", 400), ("/api/v1/candles/NOPE", 404), ("/api/v1/market/quote/..%2F..%2Fetc", 404), ("/api/v1/trades?limit=x", 400), ("/none", 404),
    ],
)  # fmt: skip
def test_bad_input_is_refused(day, visitor, path, status):
    answer = visitor.ask("GET", path)
    assert answer.status == status
    assert "content-security-policy" in answer.headers


def test_the_other_addresses(day, visitor):
    assert visitor.get("/api/v1/market/quote/M%26M")["ltp"] == SYMBOLS["M&M"]
    assert len(visitor.get("/api/v1/trades?limit=1")["fills"]) == 1
    assert visitor.get("/api/v1/trades")["orders"][0]["status"] == "FILLED"
    assert visitor.get("/api/v1/portfolio")["portfolio"]["net_paise"] == 38_128
    assert len(visitor.get("/api/v1/health")["health"]) == 8


def test_metrics_tell_the_feed_and_the_latency(day, redis_urls):
    day.hash(schema.HEALTH, ("ticks",), {"frames": "eyJ0eXAi.secret", "api_secret": 77_123, "repairs_gave_up": 2})
    with PageServer(redis_urls) as url:
        answer = Visitor(url).ask("GET", "/metrics")
        assert Visitor(url).ask("GET", "/metrics", {"Host": "evil.example:80"}).status == 403
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.body.decode().splitlines()
    for line in (
        'ticktick_process_up{process="ticks"} 1', "ticktick_redis_up 1", "ticktick_page_sockets 0", "ticktick_feed_up 1", "ticktick_feed_ticks 201377", "ticktick_feed_repairs_gave_up 2",
        'ticktick_latency_inputs{process="ticks"} 1200', 'ticktick_lag_milliseconds{process="live",quantile="0.99"} 6.4', 'ticktick_process_entries{process="orders"} 1200',
    ):  # fmt: skip
        assert line in lines
    assert any(line.startswith('ticktick_latency_microseconds{process="ticks",hop="decode",quantile="0.999"} ') for line in lines)
    assert not any("secret" in line or "77123" in line or line.startswith("ticktick_feed_frames") for line in lines)


def test_files_are_served_with_their_types(visitor):
    for path, kind in {"/": "text/html", "/app.js": "text/javascript", "/style.css": "text/css", "/favicon.svg": "image/svg+xml"}.items():
        answer = visitor.ask("GET", path)
        assert (answer.status, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
    cookie = visitor.load().headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_an_empty_redis_is_shown_as_empty(redis_urls, visitor):
    state = visitor.get("/api/v1/state")
    assert state["watch"] == {}
    assert state["recommendations"] == []
    assert state["session"]["mode"] == "paper"
    assert {h["state"] for h in state["health"]} == {"absent"}


def test_an_entry_that_cannot_be_read_is_left_out(day, visitor, redis_urls):
    day.clients[Role.DERIVED].xadd(schema.RECOMMENDATIONS.name, {"v": "99", "id": "future"})
    assert len(visitor.get("/api/v1/recommendations")["recommendations"]) == 6


# ---------------------------------------------------------------- confirmations


def test_an_answer_is_written_with_the_feeds_time(day, visitor, redis_urls):
    reply = visitor.confirm(visitor.wish("r-1"))
    assert reply.status == 200
    record = answers(redis_urls)[-1]
    assert (record.recommendation_id, record.answer, record.source, record.ts) == ("r-1", "confirm", "page", NOW)
    shown = next(r for r in visitor.get("/api/v1/recommendations")["recommendations"] if r["id"] == "r-1")
    assert (shown["state"], shown["answered_by"], shown["nonce"]) == ("confirmed", "page", "")


def test_it_is_answered_once_even_by_many_at_once(day, visitor, redis_urls):
    wish, codes = visitor.wish("r-2", "reject"), []
    threads = [threading.Thread(target=lambda: codes.append(visitor.confirm(wish).status)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] + [409] * 11
    assert sum(record.recommendation_id == "r-2" for record in answers(redis_urls)) == 1


def test_an_answer_from_the_terminal_counts_here_too(day, visitor):
    wish = visitor.wish("r-3") | {"recommendation_id": "r-5"}
    assert visitor.confirm(wish).status == 403  # the nonce belongs to r-3
    day.clients[Role.DERIVED].xadd(
        schema.CONFIRM_TERMINAL.name, {"v": schema.VERSION, "ts": NOW, "recommendation_id": "r-3", "answer": "reject", "source": "terminal"}
    )
    assert visitor.confirm(visitor.wish("r-3") | {"nonce": wish["nonce"]}).status == 409


def test_a_late_answer_is_refused(day, visitor, redis_urls):
    wish, before = visitor.wish("r-1"), len(answers(redis_urls))
    day.move("RELIANCE", 1413.0, NOW + 24_000)
    assert visitor.confirm(wish).status == 410
    assert len(answers(redis_urls)) == before


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"null", b'{"recommendation_id":"r-1"}', b'{"recommendation_id":1,"answer":"confirm","nonce":"x"}', b"[" * 4000,
     b'{"recommendation_id":"r-1","answer":"maybe","nonce":"x"}', b'{"recommendation_id":"r-1","answer":"confirm","nonce":"x","more":"y"}', b"\xff\xfe"],
)  # fmt: skip
def test_malformed_bodies_are_refused(day, visitor, body):
    assert visitor.confirm(body).status == 400


def test_a_long_body_is_refused(day, visitor):
    assert visitor.confirm(b'{"nonce":"' + b"x" * 10_000 + b'"}').status == 413


def test_a_real_order_needs_its_symbol_typed(day, redis_urls):
    day.hash(schema.SESSION, (), {"mode": "live-real"})
    with PageServer(redis_urls) as url:
        visitor = Visitor(url)
        visitor.load()
        wish = visitor.wish("r-1")
        assert visitor.confirm(wish).status == 428
        assert visitor.confirm(wish | {"typed": "RELIANC"}).status == 428
        assert visitor.confirm(wish | {"typed": " reliance "}).status == 200
        assert visitor.confirm(visitor.wish("r-2", "reject")).status == 200


# ---------------------------------------------------------------- the socket


def test_the_socket_sends_all_then_only_what_changed(day, visitor):
    with live(visitor) as link:
        first = json.loads(link.recv(timeout=5))
        if "watch.TCS" not in first:
            first |= json.loads(link.recv(timeout=5))
        assert first["watch.TCS"]["ltp"] == SYMBOLS["TCS"]
        day.move("TCS", 3121.0, NOW + 500)
        until = time.monotonic() + 5
        while "watch.TCS" not in (parts := json.loads(link.recv(timeout=5))):
            assert time.monotonic() < until
        assert parts["watch.TCS"]["ltp"] == 3121.0
        assert "watch.INFY" not in parts
        assert "recommendations" not in parts


def test_what_is_said_over_the_socket_is_ignored(day, visitor, redis_urls):
    before = len(answers(redis_urls))
    with live(visitor) as link:
        for text in ('{"recommendation_id":"r-1","answer":"confirm"}', "x" * 900):
            link.send(text)
        hear(link, "clock")
    assert len(answers(redis_urls)) == before


def test_at_most_four_sockets_and_a_place_is_free_again(day, visitor):
    from websockets.exceptions import InvalidStatus

    with ExitStack() as links:
        for _ in range(MAX_SOCKETS):
            links.enter_context(live(visitor))
        with pytest.raises(InvalidStatus) as refused:
            links.enter_context(live(visitor))
        assert refused.value.response.status_code == 503
    until = time.monotonic() + 5
    while b"ticktick_page_sockets 0" not in visitor.ask("GET", "/metrics").body:
        assert time.monotonic() < until
    with live(visitor) as link:
        hear(link, "clock")


def test_a_reader_that_stops_reading_harms_nobody(day, visitor):
    with live(visitor), live(visitor) as quick:
        for step in range(1, 9):
            day.move("INFY", 1500.0 + step, NOW + step)
            hear(quick, "watch.INFY", lambda row, wanted=1500.0 + step: row["ltp"] == wanted)


# ---------------------------------------------------------------- when something is away


def test_redis_away_keeps_the_last_values_and_comes_back(tmp_path):
    from pipeline.store.server import start

    try:
        server = start(tmp_path / "redis")
    except Refused as error:
        pytest.skip(str(error))
    Day(server.urls).write_all()
    with PageServer(server.urls) as url:
        visitor = Visitor(url)
        visitor.load()
        wish = visitor.wish("r-1")
        server.stop()
        until = time.monotonic() + 10
        while (state := visitor.get("/api/v1/state"))["store"]["is_up"]:
            assert time.monotonic() < until
        assert state["watch"]["TCS"]["ltp"] == SYMBOLS["TCS"]
        assert state["alerts"][0]["code"] == "redis_away"
        assert visitor.confirm(wish).status == 503
        again = start(tmp_path / "redis", server.port)
        try:
            while not visitor.get("/api/v1/state")["store"]["is_up"]:
                assert time.monotonic() < until + 10
        finally:
            again.stop()


def test_a_taken_port_is_one_line_that_says_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Refused) as refused:
            asyncio.run(serve(load(environ={}), Address(port=port), FACTS, None, stop=asyncio.Event()))
    assert f"port {port} is taken" in str(refused.value)
    assert f"TICKTICK__DASHBOARD__PORT={port + 1}" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", ""])
def test_other_hosts_are_refused_without_the_flag(host):
    with pytest.raises(Refused, match="this machine only"):
        bind(Address(host, 0))


def test_it_listens_on_loopback_only(url):
    port = int(url.rstrip("/").rpartition(":")[2])
    lines = [line.split() for file in ("/proc/net/tcp", "/proc/net/tcp6") for line in Path(file).read_text().splitlines()[1:]]
    ours = [fields[1] for fields in lines if fields[1].endswith(f":{port:04X}") and fields[3] == "0A"]
    assert ours == [f"0100007F:{port:04X}"]
