"""A rest client that writes down what it was told, and one that tells it again: same request, same answer, in the same order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.broker.rest import Call, RestClient, RestConfig

PATH = Path(__file__).resolve().parents[1] / "data" / "recorded_orders.json"
GTT_PATH = PATH.with_name("recorded_gtts.json")


def _key(call: Call) -> list[Any]:
    return [call.method, call.path, dict(call.query or {}), call.body]


class RecordingClient(RestClient):
    """Passes calls on, and keeps them with their answers in ``kept``."""

    def __init__(self, config: RestConfig, token: Any, kept: list[list[Any]]) -> None:
        super().__init__(config, token)
        self.kept = kept

    def _call(self, call: Call, token: str, limit: int) -> tuple[int, bytes]:
        status, body = super()._call(call, token, limit)
        self.kept.append([_key(call), status, json.loads(body)])
        return status, body


class ToldClient(RestClient):
    """Answers from a recording; a request that is not the next one of it fails the test."""

    def __init__(self, told: list[list[Any]]) -> None:
        super().__init__(RestConfig("http://127.0.0.1:9"))
        self.told = told

    def _call(self, call: Call, token: str, limit: int) -> tuple[int, bytes]:
        key, status, body = self.told.pop(0)
        assert _key(call) == key
        return status, json.dumps(body).encode()
