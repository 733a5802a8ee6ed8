import json

import pytest

from authentication.source import TokenSource
from authentication.token import TokenKind, make_token, save_token
from pipeline.core.errors import Unauthorised
from pipeline.core.session import ist_ms

NOON = ist_ms("2026-09-14", "12:00")


def source(tmp_path, environ=None, now=NOON):
    return TokenSource(tmp_path / "upstox.token.json", tmp_path / "credentials.json", environ or {}, lambda: now)


def write_credentials(tmp_path, **fields):
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(fields))
    path.chmod(0o600)


def test_none_names_the_command(tmp_path):
    with pytest.raises(Unauthorised, match="absent: run `ticktick login --open`"):
        source(tmp_path)()
    assert source(tmp_path).status()["state"] == "absent"


def test_the_stored_login_is_used_at_once(tmp_path):
    tokens = source(tmp_path)
    save_token(tmp_path / "upstox.token.json", make_token("first", TokenKind.OAUTH, NOON))
    assert tokens() == "first"
    save_token(tmp_path / "upstox.token.json", make_token("second", TokenKind.OAUTH, NOON))
    assert tokens() == "second"


def test_the_environment_wins_then_login_then_analytics_then_credentials(tmp_path):
    write_credentials(tmp_path, access_token="from-credentials")
    assert source(tmp_path)() == "from-credentials"
    save_token(tmp_path / "upstox.token.json", make_token("from-console", TokenKind.ANALYTICS, NOON))
    assert source(tmp_path)() == "from-console"
    save_token(tmp_path / "upstox.token.json", make_token("from-login", TokenKind.OAUTH, NOON))
    assert source(tmp_path)() == "from-login"
    assert source(tmp_path, {"UPX_ACCESS_TOKEN": "from-upx"})() == "from-upx"
    assert source(tmp_path, {"UPX_ACCESS_TOKEN": "from-upx", "UPSTOX_ACCESS_TOKEN": "from-env"})() == "from-env"


def test_an_expired_login_gives_way_to_a_usable_token(tmp_path):
    save_token(tmp_path / "upstox.token.json", make_token("yesterday", TokenKind.OAUTH, ist_ms("2026-09-13", "09:00")))
    with pytest.raises(Unauthorised, match="expired"):
        source(tmp_path)()
    save_token(tmp_path / "upstox.token.json", make_token("console", TokenKind.ANALYTICS, NOON))
    assert source(tmp_path)() == "console"


def test_a_rejected_token_stays_rejected_wherever_it_lies(tmp_path):
    tokens = source(tmp_path, {"UPSTOX_ACCESS_TOKEN": "from-env"})
    tokens.reject("from-env")
    with pytest.raises(Unauthorised, match="rejected"):
        source(tmp_path, {"UPSTOX_ACCESS_TOKEN": "from-env"})()
    assert source(tmp_path, {"UPSTOX_ACCESS_TOKEN": "another"})() == "another"


@pytest.mark.parametrize("expires", [str(NOON - 1), "2026-09-14T11:59:59+05:30", "2026-09-14T11:59:59", "2026-09-14 06:29:00+00:00"])
def test_credentials_may_say_when_their_token_ends(tmp_path, expires):
    write_credentials(tmp_path, access_token="x", token_expires_at=expires)
    assert source(tmp_path).status()["state"] == "expired"


def test_status_tells_dates_and_never_the_token(tmp_path):
    save_token(tmp_path / "upstox.token.json", make_token("canary-token", TokenKind.OAUTH, NOON))
    told = source(tmp_path).status()
    assert told == {"state": "valid", "kind": "oauth", "issued_ms": NOON, "expires_ms": ist_ms("2026-09-15", "03:30"), "next": ""}
    assert source(tmp_path, now=ist_ms("2026-09-15", "03:10")).status()["state"] == "expiring"
