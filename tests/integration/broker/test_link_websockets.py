"""What is the websockets library's alone: its queue is bounded. The rest is in tests/exam/test_links_exam.py."""

from pipeline.broker.link import ArrivalKind, LinkConfig
from pipeline.broker.link_websockets import MAX_WAITING, WebsocketsLinks
from tests.fakes.broker_server import FeedServer, eventually


def test_the_queue_is_bounded_and_nothing_is_lost():
    total = 4 * MAX_WAITING
    server = FeedServer([*[b"%d" % n for n in range(total)], ("close", 1001)])
    links = WebsocketsLinks(LinkConfig(server.url))
    try:
        links.connect(0, "good", {"full": ["A"]})
        eventually(lambda: links.waiting.full())
        found = []
        eventually(lambda: bool(found.extend(links.receive(0.05))) or (bool(found) and found[-1][1] is ArrivalKind.LOST), 20)
        frames = [what for _, kind, what, _ in found if kind is ArrivalKind.FRAME]
        assert frames == [b"%d" % n for n in range(total)]
        assert links.waiting.qsize() == 0
    finally:
        links.close()
        server.stop()


def test_one_receive_gives_no_more_than_may_wait():
    server = FeedServer([*[b"x"] * (2 * MAX_WAITING), ("close", 1001)])
    links = WebsocketsLinks(LinkConfig(server.url))
    try:
        links.connect(0, "good", {"full": ["A"]})
        eventually(lambda: links.waiting.full())
        assert len(links.receive(0.0)) <= MAX_WAITING
    finally:
        links.close()
        server.stop()
