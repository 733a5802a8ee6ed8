import base64
import json

import pytest

from pipeline.core.session import ist_ms
from pipeline.simulator.answers import ApiError
from pipeline.simulator.tokens import Grant, Tokens, next_half_past_three

GRANT = Grant("key", "http://127.0.0.1/cb")


def test_a_code_works_once():
    tokens = Tokens()
    code = tokens.authorise(GRANT.client_id, GRANT.redirect_uri)
    token = tokens.exchange(code, GRANT, "secret")
    assert tokens.check(f"Bearer {token}") == token
    with pytest.raises(ApiError, match="Auth code"):
        tokens.exchange(code, GRANT, "secret")


@pytest.mark.parametrize(
    ("grant", "secret", "code"), [(Grant("other", GRANT.redirect_uri), "s", "UDAPI100068"), (GRANT, "wrong", "UDAPI100069")]
)
def test_what_does_not_match_is_refused_and_uses_the_code_up(grant, secret, code):
    tokens = Tokens(secret="right")
    made = tokens.authorise(GRANT.client_id, GRANT.redirect_uri)
    for expected in (code, "UDAPI100057"):
        with pytest.raises(ApiError) as caught:
            tokens.exchange(made, grant, secret)
        assert caught.value.code == expected


def test_tokens_die():
    tokens = Tokens(life_s=1e-9)
    with pytest.raises(ApiError) as caught:
        tokens.check(f"Bearer {tokens.issue()}")
    assert (caught.value.status, caught.value.code) == (401, "UDAPI100050")
    living = Tokens()
    one, two = living.issue(), living.issue()
    living.revoke(one)
    assert living.check(f"Bearer {two}")
    living.revoke()
    for token in (one, two):
        with pytest.raises(ApiError):
            living.check(f"Bearer {token}")


def test_a_token_ends_at_half_past_three():
    part = Tokens().issue().split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert (claims["exp"] * 1000 + 19_800_000) % 86_400_000 == 12_600_000
    assert next_half_past_three(ist_ms("2026-09-12", "13:57")) == ist_ms("2026-09-13", "03:30")
    assert next_half_past_three(ist_ms("2026-09-13", "01:00")) == ist_ms("2026-09-13", "03:30")


def test_feed_codes_work_once():
    tokens = Tokens()
    code = tokens.feed_code()
    assert tokens.use_feed_code(code)
    assert not tokens.use_feed_code(code)
    assert not tokens.use_feed_code("")
