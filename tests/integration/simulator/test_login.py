import urllib.error
import urllib.parse
import urllib.request

from pipeline.simulator.config import SimulatorConfig
from tests.fakes.live_simulator import live_simulator


class Stop(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def dialog(sim, **query):
    try:
        urllib.request.build_opener(Stop).open(f"{sim.base}/v2/login/authorization/dialog?{urllib.parse.urlencode(query)}", timeout=10)
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Location", "")
    raise AssertionError


def exchange(sim, **form):
    import json

    request = urllib.request.Request(f"{sim.base}/v2/login/authorization/token", urllib.parse.urlencode(form).encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_code_for_token_profile_logout(still):
    app = {"client_id": "key", "redirect_uri": "http://127.0.0.1:5000/callback?x=1"}
    status, location = dialog(still, response_type="code", state="abc", **app)
    answer = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)
    assert (status, answer["state"], answer["x"]) == (302, ["abc"], ["1"])
    form = {"code": answer["code"][0], "client_secret": "s", "grant_type": "authorization_code", **app}
    status, reply = exchange(still, **form)
    assert (status, reply["user_id"], reply.get("token_type", None)) == (200, "SIM001", None)
    token = reply["access_token"]
    assert still.call("GET", "/v2/user/profile", token=token)[1]["data"]["user_type"] == "individual"
    assert exchange(still, **form)[0] == 401
    assert still.call("DELETE", "/v2/logout", token=token)[1]["data"] is True
    assert still.call("GET", "/v2/user/profile", token=token)[0] == 401


def test_bad_requests(still):
    assert dialog(still, response_type="code")[0] == 400
    assert exchange(still, grant_type="password")[0] == 400
    assert still.call("POST", "/v3/login/auth/token/request/key", {"client_secret": "s"})[1]["data"]["authorization_expiry"].isdecimal()


def test_a_short_life():
    with live_simulator(SimulatorConfig(session="09:15-09:16", token_life_s=1e-6)) as sim:
        assert sim.call("GET", "/v2/user/profile")[0] == 401
