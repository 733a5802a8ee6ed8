"""Secrets never get out, in whatever clothes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.run.redaction import MASK, forget_secrets, redact, register_secret

JWT = "eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiI0MkFCIn0.abcDEF-_123"


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    forget_secrets()


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer s3cretvalue99",
        f"token {JWT} end",
        "https://127.0.0.1:5000/callback?code=s3cretvalue99&state=x",
        "GET /callback?state=x&code=s3cretvalue99",
        "client_secret=s3cretvalue99",
        "client_secret%3Ds3cretvalue99",
        json.dumps({"api_secret": "s3cretvalue99"}),
        json.dumps({"event": json.dumps({"access_token": "s3cretvalue99"})}),
        "{'access_token': 's3cretvalue99'}",
        "redis://:s3cretvalue99@10.0.0.1:6379/2",
        "unix://:s3cretvalue99@/run/redis.sock?db=2",
        "redis://user:s3cretvalue99@10.0.0.1:6379/2",
    ],
)
def test_patterns_are_masked_though_nobody_registered_them(text: str):
    assert "s3cretvalue99" not in redact(text)
    assert JWT not in redact(text)
    assert MASK in redact(text)


@pytest.mark.parametrize(
    "text", ["code=price_band", '{"code": "max_positions"}', "token valid until 03:30", "exit code 3", "secretary", "NSE_EQ|INE002A01018"]
)
def test_ordinary_words_stay(text: str):
    assert redact(text) == text


@given(st.text(min_size=4, max_size=40))
def test_a_registered_secret_goes_in_all_its_forms(secret: str):
    register_secret(secret)
    for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote_plus(secret)):
        assert form in MASK or form not in redact(f"<{form}>").replace(MASK, "\0")
    forget_secrets()


def test_a_very_short_secret_is_no_secret():
    register_secret("abc")
    assert redact("abcdef") == "abcdef"
