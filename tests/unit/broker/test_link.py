import json
import ssl

import pytest

from pipeline.broker.link import LinkConfig, LinkLost, authorise, control, failure, require_client, subscriptions, turned_away
from pipeline.core.errors import Ambiguous, Refused, Unauthorised
from tests.fakes.broker_server import HttpServer, error, ok


def ask(answer, token="tok"):
    server = HttpServer(lambda _path, _query, _handler: answer)
    try:
        return authorise(LinkConfig(server.url), token), server.asked
    finally:
        server.stop()


def test_a_subscription_is_json_in_bytes():
    (frame,) = control("sub", "full", ["NSE_EQ|INE002A01018", "NSE_INDEX|Nifty 50"])
    assert isinstance(frame, bytes)
    plain = json.loads(frame)
    assert plain.pop("guid") != json.loads(next(control("sub", "full", ["A"])))["guid"]
    assert plain == {"method": "sub", "data": {"mode": "full", "instrumentKeys": ["NSE_EQ|INE002A01018", "NSE_INDEX|Nifty 50"]}}


def test_leaving_names_no_mode_and_nothing_asks_for_nothing():
    assert json.loads(next(control("unsub", "", ["A"])))["data"] == {"instrumentKeys": ["A"]}
    assert list(control("sub", "full", [])) == []


def test_each_mode_has_its_frames_in_portions():
    frames = [json.loads(frame) for frame in subscriptions({"full": ["A"], "ltpc": [str(n) for n in range(501)]})]
    assert [(f["data"]["mode"], len(f["data"]["instrumentKeys"])) for f in frames] == [("full", 1), ("ltpc", 500), ("ltpc", 1)]


def test_only_401_is_the_token():
    assert isinstance(turned_away(401), Unauthorised)
    assert all(type(turned_away(status)) is Refused for status in (403, 404, 429, 500, 503))


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ssl.SSLError(), Refused), (ConnectionRefusedError(), Ambiguous), (TimeoutError(), Ambiguous), (ValueError(), Refused), (Unauthorised("x"), Unauthorised)],
)  # fmt: skip
def test_what_goes_wrong_becomes_an_error_of_the_house(error, kind):
    assert type(failure(error)) is kind


def test_an_unknown_client_is_refused_with_the_nearest():
    require_client("picows")
    with pytest.raises(Refused, match="did you mean 'websockets'"):
        require_client("websocket")


def test_a_loss_tells_code_and_reason_in_one_line():
    assert str(LinkLost(1000, "session over")) == "1000 session over"
    assert str(LinkLost(1006, "")) == "1006"
    assert len(str(LinkLost(1011, "x" * 500))) < 100


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
