"""A visitor of the page without a browser: says any header it likes, as an attacker would."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Visitor:
    """``cookie`` is what the page gave at its last load; empty before."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 0
        self.origin = f"http://{self.host}:{self.port}"
        self.cookie = ""

    def ask(self, method: str, path: str, headers: dict[str, str] | list[tuple[str, str]] = (), body: bytes = b"") -> Answer:
        """Send exactly these headers; Host is ours unless given."""
        given = list(headers.items()) if isinstance(headers, dict) else list(headers)
        link = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            link.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            if not any(name.lower() == "host" for name, _ in given):
                link.putheader("Host", f"{self.host}:{self.port}")
            for name, value in given:
                link.putheader(name, value)
            if body or method == "POST":
                link.putheader("Content-Length", str(len(body)))
            link.endheaders(body)
            reply = link.getresponse()
            return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        finally:
            link.close()

    def load(self) -> Answer:
        """Open the page and keep its session."""
        page = self.ask("GET", "/")
        self.cookie = page.headers["set-cookie"].split(";")[0]
        return page

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status == 200, (answer.status, answer.body)
        return answer.json

    def own_headers(self) -> dict[str, str]:
        return {"Origin": self.origin, "Cookie": self.cookie, "Content-Type": "application/json", "X-Ticktick": "1"}

    def post(self, path: str, body: Any, **changed: str) -> Answer:
        """Post as our own page does; ``changed`` replaces headers (an empty one is left out)."""
        headers = {name: value for name, value in {**self.own_headers(), **changed}.items() if value}
        return self.ask("POST", path, headers, body if isinstance(body, bytes) else json.dumps(body).encode())

    def confirm(self, wish: Any, **changed: str) -> Answer:
        return self.post("/api/v1/confirm", wish, **changed)

    def stop(self, word: str, typed: str = "") -> Answer:
        """Arm the emergency button and pull."""
        armed = self.post("/api/v1/stop/arm", {})
        assert armed.status == 200, armed.body
        return self.post("/api/v1/stop", {"word": word, "nonce": armed.json["nonce"], "typed": typed})

    def wish(self, recommendation_id: str, answer: str = "confirm") -> dict[str, str]:
        """Compose a valid answer, with the nonce the page was given."""
        found = next(r for r in self.get("/api/v1/recommendations")["recommendations"] if r["id"] == recommendation_id)
        return {"recommendation_id": recommendation_id, "answer": answer, "nonce": found["nonce"]}
