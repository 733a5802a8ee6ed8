import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authentication.token import (
    DAY_MS,
    TokenKind,
    TokenState,
    claims,
    load_token,
    make_token,
    mark_rejected,
    oauth_expiry,
    rejected_at,
    save_token,
    slot,
    state_of,
)
from pipeline.core.errors import Refused
from pipeline.core.session import ist_clock, ist_ms


def jwt(**said) -> str:
    part = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{part}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("issued", "expires"),
    [
        (("2026-09-12", "13:57"), ("2026-09-13", "03:30")),  # read off a real token
        (("2026-09-15", "20:00"), ("2026-09-16", "03:30")),  # the broker's own example
        (("2026-09-16", "02:30"), ("2026-09-16", "03:30")),  # its second one: after midnight
        (("2026-09-16", "03:29:59"), ("2026-09-16", "03:30")),
        (("2026-09-16", "03:30"), ("2026-09-17", "03:30")),
        (("2026-12-31", "23:59:59"), ("2027-01-01", "03:30")),
        (("2028-02-28", "09:00"), ("2028-02-29", "03:30")),
    ],
)
def test_expiry_at_every_hour_of_login(issued, expires):
    assert oauth_expiry(ist_ms(*issued)) == ist_ms(*expires)


@given(st.integers(1_700_000_000_000, 2_000_000_000_000))
def test_expiry_is_the_next_half_past_three(issued):
    end = oauth_expiry(issued)
    assert 0 < end - issued <= DAY_MS
    assert ist_clock(end) == "03:30:00"


def test_the_tokens_own_word_goes_first():
    issued = ist_ms("2026-09-12", "13:57")
    token = make_token(jwt(exp=issued // 1000 + 60, isPlusPlan=True), TokenKind.OAUTH, issued)
    assert token.expires_ms == issued // 1000 * 1000 + 60_000
    assert token.is_plus


@pytest.mark.parametrize(
    "text", ["abc", "a.b.c", "a.%%.c", jwt(exp="soon"), jwt(exp=True), jwt(exp=-5), jwt(exp=1e300), "a." + "W" * 40 + ".c"]
)
def test_a_token_that_says_nothing_useful_gets_the_usual_end(text):
    issued = ist_ms("2026-09-12", "13:57")
    assert make_token(text, TokenKind.OAUTH, issued).expires_ms == oauth_expiry(issued)


def test_claims_of_anything_are_a_dict():
    assert claims("x.WzFd.y") == {}
    assert claims(jwt(sub="AB1234"))["sub"] == "AB1234"


def test_other_kinds_live_longer():
    assert make_token("abc", TokenKind.ANALYTICS, 0).expires_ms == 365 * DAY_MS
    assert make_token("abc", TokenKind.SANDBOX, 0).expires_ms == 30 * DAY_MS


@pytest.mark.parametrize("text", ["", "  ", "two words", "line\nbreak", "x" * 9_000, "nul\0", "हिन्दी"])
def test_what_may_not_stand_in_a_header_is_no_token(text):
    with pytest.raises(Refused, match="no access token"):
        make_token(text, TokenKind.OAUTH, 0)


def test_states_by_time():
    issued = ist_ms("2026-09-12", "09:00")
    end = ist_ms("2026-09-13", "03:30")
    token = make_token("abc", TokenKind.OAUTH, issued)
    assert state_of(None, issued) is TokenState.ABSENT
    assert state_of(token, issued) is TokenState.VALID
    assert state_of(token, end - 30 * 60_000) is TokenState.VALID
    assert state_of(token, end - 30 * 60_000 + 1) is TokenState.EXPIRING
    assert state_of(token, end - 1) is TokenState.EXPIRING
    assert state_of(token, end) is TokenState.EXPIRED
    assert [s for s in TokenState if s.is_usable] == [TokenState.VALID, TokenState.EXPIRING]


def test_saved_and_loaded_each_in_its_slot(tmp_path):
    path = tmp_path / "upstox.token.json"
    for kind in TokenKind:
        token = make_token(f"abc-{kind}", kind, 1_790_000_000_000)
        save_token(path, token)
        assert load_token(path, kind) == token
    assert sorted(p.name for p in tmp_path.iterdir()) == ["upstox.analytics.token.json", "upstox.sandbox.token.json", "upstox.token.json"]
    assert slot(path, TokenKind.OAUTH) == path


def test_the_mark_survives_and_a_new_login_clears_it(tmp_path):
    path = tmp_path / "upstox.token.json"
    old = make_token("old", TokenKind.OAUTH, 1_790_000_000_000)
    save_token(path, old)
    mark_rejected(path, "old", 1_790_000_000_500)
    loaded = load_token(path)
    assert loaded is not None
    assert state_of(loaded, 1_790_000_000_600) is TokenState.REJECTED
    save_token(path, make_token("new", TokenKind.OAUTH, 1_790_000_001_000))
    assert state_of(load_token(path), 1_790_000_002_000) is TokenState.VALID
    assert rejected_at(path, "old") == 1_790_000_000_500


def test_a_mark_against_an_old_token_leaves_the_new_one_alone(tmp_path):
    path = tmp_path / "upstox.token.json"
    save_token(path, make_token("new", TokenKind.OAUTH, 1_790_000_000_000))
    mark_rejected(path, "old", 1_790_000_000_500)
    assert state_of(load_token(path), 1_790_000_001_000) is TokenState.VALID
    assert rejected_at(path, "old") != 0


def test_marks_do_not_pile_up(tmp_path):
    path = tmp_path / "upstox.token.json"
    for n in range(30):
        mark_rejected(path, f"token-{n}", n + 1)
    assert rejected_at(path, "token-29") == 30
    assert rejected_at(path, "token-0") == 0
    assert load_token(path) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 9}', b'{"version": 1, "token": {"access_token": "canary"}}', b"[" * 50_000]
)
def test_a_damaged_record_is_refused_without_showing_it(tmp_path, content):
    path = tmp_path / "upstox.token.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Refused, match="delete it") as caught:
        load_token(path)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
