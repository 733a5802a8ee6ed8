"""One verdict on each request, as a table."""

from __future__ import annotations

import secrets
from dataclasses import replace
from http import HTTPStatus

import pytest

from web.guard import HEADERS, Ask, Guard

GUARD = Guard.for_address("127.0.0.1", 8080)
OURS = "http://127.0.0.1:8080"
READ = Ask("GET", "/api/v1/state", hosts=("127.0.0.1:8080",))
SOCKET = Ask("GET", "/live", ("127.0.0.1:8080",), (OURS,), GUARD.secret, is_upgrade=True)
POST = Ask("POST", "/api/v1/confirm", ("127.0.0.1:8080",), (OURS,), GUARD.secret, "application/json", "1", "same-origin")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_our_own_names_pass(host):
    address = (f"{host}:8080",)
    assert GUARD.verdict(replace(READ, hosts=address)) is None
    assert GUARD.verdict(replace(SOCKET, hosts=address, origins=(f"http://{host}:8080",))) is None
    assert GUARD.verdict(replace(POST, hosts=address, origins=(f"http://{host}:8080",))) is None


@pytest.mark.parametrize(
    "hosts",
    [(), ("",), ("evil.example:8080",), ("127.0.0.1",), ("127.0.0.1:8081",), ("localhost.:8080",), ("127.0.0.1.:8080",), ("127.0.0.1:8080", "127.0.0.1:8080"),
     ("127.0.0.1:8080@evil.example",), ("127.1:8080",), ("2130706433:8080",), ("0.0.0.0:8080",), ("LOCALHOST:8080",), (" 127.0.0.1:8080",)],
)  # fmt: skip
@pytest.mark.parametrize("ask", [READ, SOCKET, POST])
def test_any_other_host_is_refused(ask, hosts):
    origins = tuple(f"http://{host}" for host in hosts[:1]) if ask.origins else ()
    assert GUARD.verdict(replace(ask, hosts=hosts, origins=origins)).status == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    "origins",
    [
        (),
        ("null",),
        ("http://evil.example",),
        ("http://127.0.0.1:8081",),
        ("https://127.0.0.1:8080",),
        ("http://localhost:8080",),
        (OURS, OURS),
        (OURS + "/",),
    ],
)
@pytest.mark.parametrize("ask", [SOCKET, POST])
def test_commands_and_sockets_need_our_origin(ask, origins):
    assert GUARD.verdict(replace(ask, origins=origins)).status == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("change", [{"own_header": ""}, {"own_header": "0"}, {"fetch_site": "cross-site"}, {"fetch_site": "same-site"}])
def test_a_forged_form_is_refused(change):
    assert GUARD.verdict(replace(POST, **change)).status == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/plain; application/json",
        "application/json-patch",
    ],
)
def test_only_json_is_taken(kind):
    assert GUARD.verdict(replace(POST, content_type=kind)).status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_refused(method):
    assert GUARD.verdict(replace(POST, method=method)).status == HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize("cookie", ["", "x", "\udcff", "0" * 64])
@pytest.mark.parametrize("ask", [SOCKET, POST])
def test_without_the_session_nothing_moves(ask, cookie):
    assert GUARD.verdict(replace(ask, cookie=cookie)).status == HTTPStatus.UNAUTHORIZED


def test_ten_thousand_guesses_find_nothing():
    assert sum(GUARD.verdict(replace(POST, cookie=secrets.token_hex(32))) is None for _ in range(10_000)) == 0


def test_a_link_from_elsewhere_may_open_the_page_but_not_read_from_it():
    link = Ask("GET", "/", ("127.0.0.1:8080",), fetch_site="cross-site", fetch_mode="navigate")
    assert GUARD.verdict(link) is None
    assert GUARD.verdict(replace(link, fetch_mode="no-cors")) is not None
    assert GUARD.verdict(replace(link, path="/api/v1/state")) is not None


def test_nonces_are_of_one_page_and_one_recommendation():
    other = Guard.for_address("127.0.0.1", 8080)
    assert GUARD.is_nonce("r-1", GUARD.nonce("r-1"))
    assert not GUARD.is_nonce("r-2", GUARD.nonce("r-1"))
    assert not GUARD.is_nonce("r-1", other.nonce("r-1"))
    assert not GUARD.is_nonce("r-1", "")
    assert not GUARD.is_nonce("r-\ud800", "\ud800")


def test_secrets_do_not_show_when_printed():
    assert GUARD.secret not in repr(GUARD)
    assert len(GUARD.secret) == 64


def test_a_page_opened_on_purpose_answers_to_its_own_name_too():
    assert "10.0.0.5:8080" in Guard.for_address("10.0.0.5", 8080).hosts
    assert "localhost" in Guard.for_address("127.0.0.1", 80).hosts


def test_headers_forbid_frames_foreign_code_and_traces():
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert HEADERS["Referrer-Policy"] == "no-referrer"
    assert HEADERS["Cache-Control"] == "no-store"
