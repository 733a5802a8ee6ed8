import json
import socket
import ssl
import subprocess
import threading

import pytest

from pipeline.broker.link import MODES, Link, LinkConfig, authorise, subscription
from pipeline.core.errors import Refused, Unauthorised
from tests.fakes.broker_server import HttpServer, error, ok


def ask(answer, token="tok"):
    server = HttpServer(lambda _path, _query, _handler: answer)
    try:
        return authorise(LinkConfig(server.url), token), server.asked
    finally:
        server.stop()


def test_the_subscription_is_json_in_bytes():
    frame = subscription("full", ["NSE_EQ|INE002A01018", "NSE_INDEX|Nifty 50"])
    assert isinstance(frame, bytes)
    plain = json.loads(frame)
    assert plain.pop("guid") != json.loads(subscription("full", []))["guid"]
    assert plain == {"method": "sub", "data": {"mode": "full", "instrumentKeys": ["NSE_EQ|INE002A01018", "NSE_INDEX|Nifty 50"]}}


def test_limits_are_those_of_one_connection():
    assert MODES == {"ltpc": 5_000, "option_greeks": 3_000, "full": 2_000, "full_d30": 50}


@pytest.mark.parametrize("name", ["authorized_redirect_uri", "authorizedRedirectUri"])
def test_authorise_gives_the_address_and_sends_the_token_in_the_header(name):
    address, asked = ask(ok({name: "wss://feeds.example/x?code=1"}))
    assert address == "wss://feeds.example/x?code=1"
    path, headers = asked[0]
    assert path == "/v3/feed/market-data-feed/authorize"
    assert headers["Authorization"] == "Bearer tok"
    assert headers["User-Agent"].startswith("tick-tick/")


@pytest.mark.parametrize("content", [{}, [], {"authorized_redirect_uri": 5}, {"authorized_redirect_uri": "ws://feeds.example/x"}])
@pytest.mark.parametrize(
    "extra", [None, {"authorized_redirect_uri": "http://x"}, {"authorized_redirect_uri": "ws://127.0.0.1.evil.example/"}]
)
def test_an_unsafe_or_absent_address_is_not_opened(content, extra):
    with pytest.raises(Refused, match="no safe feed address"):
        ask(ok(content if extra is None else extra))


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_turned_down(status):
    with pytest.raises(Unauthorised, match="ticktick login"):
        ask(error(status, "UDAPI100050"))


def test_an_edge_refusal_is_not_the_tokens_fault():
    with pytest.raises(Refused):
        ask((403, b"error code: 1010"))


def test_a_feed_with_a_self_signed_certificate_is_not_spoken_to(tmp_path):
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"], capture_output=True, check=False
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip("no openssl here to make a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    got: list[bytes] = []
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
        server = HttpServer(lambda _p, _q, _h: ok({"authorized_redirect_uri": f"wss://localhost:{listener.getsockname()[1]}/feeds?code=1"}))
        try:
            with pytest.raises(Refused, match="certificate is not valid"):
                Link.open(LinkConfig(server.url), "tok", ["A"])
        finally:
            server.stop()
        thread.join(5)
    assert got in ([], [b""])
