"""Attacks on the page, as a table: what a foreign web page, a form, a socket or another program may try.

Each attack is otherwise perfect: it holds the session cookie unless its point is that it does not. None may
read the state of the account, open the socket or write an answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from pipeline.core.schema import CONFIRM_PAGE, CONTROLS, Role
from tests.fakes.day_in_redis import Day
from tests.fakes.page_server import PageServer
from tests.fakes.visitor import Answer, Visitor
from web.server import bind

EVIL = "http://evil.example"
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


@dataclass(frozen=True)
class Target:
    visitor: Visitor
    wish: dict[str, str]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.visitor.port}"

    def post(self, **headers: str) -> Answer:
        return self.visitor.confirm(self.wish, **headers)

    def arm(self, **headers: str) -> Answer:
        return self.visitor.post("/api/v1/stop/arm", {}, **headers)

    def pull(self, **headers: str) -> Answer:
        """Pull the emergency string with a nonce that was given honestly."""
        return self.visitor.post("/api/v1/stop", {"word": "flatten", "nonce": self.arm().json["nonce"]}, **headers)

    def read(self, **headers: str) -> Answer:
        return self.visitor.ask("GET", "/api/v1/state", {"Cookie": self.visitor.cookie, **headers})

    def socket(self, path: str = "/live", **headers: str) -> Answer:
        given = {"Origin": self.visitor.origin, "Cookie": self.visitor.cookie, **UPGRADE, **headers}
        return self.visitor.ask("GET", path, {name: value for name, value in given.items() if value})


@pytest.fixture
def target(redis_urls) -> Iterator[Target]:
    Day(redis_urls).write_all()
    with PageServer(redis_urls) as url:
        visitor = Visitor(url)
        visitor.load()
        yield Target(visitor, visitor.wish("r-1"))


def _foreign_names(port: int) -> dict[str, str]:
    return {
        "rebound name": f"rebind.evil.example:{port}", "rebound name, no port": "rebind.evil.example", "trailing dot": f"localhost.:{port}",
        "trailing dot on the address": f"127.0.0.1.:{port}", "subdomain of localhost": f"evil.localhost:{port}", "user part": f"127.0.0.1:{port}@evil.example",
        "another loopback address": f"127.0.0.2:{port}", "decimal address": f"2130706433:{port}", "short address": f"127.1:{port}", "all interfaces": f"0.0.0.0:{port}",
        "mapped address": f"[::ffff:127.0.0.1]:{port}", "another port": f"127.0.0.1:{port + 1}", "no port": "127.0.0.1", "empty": "",
    }  # fmt: skip


def _origins(port: int) -> dict[str, str]:
    return {
        "missing": "", "null": "null", "foreign": EVIL, "foreign port": f"http://127.0.0.1:{port + 1}", "https": f"https://127.0.0.1:{port}", "prefix": f"http://127.0.0.1:{port}.evil.example",
        "our other name": f"http://localhost:{port}", "with a path": f"http://127.0.0.1:{port}/", "upper case": f"HTTP://127.0.0.1:{port}", "extension": "chrome-extension://abc",
    }  # fmt: skip


def attacks(port: int) -> dict[str, Callable[[Target], Answer]]:
    table: dict[str, Callable[[Target], Answer]] = {}
    for name, host in _foreign_names(port).items():
        same = {"Host": host, "Origin": f"http://{host}"}
        table[f"rebinding, page: {name}"] = lambda t, h=host: t.visitor.ask("GET", "/", {"Host": h})
        table[f"rebinding, read: {name}"] = lambda t, h=host: t.read(Host=h)
        table[f"rebinding, post: {name}"] = lambda t, s=same: t.post(**s)
        table[f"rebinding, stop: {name}"] = lambda t, s=same: t.pull(**s)
        table[f"rebinding, socket: {name}"] = lambda t, s=same: t.socket(**s)
    for name, origin in _origins(port).items():
        table[f"post from origin: {name}"] = lambda t, o=origin: t.post(Origin=o)
        table[f"stop from origin: {name}"] = lambda t, o=origin: t.pull(Origin=o)
        table[f"arming from origin: {name}"] = lambda t, o=origin: t.arm(Origin=o)
        table[f"socket from origin: {name}"] = lambda t, o=origin: t.socket(Origin=o)
    kinds = (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain;application/json",
        "application/json-seq",
        "",
    )
    table |= {f"form of type {kind or 'nothing'}": lambda t, k=kind: t.post(**{"Content-Type": k}) for kind in kinds}
    table |= {f"stop by a form of type {kind or 'nothing'}": lambda t, k=kind: t.pull(**{"Content-Type": k}) for kind in kinds}
    table |= {
        f"form of type {kind} from elsewhere": lambda t, k=kind: t.post(**{"Content-Type": k, "Origin": EVIL, "X-Ticktick": ""})
        for kind in kinds[:3]
    }
    table["two hosts"] = lambda t: t.visitor.ask("GET", "/api/v1/state", [("Host", t.address), ("Host", "evil.example")])
    table["two origins"] = lambda t: t.visitor.ask(
        "POST", "/api/v1/confirm", [*t.visitor.own_headers().items(), ("Origin", EVIL)], json.dumps(t.wish).encode()
    )
    table["absolute address of a foreign name"] = lambda t: t.visitor.ask(
        "GET", "http://evil.example/api/v1/state", {"Host": "evil.example"}
    )
    table |= _without_session() | _cross_site() | _methods() | _answers() | _stops()
    return table


def _without_session() -> dict[str, Callable[[Target], Answer]]:
    def in_url(t: Target, path: str) -> Answer:
        return t.visitor.ask(
            "GET", f"{path}?{t.visitor.cookie}&token={t.visitor.cookie.partition('=')[2]}", {"Origin": t.visitor.origin, **UPGRADE}
        )

    def in_post_url(t: Target) -> Answer:
        headers = {**t.visitor.own_headers(), "Cookie": ""}
        return t.visitor.ask(
            "POST", f"/api/v1/confirm?{t.visitor.cookie}", {k: v for k, v in headers.items() if v}, json.dumps(t.wish).encode()
        )

    return {
        "post without a session": lambda t: t.post(Cookie=""),
        "post with a guessed session": lambda t: t.post(Cookie=f"ticktick_{t.visitor.port}={'0' * 64}"),
        "post with an empty session": lambda t: t.post(Cookie=f"ticktick_{t.visitor.port}="),
        "post with the session of another port": lambda t: t.post(Cookie=t.visitor.cookie.replace(str(t.visitor.port), "1")),
        "socket without a session": lambda t: t.socket(Cookie=""),
        "socket with a guessed session": lambda t: t.socket(Cookie=f"ticktick_{t.visitor.port}=guess"),
        "session in the address, socket": lambda t: in_url(t, "/live"),
        "session in the address, post": in_post_url,
        "session as a bearer token": lambda t: t.post(Cookie="", Authorization=f"Bearer {t.visitor.cookie.partition('=')[2]}"),
    }


def _cross_site() -> dict[str, Callable[[Target], Answer]]:
    return {
        "script of another site reads the state": lambda t: t.read(**{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}),
        "another port reads the state": lambda t: t.read(**{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}),
        "another origin reads the state": lambda t: t.read(Origin=EVIL),
        "picture of another site": lambda t: t.visitor.ask("GET", "/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}),
        "link of another site to the data": lambda t: t.read(**{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}),
        "post without our header": lambda t: t.post(**{"X-Ticktick": ""}),
        "post with a wrong header": lambda t: t.post(**{"X-Ticktick": "true"}),
        "preflight": lambda t: t.visitor.ask("OPTIONS", "/api/v1/confirm", {"Origin": EVIL, "Access-Control-Request-Method": "POST"}),
    }


def _methods() -> dict[str, Callable[[Target], Answer]]:
    table: dict[str, Callable[[Target], Answer]] = {
        f"{method} with an override": lambda t, m=method: t.visitor.ask(m, "/api/v1/confirm", t.visitor.own_headers())
        for method in ("PUT", "DELETE", "PATCH", "TRACE")
    }
    table["answer by GET"] = lambda t: t.visitor.ask("GET", "/api/v1/confirm?recommendation_id=r-1&answer=confirm", t.visitor.own_headers())
    for path in (
        "/../server.py",
        "/%2e%2e/guard.py",
        "/server.py",
        "/static/",
        "/vendor/../app.js",
        "/.git/config",
        "/web/",
        "//etc/passwd",
    ):
        table[f"file {path}"] = lambda t, p=path: t.visitor.ask("GET", p)
    return table


def _answers() -> dict[str, Callable[[Target], Answer]]:
    return {
        "no nonce": lambda t: t.visitor.confirm({k: v for k, v in t.wish.items() if k != "nonce"}),
        "wrong nonce": lambda t: t.visitor.confirm(t.wish | {"nonce": "0" * 64}),
        "nonce of another": lambda t: t.visitor.confirm(t.wish | {"recommendation_id": "r-2"}),
        "expired": lambda t: t.visitor.confirm(t.wish | {"recommendation_id": "r-5"}),
        "unknown": lambda t: t.visitor.confirm(t.wish | {"recommendation_id": "r-99"}),
        "all of them": lambda t: t.visitor.confirm(t.wish | {"recommendation_id": "*"}),
        "a list of them": lambda t: t.visitor.confirm([t.wish]),
    }


def _stops() -> dict[str, Callable[[Target], Answer]]:
    def again(t: Target) -> Answer:
        nonce = t.arm().json["nonce"]
        assert t.visitor.post("/api/v1/stop", {"word": "nonsense", "nonce": nonce}).status == 400
        assert t.visitor.post("/api/v1/stop", {"word": "kill", "nonce": nonce}).status in (409, 428)
        return t.visitor.post("/api/v1/stop", {"word": "resume", "nonce": nonce})

    def bare(t: Target, **wish: object) -> Answer:
        return t.visitor.post("/api/v1/stop", {"word": "halt", "nonce": t.arm().json["nonce"]} | wish)

    return {
        "stop without arming": lambda t: t.visitor.post("/api/v1/stop", {"word": "halt", "nonce": ""}),
        "stop with a guessed nonce": lambda t: t.visitor.post("/api/v1/stop", {"word": "halt", "nonce": "0" * 32}),
        "stop with the nonce of a recommendation": lambda t: t.visitor.post("/api/v1/stop", {"word": "halt", "nonce": t.wish["nonce"]}),
        "stop without a session": lambda t: t.pull(Cookie=""),
        "stop without our header": lambda t: t.pull(**{"X-Ticktick": ""}),
        "stop from another site": lambda t: t.pull(**{"Sec-Fetch-Site": "cross-site"}),
        "stop by GET": lambda t: t.visitor.ask("GET", "/api/v1/stop?word=halt", t.visitor.own_headers()),
        "lifting from the page": again,
        "resume with a fresh nonce": lambda t: bare(t, word="resume"),
        "kill that is not typed": lambda t: bare(t, word="kill"),
        "kill in paper": lambda t: bare(t, word="kill", typed="KILL"),
        "a list of words": lambda t: bare(t, word=["halt"]),
        "a field too many": lambda t: bare(t, also="x"),
    }


def test_every_attack_is_refused(target, redis_urls, record_property):
    stream = Day(redis_urls).clients[Role.DERIVED]
    before = stream.xlen(CONFIRM_PAGE.name), stream.xlen(CONTROLS.name)
    table = attacks(target.visitor.port)
    passed = [name for name, attack in table.items() if attack(target).status < 400]
    record_property("refused", f"{len(table) - len(passed)}/{len(table)}")
    print(f"attacks refused: {len(table) - len(passed)}/{len(table)}")
    assert passed == []
    assert len(table) > 170
    assert (stream.xlen(CONFIRM_PAGE.name), stream.xlen(CONTROLS.name)) == before
    assert target.post().status == 200, "the honest request must pass, or the table proves nothing"
    assert target.pull().status == 200
    assert stream.xlen(CONTROLS.name) == before[1] + 1


def test_a_page_that_answers_nobody_else_tells_nothing(target):
    answer = target.read(Host="evil.example")
    assert set(answer.json) == {"error"}
    assert "access-control-allow-origin" not in answer.headers


def test_every_answer_carries_the_headers(target):
    for answer in (
        target.visitor.load(),
        target.read(),
        target.post(Origin=EVIL),
        target.visitor.ask("GET", "/none"),
        target.socket(Cookie=""),
    ):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"


def test_the_session_never_shows_but_in_its_cookie(target, capfd):
    secret = target.visitor.cookie.partition("=")[2]
    for path in ("/", "/app.js", "/api/v1/state", "/api/v1/recommendations", "/metrics", f"/none?{secret}"):
        assert secret.encode() not in target.visitor.ask("GET", path).body
    written = capfd.readouterr()
    assert secret not in written.out + written.err


def test_many_clients_do_not_stop_the_page(target):
    import socket

    idle = [socket.create_connection(("127.0.0.1", target.visitor.port)) for _ in range(200)]
    try:
        assert target.read().status == 200
    finally:
        for link in idle:
            link.close()


def test_it_does_not_listen_for_others():
    from pipeline.core.errors import Refused
    from web.server import Address

    with pytest.raises(Refused):
        bind(Address("0.0.0.0", 0))
