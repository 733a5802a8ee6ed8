"""T10 and T11 of the threat model: file modes swept, a canary that must never show."""

import json
import logging
import pickle
import traceback

import pytest

from authentication.private_file import read_private
from authentication.source import TokenSource
from authentication.token import TokenKind, load_token, make_token, mark_rejected, save_token
from authentication.upstox_client import Credentials, load_credentials
from pipeline.core.errors import Refused

CANARY = "canary-5f1d2c"


def test_only_0600_and_0400_are_read(tmp_path):
    path = tmp_path / "upstox.token.json"
    save_token(path, make_token(CANARY, TokenKind.OAUTH, 1_790_000_000_000))
    accepted = []
    said = set()
    for mode in range(0o1000):
        path.chmod(mode)
        try:
            load_token(path)
        except Refused as refusal:
            said.add(str(refusal).replace(f"{mode:04o}", "MODE"))
        else:
            accepted.append(mode)
    path.chmod(0o600)
    assert accepted == [0o400, 0o600]
    assert all("chmod 600" in text and "\n" not in text and CANARY not in text for text in said)


def test_the_credentials_file_is_held_to_the_same(tmp_path):
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({"api_key": "k", "api_secret": CANARY, "redirect_uri": "http://127.0.0.1:1/c"}))
    accepted = []
    for mode in (0o400, 0o600, 0o604, 0o640, 0o644, 0o660, 0o700, 0o777, 0o200, 0o000):
        path.chmod(mode)
        try:
            load_credentials(path, {})
        except Refused:
            continue
        accepted.append(mode)
    path.chmod(0o600)
    assert accepted == [0o400, 0o600]


def test_a_file_of_another_user_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "t"
    path.write_bytes(b"x")
    path.chmod(0o600)
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(Refused, match="belongs to another user"):
        read_private(path)


def test_the_canary_is_in_no_repr_and_no_text():
    token = make_token(CANARY, TokenKind.OAUTH, 0)
    ours = Credentials("k", CANARY, "http://127.0.0.1:1/c", CANARY)
    for thing in (token, ours, [token], {"t": ours}):
        assert CANARY not in repr(thing)
        assert CANARY not in str(thing)
        assert CANARY not in f"{thing}"
    assert CANARY not in token.fingerprint


def test_the_canary_is_in_no_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "upstox.token.json"
    save_token(path, make_token(CANARY, TokenKind.OAUTH, 1_790_000_000_000))
    source = TokenSource(path, tmp_path / "none.json", {"UPSTOX_ACCESS_TOKEN": CANARY}, lambda: 1_790_000_000_001)
    logging.getLogger("x").info("state %s %s", source.status(), source.current())
    mark_rejected(path, CANARY, 5)
    assert CANARY not in caplog.text


def test_the_canary_is_in_no_traceback(tmp_path):
    path = tmp_path / "upstox.token.json"
    for content in (f'{{"access_token": "{CANARY}"', json.dumps({"version": 1, "token": {"access_token": CANARY, "kind": CANARY}})):
        path.write_text(content)
        path.chmod(0o600)
        try:
            load_token(path)
        except Refused:
            assert CANARY not in traceback.format_exc()
        else:
            pytest.fail("a damaged record was read")


def test_a_mark_does_not_store_the_token(tmp_path):
    path = tmp_path / "upstox.token.json"
    mark_rejected(path, CANARY, 5)
    assert CANARY.encode() not in path.read_bytes()


def test_a_token_is_no_pickle_by_accident(tmp_path):
    save_token(tmp_path / "upstox.token.json", make_token("abc", TokenKind.OAUTH, 0))
    with pytest.raises(Exception):
        pickle.loads((tmp_path / "upstox.token.json").read_bytes())
