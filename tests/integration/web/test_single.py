"""One entry cancelled, one position closed, from the page: two steps, and only what is there."""

from __future__ import annotations

import pytest

from pipeline.core import schema
from pipeline.core.broker import Word
from pipeline.core.schema import CONTROLS, Role
from pipeline.core.types import OrderEvent, Side
from pipeline.store import codec
from tests.fakes.chromium import Page
from tests.fakes.day_in_redis import NOW, Day
from tests.fakes.page_server import PageServer
from tests.fakes.visitor import Visitor

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def day(redis_urls) -> Day:
    day = Day(redis_urls)
    day.write_all()
    for status, order_id in (("SENDING", ""), ("ACCEPTED", "B9")):
        day.add(schema.ORDERS, OrderEvent(NOW, order_id, "i9", "TCS", Side.BUY, "entry", status, 5, 0, 5, 3_120_00, 0.0, "", "tt-i9", 0))
    day.add(schema.ORDERS, OrderEvent(NOW, "B8", "i8", "SBIN", Side.SELL, "stop", "ACCEPTED", 51, 0, 51, 0, 0.0, "", "tx-i8", 800_00))
    return day


@pytest.fixture
def visitor(day, redis_urls):
    with PageServer(redis_urls) as url:
        visitor = Visitor(url)
        visitor.load()
        yield visitor


def said(day: Day) -> list:
    found = [codec.decode(CONTROLS, fields) for _, fields in day.clients[Role.DERIVED].xrange(CONTROLS.name)]
    return [(c.word, c.what, c.source, c.ts) for c in found]


def act(visitor: Visitor, word: str, what: str):
    nonce = visitor.post("/api/v1/stop/arm", {}).json["nonce"]
    return visitor.post("/api/v1/single", {"word": word, "what": what, "nonce": nonce})


def test_what_is_there_is_cancelled_and_closed(visitor, day):
    assert act(visitor, "cancel", "i9").json["words"] == "cancelling i9"
    assert act(visitor, "close", "SBIN").json["words"] == "closing SBIN at market"
    assert said(day) == [(Word.CANCEL, "i9", "page", NOW), (Word.CLOSE, "SBIN", "page", NOW)]


@pytest.mark.parametrize(
    ("word", "what", "status", "told"),
    [
        ("cancel", "nothing", 404, "bears that id"),
        ("cancel", "i8", 404, "close SBIN instead"),
        ("close", "ITC", 404, "nothing of ours is held in 'ITC'"),
        ("close", "", 404, "nothing of ours"),
        ("flatten", "SBIN", 400, "word must be one of"),
    ],
)
def test_what_is_not_there_is_one_line(visitor, day, word, what, status, told):
    found = act(visitor, word, what)
    assert (found.status, told in found.json["error"]) == (status, True)
    assert said(day) == []


def test_it_takes_two_steps_and_an_order_process_that_lives(visitor, day):
    assert visitor.post("/api/v1/single", {"word": "close", "what": "SBIN", "nonce": "x"}).status == 403
    day.beat("orders", age_ms=60_000)
    assert act(visitor, "close", "SBIN").status == 409
    assert said(day) == []


def test_in_the_browser_it_stands_in_the_stop_box(day, redis_urls, browser):
    with PageServer(redis_urls) as url:
        page: Page = browser.open(url)
        page.wait("document.querySelectorAll('#watch tbody tr').length > 0")
        page.run("document.getElementById('stop').click()")
        page.wait("!document.querySelector('#stop-singles button').disabled")
        listed = page.run("[...document.querySelectorAll('#stop-singles button')].map((b) => b.innerText).join('|')")
        assert listed == "Close ICICIBANK +36|Close SBIN +51|Cancel BUY TCS 5 at 3,120.00"
        page.run("document.querySelectorAll('#stop-singles button')[1].click()")
        page.wait("!document.getElementById('stop-box').open")
        page.wait("document.getElementById('toast').innerText.includes('closing SBIN')")
        assert [one[:2] for one in said(day)] == [(Word.CLOSE, "SBIN")]
        assert page.complaints == []
        page.go("about:blank")
