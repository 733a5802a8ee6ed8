import contextlib
import json
import socket
import ssl
import subprocess
import threading
import time
from typing import ClassVar

import pytest

from pipeline.broker import rest
from pipeline.broker.rest import BadAnswer, Call, RestClient, RestConfig, Throttled, error_code, parse_json, path_part
from pipeline.core.errors import Ambiguous, Refused, Unauthorised
from tests.fakes.broker_server import HttpServer, error, ok


@pytest.fixture
def serve():
    opened = []

    def start(answer, **options):
        server = HttpServer(answer if callable(answer) else lambda _p, _q, _h: answer)
        opened.append(server)
        return RestClient(RestConfig(server.url, **options), lambda: "canary-token"), server

    yield start
    for server in opened:
        server.stop()


def test_data_comes_out_of_the_envelope(serve):
    client, server = serve(lambda path, query, _h: ok({"path": path, "query": query}))
    assert client.get_data("/v2/x/NSE_EQ%7CA", {"a b": "c|d"}) == {"path": "/v2/x/NSE_EQ%7CA", "query": {"a b": ["c|d"]}}
    headers = server.asked[0][1]
    assert headers["Authorization"] == "Bearer canary-token"
    assert headers["User-Agent"].startswith("tick-tick/")
    assert headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (error(400, "UDAPI100011"), Refused, "HTTP 400 UDAPI100011"),
        (error(401, "UDAPI100050"), Unauthorised, "ticktick login --open"),
        (error(403), Unauthorised, "ticktick login"),
        ((403, b"<html>Cloudflare error 1010</html>"), Refused, "before it reached"),
        (error(404, "UDAPI100060"), Refused, "404"),
        (error(423), Refused, "423"),
        (error(429, "UDAPI10005"), Throttled, "too many calls"),
        (error(500), Ambiguous, "fault at the broker"),
        ((503, b""), Ambiguous, "503"),
        ((302, b""), Refused, "302"),
        ((200, b"not json"), BadAnswer, "not valid JSON"),
        ((200, b'{"status": "success", "data": NaN}'), BadAnswer, "not valid JSON"),
        ((200, b"[" * 200_000), BadAnswer, "not valid JSON"),
        ((200, b"[]"), BadAnswer, "known shape"),
        ((200, b'{"status": "error"}'), BadAnswer, "known shape"),
        ((200, b'{"status": "success"}'), BadAnswer, "known shape"),
    ],
)
def test_each_failure_has_its_kind(serve, answer, kind, words):
    client, server = serve(answer)
    with pytest.raises(kind, match=words) as caught:
        client.get_data("/v2/thing", {"code": "canary-query"})
    assert type(caught.value) is kind
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.asked) == 1, "nothing is retried behind the caller's back"


def test_a_broken_connection_is_ambiguous_and_asked_once(serve):
    client, server = serve((0, b""))
    with pytest.raises(Ambiguous, match="connection broke"):
        client.get_data("/v2/thing")
    assert len(server.asked) == 1


def test_a_body_over_the_limit_is_refused(serve):
    client, _ = serve((200, b"x" * 1_001))
    with pytest.raises(Refused, match="larger than 1000"):
        client.get_bytes("/x", limit=1_000)
    client, _ = serve((200, b"x" * 1_000))
    assert len(client.get_bytes("/x", limit=1_000)) == 1_000


def test_an_answer_that_drips_is_cut_at_the_deadline(serve):
    def drip(_path, _query, handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(100):
            handler.wfile.write(b"a")
            time.sleep(0.05)
        return 0, b""

    client, _ = serve(drip, total_timeout_s=0.3)
    began = time.monotonic()
    with pytest.raises(Ambiguous, match=r"within 0.3 s"):
        client.get_data("/v2/thing")
    assert time.monotonic() - began < 2.0


def test_a_body_that_drips_is_cut_too(serve):
    def drip(_path, _query, handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(100):
            handler.wfile.write(b"a")
            time.sleep(0.05)
        return 0, b""

    client, _ = serve(drip, total_timeout_s=0.3)
    with pytest.raises(Ambiguous):
        client.get_data("/v2/thing")


def test_nobody_there():
    with pytest.raises(Refused, match="cannot be reached"):
        RestClient(RestConfig("http://127.0.0.1:1")).get_data("/x")


@pytest.mark.parametrize("url", ["http://api.upstox.com", "ftp://x", "", "http://127.0.0.1.evil.example", "https://"])
def test_only_https_or_loopback(url):
    with pytest.raises(Refused):
        RestClient(RestConfig(url))


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], capture_output=True, check=False
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip("no openssl here to make a certificate")
    return folder


def test_a_self_signed_certificate_ends_before_anything_is_sent(self_signed):
    got: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed / "cert.pem", self_signed / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            raw, _ = listener.accept()
            try:
                with context.wrap_socket(raw, server_side=True) as tls:
                    got.append(tls.recv(100))
            except OSError:
                return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        client = RestClient(RestConfig(f"https://localhost:{listener.getsockname()[1]}"), lambda: "canary-token")
        with pytest.raises(Refused, match="certificate is not valid"):
            client.get_data("/x")
        thread.join(5)
    assert got in ([], [b""])


def test_error_code_of_anything():
    assert error_code(b'{"errors": [{"errorCode": "UDAPI1"}]}') == "UDAPI1"
    assert error_code(b'{"errors": [{"error_code": "<b>X</b>"}]}') == "bXb"
    for body in (b"", b"[]", b'{"errors": []}', b'{"errors": [5]}', b'{"errors": 5}', b"[" * 100_000):
        assert error_code(body) == ""


def test_keys_are_encoded_as_one_part():
    assert path_part("NSE_INDEX|Nifty 50") == "NSE_INDEX%7CNifty%2050"
    assert path_part("../x") == "..%2Fx"


def test_parse_json_names_the_place():
    with pytest.raises(Refused, match="here: "):
        parse_json(b"{", "here")
    assert parse_json(json.dumps([1]).encode(), "here") == [1]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(400, "UDAPI1052"), Refused),
        (error(401, "UDAPI100050"), Unauthorised),
        (error(429, "UDAPI10005"), Throttled),
        (error(500), Ambiguous),
        ((502, b"<html>"), Ambiguous),
        ((408, b""), Ambiguous),
        ((404, b"<html>who knows</html>"), Ambiguous),
        ((302, b""), Ambiguous),
        ((200, b"not json"), Ambiguous),
        ((200, b"[]"), Ambiguous),
        ((200, b'{"status": "success"}'), Ambiguous),
        ((0, b""), Ambiguous),
    ],
)
def test_a_change_is_done_refused_or_in_doubt(serve, answer, kind):
    client, server = serve(answer)
    with pytest.raises(kind) as caught:
        client.send(Call("POST", "/v3/order/place", body={"quantity": 1}))
    assert type(caught.value) is kind
    assert len(server.asked) == 1, "one attempt"


def test_a_change_that_is_confirmed(serve):
    client, server = serve(lambda _p, query, _h: ok(query))
    assert client.send(Call("PUT", "/v3/order/modify", {"a": "b"}, {"price": 1.5}, "my-algo")) == {"a": ["b"]}
    assert json.loads(server.bodies[0]) == {"price": 1.5}
    headers = server.asked[0][1]
    assert (headers["X-Algo-Name"], headers["Content-Type"]) == ("my-algo", "application/json")


def test_a_change_that_could_not_be_sent_is_refused():
    with pytest.raises(Refused, match="cannot be reached"):
        RestClient(RestConfig("http://127.0.0.1:9")).send(Call("POST", "/v3/order/place", body={}))


def test_a_change_whose_answer_is_over_the_bound_is_in_doubt(serve, monkeypatch):
    monkeypatch.setattr(rest, "MAX_JSON_BYTES", 1_000)
    client, _ = serve((200, b'{"status": "success", "data": {"order_id": "1"}, "x": "' + b"y" * 2_000 + b'"}'))
    with pytest.raises(Ambiguous, match=r"larger than 1000 bytes.*only the book can tell"):
        client.send(Call("POST", "/v3/order/place", body={}))


def test_what_has_become_late_while_it_connected_is_not_sent(serve):
    """Judged behind the connection, which can take as long as it likes."""
    client, server = serve(ok({}))
    for words in ("late: decided 19000 ms ago", ""):
        call = Call("POST", "/v3/order/place", body={}, objection=lambda words=words: words)
        if words:
            with pytest.raises(Refused, match=f"^{words}$"):
                client.send(call)
        else:
            client.send(call)
    assert len(server.asked) == 1


class Hole(socket.socket):
    """Nobody answers at an address of this network; the others are real."""

    opened: ClassVar[list[socket.socket]] = []

    def connect(self, address):
        self.opened.append(self)
        if address[0].startswith("10."):
            time.sleep(self.gettimeout())
            raise TimeoutError("timed out")
        super().connect(address)


def test_all_addresses_of_a_host_share_one_time_out(monkeypatch):
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_a, **_k: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"10.0.0.{n}", 443)) for n in range(4)]
    )
    monkeypatch.setattr(socket, "socket", Hole)
    Hole.opened.clear()
    began = time.monotonic()
    with pytest.raises(Refused, match="cannot be reached"):
        RestClient(RestConfig("https://api-hft.upstox.com", 0.4, 5.0)).send(Call("POST", "/v3/order/place", body={}))
    assert 0.3 < time.monotonic() - began < 0.8
    assert len(Hole.opened) == 4
    assert all(sock.fileno() == -1 for sock in Hole.opened), "all closed"


def test_an_address_that_is_silent_leaves_time_for_the_next(serve, monkeypatch):
    client, server = serve(ok({"a": 1}), connect_timeout_s=0.4)
    real = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in (("10.0.0.1", 80), real)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: found)
    monkeypatch.setattr(socket, "socket", Hole)
    assert client.get_data("/x") == {"a": 1}


def test_a_connection_whose_certificate_is_bad_is_closed(self_signed, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed / "cert.pem", self_signed / "key.pem")
    monkeypatch.setattr(socket, "socket", Hole)
    Hole.opened.clear()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            raw, _ = listener.accept()
            with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as tls:
                tls.recv(100)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        with pytest.raises(Refused, match="certificate is not valid"):
            RestClient(RestConfig(f"https://localhost:{listener.getsockname()[1]}")).get_data("/x")
        thread.join(5)
    assert Hole.opened
    assert all(sock.fileno() == -1 for sock in Hole.opened)
