"""What is picows' alone: the loop turns only while somebody receives. The rest is in tests/exam/test_links_exam.py."""

import socket
import threading
import time

import pytest

from pipeline.broker.link import ArrivalKind, LinkConfig
from pipeline.broker.link_picows import PicowsLinks
from tests.fakes.broker_server import FeedServer, HttpServer, eventually, ok


@pytest.fixture
def links():
    made = []

    def make(url):
        made.append(PicowsLinks(LinkConfig(url)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_what_nobody_asks_for_is_held_back_by_tcp(links):
    """A sender is stopped after what the kernel holds, however long nobody receives; nothing is lost."""
    sent, total = [0], 600
    frame = bytes(100_000)

    def flood(_number: int) -> None:
        connection = server.connections[0]
        for _ in range(total):
            connection.send(frame)
            sent[0] += 1

    server = FeedServer([flood, ("close", 1001)])
    try:
        ours = links(server.url)
        ours.connect(0, "good", {"full": ["A"]})
        found = []
        eventually(lambda: bool(found.extend(ours.receive(0.05))) or any(kind is ArrivalKind.FRAME for _, kind, _, _ in found))
        stood = [-1, 0.0]

        def stands_still() -> bool:
            if sent[0] != stood[0]:
                stood[:] = [sent[0], time.monotonic()]
            return time.monotonic() - stood[1] > 0.5

        eventually(stands_still, 20)
        assert sent[0] < total
        eventually(lambda: bool(found.extend(ours.receive(0.05))) or found[-1][1] is ArrivalKind.LOST, 20)
        assert sum(kind is ArrivalKind.FRAME for _, kind, _, _ in found) == total
    finally:
        server.stop()


def test_the_request_is_a_plain_one(links):
    """No compression is offered, our name is said, and the address is used as it was given."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            raw, _ = listener.accept()
            with raw:
                asked.append(raw.recv(4_096))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        address = f"ws://127.0.0.1:{listener.getsockname()[1]}/feeds?requestId=1&code=abc"
        server = HttpServer(lambda _p, _q, _h: ok({"authorized_redirect_uri": address}))
        try:
            ours = links(server.url)
            ours.connect(0, "tok", {"full": ["A"]})
            eventually(lambda: bool(ours.receive(0.05)))
        finally:
            server.stop()
        thread.join(5)
    lines = asked[0].decode().split("\r\n")
    assert lines[0] == "GET /feeds?requestId=1&code=abc HTTP/1.1"
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
    assert headers["user-agent"].startswith("tick-tick/")
    assert not {"sec-websocket-extensions", "authorization", "cookie"} & set(headers)


def test_closing_says_goodbye(links):
    server = FeedServer([b"a"])
    try:
        ours = links(server.url)
        ours.connect(0, "good", {"full": ["A"]})
        eventually(lambda: any(kind is ArrivalKind.FRAME for _, kind, _, _ in ours.receive(0.05)))
        ours.close()
        eventually(lambda: server.connections[0].close_code is not None)
        assert server.connections[0].close_code == 1001
    finally:
        server.stop()
