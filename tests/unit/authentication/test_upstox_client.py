import asyncio
import json
import ssl
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from authentication.upstox_client import (
    MAX_REPLY_BYTES,
    STATE_LIFE_MS,
    Credentials,
    Endpoints,
    LoginState,
    check_base,
    credentials_path,
    exchange_code,
    fetch_profile,
    load_credentials,
    login_address,
    read_fields,
)
from pipeline.core.errors import Ambiguous, Refused, Unauthorised

OURS = Credentials("the-key", "canary-secret", "http://127.0.0.1:5000/callback")


def write(path, **fields):
    path.write_text(json.dumps(fields))
    path.chmod(0o600)
    return path


def test_the_environment_wins_over_the_file(tmp_path):
    path = write(tmp_path / "c.json", api_key="file-key", api_secret="file-secret", redirect_uri="http://127.0.0.1:1/x")
    found = load_credentials(path, {"UPX_API_KEY": "upx-key", "UPSTOX_API_SECRET": "env-secret"})
    assert (found.api_key, found.api_secret, found.redirect_uri) == ("upx-key", "env-secret", "http://127.0.0.1:1/x")
    assert load_credentials(path, {"UPX_API_KEY": "upx", "UPSTOX_API_KEY": "upstox"}).api_key == "upstox"


def test_another_file_can_be_named(tmp_path):
    other = write(tmp_path / "other.json", api_key="k", api_secret="s", redirect_uri="https://example.org/cb")
    assert credentials_path(tmp_path / "c.json", {"TICKTICK_CREDENTIALS": str(other)}) == other
    assert load_credentials(tmp_path / "c.json", {"TICKTICK_CREDENTIALS": str(other)}).api_key == "k"


def test_missing_fields_and_the_command_are_named(tmp_path):
    with pytest.raises(Unauthorised) as caught:
        load_credentials(tmp_path / "none.json", {"UPSTOX_API_KEY": "k"})
    said = str(caught.value)
    assert said.startswith("api_secret, redirect_uri missing")
    assert "ticktick login --open" in said
    assert "UPSTOX_API_SECRET" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "content", ["{", "[]", '"x"', '{"api_kay": "k"}', '{"api_key": "k", "api_secret": "canary", "redirect_uri": "callback"}']
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "c.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(Refused) as caught:
        load_credentials(path, {})
    assert "canary" not in str(caught.value)


def test_the_example_file_has_the_known_fields():
    from pathlib import Path

    import authentication

    place = Path(authentication.__file__).parent / "credentials.example.json"
    plain = json.loads(place.read_text())
    assert set(plain) == set(read_fields(place.with_name("absent.json"), {f"UPSTOX_{k.upper()}": "x" for k in plain}))


def test_the_login_address_carries_what_the_dialog_needs():
    address = urlsplit(login_address(Endpoints(), OURS, "s" * 64))
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://api.upstox.com/v2/login/authorization/dialog"
    assert parse_qs(address.query) == {
        "response_type": ["code"],
        "client_id": ["the-key"],
        "redirect_uri": ["http://127.0.0.1:5000/callback"],
        "state": ["s" * 64],
    }
    assert "canary" not in address.query


@pytest.mark.parametrize(
    "url", ["http://api.upstox.com", "ftp://x", "", "http://127.0.0.1.evil.example", "http://localhost.evil.example:80"]
)
def test_secrets_do_not_travel_in_the_clear(url):
    with pytest.raises(Refused):
        check_base(url)


def test_state_is_256_bits_and_never_the_same():
    words = {LoginState(0).word for _ in range(100)}
    assert len(words) == 100
    assert all(len(word) == 64 for word in words)


def test_state_accepts_its_own_word_once():
    state = LoginState(1_000)
    word = state.word
    for wrong in (None, "", word[:-1], word + "0", "0" * 64, word.upper() + "x", "हि"):
        with pytest.raises(Refused):
            state.accept(wrong, 1_001)
    state.accept(word, 1_002)
    with pytest.raises(Refused, match="used"):
        state.accept(word, 1_003)
    with pytest.raises(Refused):
        _ = state.word


@pytest.mark.parametrize("now", [STATE_LIFE_MS + 1, -1])
def test_a_late_state_is_refused_and_used_up(now):
    state = LoginState(0)
    word = state.word
    with pytest.raises(Refused):
        state.accept(word, now)
    with pytest.raises(Refused):
        state.accept(word, 1)


def serve(handler, work, path="/v2/login/authorization/token", method="POST", **options):
    """Run ``work(endpoints)`` against one handler."""

    async def play():
        app = web.Application()
        app.router.add_route(method, path, handler)
        server = TestServer(app)
        await server.start_server()
        try:
            base = f"http://127.0.0.1:{server.port}"
            return await work(Endpoints(base, base, **options))
        finally:
            await server.close()

    return asyncio.run(play())


def test_the_exchange_sends_the_five_fields_and_gives_the_token():
    got = {}

    async def handler(request):
        got.update(await request.post())
        got["agent"] = request.headers["User-Agent"]
        return web.json_response({"access_token": "tok", "user_name": "A"})

    token = serve(handler, lambda at: exchange_code(at, OURS, "code1", 1_790_000_000_000))
    assert token.access_token == "tok"
    assert got == {
        "code": "code1",
        "client_id": "the-key",
        "client_secret": "canary-secret",
        "redirect_uri": "http://127.0.0.1:5000/callback",
        "grant_type": "authorization_code",
        "agent": "tick-tick/0.1",
    }


@pytest.mark.parametrize(
    ("code", "words"),
    [("UDAPI100068", "must equal the one registered"), ("UDAPI100057", "used before"), ("UDAPI100069", "same app"), ("", "redirect URI")],
)
def test_a_refusal_says_which_value_to_check(code, words):
    async def handler(_request):
        return web.json_response({"status": "error", "errors": [{"error_code": code, "message": "canary-secret"}]}, status=400)

    with pytest.raises(Refused, match=words) as caught:
        serve(handler, lambda at: exchange_code(at, OURS, "code1", 0))
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("body", ["", "not json", "[]", '{"access_token": 5}', "{}", '{"access_token": "with space"}', "[" * 100_000])
def test_an_answer_without_a_token_is_refused(body):
    async def handler(_request):
        return web.Response(text=body)

    with pytest.raises(Refused):
        serve(handler, lambda at: exchange_code(at, OURS, "code1", 0))


def test_a_huge_answer_is_refused():
    async def handler(_request):
        return web.Response(text="x" * (MAX_REPLY_BYTES + 1))

    with pytest.raises(Refused, match="larger"):
        serve(handler, lambda at: exchange_code(at, OURS, "code1", 0))


def test_a_redirect_is_not_followed():
    async def handler(_request):
        return web.Response(status=307, headers={"Location": "http://127.0.0.1:1/steal"})

    with pytest.raises(Refused, match="307"):
        serve(handler, lambda at: exchange_code(at, OURS, "code1", 0))


def test_no_answer_in_time_is_ambiguous():
    async def handler(_request):
        await asyncio.sleep(3)
        return web.Response()

    with pytest.raises(Ambiguous, match="did not answer"):
        serve(handler, lambda at: exchange_code(at, OURS, "code1", 0), total_timeout_s=0.2)


def test_nobody_there_is_refused():
    with pytest.raises(Refused, match="cannot be reached"):
        asyncio.run(exchange_code(Endpoints("http://127.0.0.1:1", "http://127.0.0.1:1"), OURS, "code1", 0))


def test_the_profile_proves_the_token():
    async def handler(request):
        if request.headers["Authorization"] != "Bearer good":
            return web.json_response({}, status=401)
        return web.json_response({"status": "success", "data": {"user_id": "AB1"}})

    at = {"path": "/v2/user/profile", "method": "GET"}
    assert serve(handler, lambda e: fetch_profile(e, "good"), **at) == {"user_id": "AB1"}
    with pytest.raises(Unauthorised, match="ticktick login"):
        serve(handler, lambda e: fetch_profile(e, "bad"), **at)


def test_certificates_are_verified_by_default():
    # aiohttp takes this context when none is given, and none is given anywhere in authentication/.
    context = ssl.create_default_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
