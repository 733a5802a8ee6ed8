import asyncio
import json
import socket
import threading
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from authentication.login import Desk, run_analytics, run_open, run_paste
from authentication.token import TokenKind, load_token
from authentication.upstox_client import Credentials, Endpoints
from pipeline.core.errors import Refused

NOW = 1_790_000_000_000


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Broker:
    """A tiny Upstox: the token exchange and the profile, in a thread."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.loop = asyncio.new_event_loop()
        self.port = free_port()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        assert ready.wait(5)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._start())
        ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(self.runner.cleanup())
        self.loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_post("/v2/login/authorization/token", self._exchange)
        app.router.add_get("/v2/user/profile", self._profile)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()

    async def _exchange(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.codes.append(str(form["code"]))
        if form["code"] != "good":
            return web.json_response({"errors": [{"error_code": "UDAPI100057"}]}, status=401)
        return web.json_response({"access_token": "token-1"})

    async def _profile(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "success", "data": {"user_name": "A\x1b[31mB", "user_id": "XY1"}})

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


@pytest.fixture(scope="module")
def broker():
    found = Broker()
    yield found
    found.stop()


def desk_for(tmp_path, broker, ask=lambda _prompt: "", now=lambda: NOW):
    base = f"http://127.0.0.1:{broker.port}"
    said: list[str] = []
    return Desk(tmp_path / "upstox.token.json", now, said.append, ask, Endpoints(base, base)), said


def visit(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            assert reply.headers["Referrer-Policy"] == "no-referrer"
            assert reply.headers["Cache-Control"] == "no-store"
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0  # the listener has gone


def browser(steps, results):
    """Return a browser that, in a thread, visits the addresses that ``steps(state)`` names."""

    def open_it(address: str) -> None:
        state = parse_qs(urlsplit(address).query)["state"][0]
        threading.Thread(target=lambda: results.extend(visit(url) for url in steps(state)), daemon=True).start()

    return open_it


def test_open_takes_the_answer_and_stores_the_token(tmp_path, broker):
    port = free_port()
    uri = f"http://127.0.0.1:{port}/callback"
    desk, said = desk_for(tmp_path, broker)
    results: list[int] = []
    token = run_open(Credentials("k", "s", uri), desk, browser(lambda state: [f"{uri}?code=good&state={state}"], results))
    assert token.access_token == "token-1"
    assert load_token(tmp_path / "upstox.token.json") == token
    assert any("must equal the one registered" in line and uri in line for line in said)
    assert not any("token-1" in line or "\x1b" in line for line in said)
    with socket.socket() as s:  # the listener is gone
        assert s.connect_ex(("127.0.0.1", port)) != 0


def test_forged_answers_are_turned_away_and_do_not_end_the_login(tmp_path, broker):
    uri = f"http://127.0.0.1:{free_port()}/callback"
    desk, _ = desk_for(tmp_path, broker)
    results: list[int] = []
    before = len(broker.codes)

    def steps(state):
        return [
            f"{uri}?code=evil&state={'0' * 64}",
            f"{uri}?code=evil",
            f"{uri}?code=evil&state=",
            f"{uri}x?code=evil&state={state}",
            f"{uri}?code=good&state={state}",
        ]

    run_open(Credentials("k", "s", uri), desk, browser(steps, results))
    assert results[:4] == [400, 400, 400, 404]
    assert broker.codes[before:] == ["good"]


def test_a_flood_of_forged_answers_ends_the_login(tmp_path, broker):
    uri = f"http://127.0.0.1:{free_port()}/cb"
    desk, _ = desk_for(tmp_path, broker)
    before = len(broker.codes)
    with pytest.raises(Refused, match="not ours"):
        run_open(Credentials("k", "s", uri), desk, browser(lambda _s: [f"{uri}?code=evil&state=x"] * 60, []))
    assert len(broker.codes) == before


def test_a_declined_login_is_said(tmp_path, broker):
    uri = f"http://127.0.0.1:{free_port()}/cb"
    desk, _ = desk_for(tmp_path, broker)
    with pytest.raises(Refused, match="no code"):
        run_open(Credentials("k", "s", uri), desk, browser(lambda s: [f"{uri}?error=access_denied&state={s}"], []))


def test_a_late_answer_is_refused(tmp_path, broker):
    uri = f"http://127.0.0.1:{free_port()}/cb"
    clock = iter([NOW, NOW + 10 * 60_000 + 1, NOW + 10 * 60_000 + 2])
    desk, _ = desk_for(tmp_path, broker, now=lambda: next(clock))
    with pytest.raises(Refused, match="ten minutes"):
        run_open(Credentials("k", "s", uri), desk, browser(lambda s: [f"{uri}?code=good&state={s}"], []))


def test_no_answer_ends_the_wait(tmp_path, broker):
    desk, _ = desk_for(tmp_path, broker)
    with pytest.raises(Refused, match="login --paste"):
        run_open(Credentials("k", "s", f"http://127.0.0.1:{free_port()}/cb"), desk, lambda _a: None, wait_s=0.1)


def test_a_taken_port_is_said_in_one_line(tmp_path, broker):
    desk, _ = desk_for(tmp_path, broker)
    with pytest.raises(Refused, match=f"port {broker.port}"):
        run_open(Credentials("k", "s", f"http://127.0.0.1:{broker.port}/cb"), desk, lambda _a: None)


@pytest.mark.parametrize(
    "uri", ["https://127.0.0.1:5000/cb", "http://0.0.0.0:5000/cb", "http://192.168.1.2:5000/cb", "https://example.org/cb"]
)
def test_the_listener_binds_loopback_only(tmp_path, broker, uri):
    desk, _ = desk_for(tmp_path, broker)
    with pytest.raises(Refused, match="on this machine"):
        run_open(Credentials("k", "s", uri), desk, lambda _a: None)


def paste(tmp_path, broker, make):
    shown: list[str] = []
    base = f"http://127.0.0.1:{broker.port}"

    def ask(_prompt: str) -> str:
        address = next(word for line in shown for word in line.split() if "state=" in word)
        return make(parse_qs(urlsplit(address).query)["state"][0])

    desk = Desk(tmp_path / "upstox.token.json", lambda: NOW, shown.append, ask, Endpoints(base, base))
    return run_paste(Credentials("k", "s", "https://example.org/cb"), desk)


def test_paste_takes_the_whole_address(tmp_path, broker):
    token = paste(tmp_path, broker, lambda state: f"  https://example.org/cb?code=good&state={state} \n")
    assert load_token(tmp_path / "upstox.token.json") == token


@pytest.mark.parametrize(
    "make",
    [
        lambda _s: "good",
        lambda _s: "",
        lambda _s: "https://example.org/cb?code=good",
        lambda _s: "https://example.org/cb?code=good&state=" + "0" * 64,
        lambda s: f"https://example.org/cb?state={s}",
        lambda s: f"https://example.org/cb?code={'x' * 600}&state={s}",
    ],
)
def test_paste_refuses_what_is_not_the_answer(tmp_path, broker, make):
    before = len(broker.codes)
    with pytest.raises(Refused):
        paste(tmp_path, broker, make)
    assert len(broker.codes) == before
    assert load_token(tmp_path / "upstox.token.json") is None


@pytest.mark.parametrize("kind", [TokenKind.ANALYTICS, TokenKind.SANDBOX])
def test_a_token_from_the_console_goes_into_its_own_slot(tmp_path, broker, kind):
    desk, said = desk_for(tmp_path, broker, ask=lambda _p: " console-token \n")
    token = run_analytics(desk, kind)
    assert load_token(tmp_path / "upstox.token.json", kind) == token
    assert load_token(tmp_path / "upstox.token.json") is None
    assert "console-token" not in json.dumps(said)
