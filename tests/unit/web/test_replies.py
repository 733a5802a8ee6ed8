import asyncio
import json

import pytest
from aiohttp import web

from web.replies import error, texts


class Request:
    def __init__(self, body):
        self.body = body

    async def json(self):
        return json.loads(self.body)


def read(body):
    return asyncio.run(texts(Request(body), frozenset({"word", "nonce"})))


def test_a_refusal_is_json_with_its_status():
    answer = error(409, "it holds already")
    assert (answer.status, json.loads(answer.text)) == (409, {"error": "it holds already"})


def test_exactly_these_texts_are_taken():
    assert read('{"word": "halt", "nonce": "x"}') == {"word": "halt", "nonce": "x", "typed": ""}
    assert read('{"word": "halt", "nonce": "x", "typed": "KILL"}')["typed"] == "KILL"
    for body in ('{"word": "halt"}', '{"word": 1, "nonce": "x"}', '{"word": "a", "nonce": "x", "more": "y"}', "[]", "{", "[" * 100_000):
        with pytest.raises(web.HTTPBadRequest):
            read(body)
