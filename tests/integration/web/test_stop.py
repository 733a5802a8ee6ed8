"""The emergency button: in a browser over composed data, at the server, and against a simulator with Redis gone."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from authentication.token import TokenKind, make_token, save_token
from pipeline.core import schema
from pipeline.core.broker import Word
from pipeline.core.schema import CONTROLS, Role
from pipeline.core.session import ist_ms
from pipeline.run.access import now_ms
from pipeline.run.emergency import halt_file, read, say
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from pipeline.store import codec
from pipeline.store.server import start
from tests.fakes.chromium import Page
from tests.fakes.day_in_redis import NOW, Day
from tests.fakes.doors import wait_for
from tests.fakes.live_simulator import live_simulator
from tests.fakes.page_server import PageServer
from tests.fakes.visitor import Visitor
from web import stop

pytestmark = pytest.mark.xdist_group("browser")
LEVELS = ("pause", "halt", "flatten")


@pytest.fixture
def day(redis_urls) -> Day:
    day = Day(redis_urls)
    day.write_all()
    day.add(schema.TICKS, _frame())
    return day


def _frame():
    from tests.fakes.trading import frame

    return frame(NOW, (0, 99.95, 100.05))


@pytest.fixture
def server(day, redis_urls) -> Iterator[PageServer]:
    running = PageServer(redis_urls)
    with running as url:
        running.url = url
        yield running


@pytest.fixture
def visitor(server) -> Visitor:
    visitor = Visitor(server.url)
    visitor.load()
    return visitor


@pytest.fixture
def page(server, browser) -> Iterator[Page]:
    page = browser.open(server.url)
    page.wait("document.querySelectorAll('#watch tbody tr').length > 0")
    yield page
    page.go("about:blank")


def words(day: Day) -> list:
    found = [codec.decode(CONTROLS, fields) for _, fields in day.clients[Role.DERIVED].xrange(CONTROLS.name)]
    return [(c.word, c.source, c.who, c.ts) for c in found]


def text(page: Page, selector: str) -> str:
    return page.run(f"document.querySelector({json.dumps(selector)}).innerText")


# ---------------------------------------------------------------- in the browser


def test_two_keys_halt_and_the_page_says_so(page, day):
    assert page.run("document.getElementById('halt').hidden") is True
    page.key("s")
    page.wait("document.getElementById('stop-box').open && !document.querySelector('#stop-levels button').disabled")
    assert words(day) == [], "the first step says nothing"
    page.key("2")
    page.wait("!document.getElementById('halt').hidden")
    assert words(day) == [(Word.HALT, "page", "127.0.0.1", NOW)]
    assert text(page, "#halt-title") == "HALTED"
    assert "by page (127.0.0.1)" in text(page, "#halt-since")
    assert "since 11:42:17" in text(page, "#halt-since")
    assert "on its way" in text(page, "#halt-taken")
    assert "ticktick resume" in text(page, "#halt-lift")
    assert page.run("document.title").startswith("■ HALTED")
    page.wait("document.getElementById('alerts').innerText.includes('has not taken it yet')")
    day.hash(schema.HEALTH, ("orders",), {"word": "halt"})
    page.wait("document.getElementById('halt-taken').innerText.includes('obeys')")
    page.wait("document.getElementById('alerts').hidden")
    assert page.run("document.querySelector('.card.open button.confirm').disabled") is True
    assert page.run("document.querySelector('.card.open button.reject').disabled") is False
    assert "nothing is sent" in text(page, ".card.open .drift")
    say(day.clients, Word.RESUME, "command")
    day.hash(schema.HEALTH, ("orders",), {"word": ""})
    page.wait("document.getElementById('halt').hidden")
    assert not page.run("document.title").startswith("■")
    assert page.complaints == []


def test_one_key_or_one_click_is_not_enough(page, day):
    for key in ("1", "2", "3", "4", "Enter"):
        page.key(key)
    page.run("document.getElementById('stop').click()")
    page.wait("!document.querySelector('#stop-levels button').disabled")
    page.key("x")
    page.run("document.getElementById('stop-cancel').click()")
    page.key("3")
    page.wait("!document.getElementById('stop-box').open")
    assert words(day) == []


def test_a_box_that_was_closed_in_the_same_breath_takes_no_key(page, day):
    page.run("document.getElementById('stop').click()")
    page.wait("!document.querySelector('#stop-levels button').disabled")
    page.run("""document.querySelector('#stop-levels button').focus();
        document.getElementById('stop-box').close();
        document.querySelector('#stop-levels button').dispatchEvent(new KeyboardEvent('keydown', {key: '3', bubbles: true}));""")
    page.run("document.getElementById('stop').click()")  # what was said before would have come before this
    page.wait("!document.querySelector('#stop-levels button').disabled")
    assert words(day) == []


def test_a_click_flattens_and_milder_levels_are_shut_then(page, day):
    page.run("document.getElementById('stop').click()")
    page.wait("!document.querySelector('#stop-levels button').disabled")
    page.wait("document.activeElement.dataset.word === 'halt'")
    page.run("document.querySelector('#stop-levels button[data-word=flatten]').click()")
    page.wait("document.getElementById('halt-title').innerText === 'HALTED · FLATTEN'")
    page.key("s")
    page.wait("document.getElementById('stop-note').innerText.includes('Choose a level')")
    shut = "[...document.querySelectorAll('#stop-levels button')].map((b) => b.disabled).join()"
    assert page.run(shut) == "true,true,true,true"
    assert "no broker outside" in text(page, "#stop-levels .kill .why-not")
    assert [w[0] for w in words(day)] == [Word.FLATTEN]


def test_it_works_by_keyboard_alone_and_fits(page):
    for width, height in ((1440, 900), (390, 844), (320, 640)):
        page.size(width, height, is_phone=width < 700)
        page.wait(f"window.innerWidth === {width}")
        page.key("s")
        page.wait("document.getElementById('stop-box').open && !document.querySelector('#stop-levels button').disabled")
        for selector in ("#stop", "#stop-box", "#stop-levels .kill p"):
            box = page.run(
                f"(() => {{ const r = document.querySelector('{selector}').getBoundingClientRect(); return [r.left, r.right]; }})()"
            )
            assert box[0] >= 0
            assert box[1] <= width, selector
        assert page.run("document.documentElement.scrollWidth") <= width
        page.run("document.getElementById('stop-cancel').click()")
    page.size(1440, 900)


def test_a_restarted_dashboard_still_takes_it(day, redis_urls, browser):
    from web.server import Address

    with PageServer(redis_urls) as url:
        page = browser.open(url)
        page.wait("document.getElementById('link').dataset.state === 'up'")
    with PageServer(redis_urls, address=Address(port=int(url.rstrip("/").rpartition(":")[2]))):
        page.key("s")
        page.wait("!document.querySelector('#stop-levels button').disabled")
        page.key("1")
        wait_for(lambda: [w[0] for w in words(day)] == [Word.PAUSE], "the pause", 10)
        page.go("about:blank")


# ---------------------------------------------------------------- at the server


def test_each_level_is_said_once_and_a_milder_one_no_more(visitor, day):
    for word in LEVELS:
        assert visitor.stop(word).json["word"] == word
        again = visitor.stop(word)
        assert (again.status, "holds already" in again.json["error"]) == (409, True)
    assert [w[0] for w in words(day)] == list(LEVELS)
    assert visitor.stop("pause").status == 409


def test_of_pulls_at_the_same_time_one_wins(visitor, day):
    with ThreadPoolExecutor(8) as pool:
        found = sorted(pool.map(lambda _n: visitor.stop("halt").status, range(8)))
    assert found == [200] + [409] * 7
    assert len(words(day)) == 1


def test_arming_lasts_for_half_a_minute_and_one_pull(visitor, day, monkeypatch):
    nonce = visitor.post("/api/v1/stop/arm", {}).json["nonce"]
    assert visitor.post("/api/v1/stop", {"word": "pause", "nonce": nonce}).status == 200
    assert visitor.post("/api/v1/stop", {"word": "halt", "nonce": nonce}).status == 403
    monkeypatch.setattr(stop, "ARMED_S", 0.0)
    late = visitor.stop("halt")
    assert (late.status, "press STOP again" in late.json["error"]) == (403, True)
    assert [w[0] for w in words(day)] == [Word.PAUSE]


def test_a_confirmation_is_refused_while_it_holds(visitor, day):
    wish = visitor.wish("r-1")
    visitor.stop("pause")
    day.hash(schema.HEALTH, ("orders",), {"word": "pause"})
    wait_for(lambda: visitor.get("/api/v1/state")["halt"]["is_taken"], "the word to be taken", 10)
    refused = visitor.confirm(wish)
    assert (refused.status, refused.json["error"]) == (409, "PAUSED: nothing was sent")
    assert visitor.confirm(wish | {"answer": "reject"}).status == 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_without_redis_the_word_is_left_in_the_file(tmp_path, number):
    redis = start(tmp_path / "redis")
    try:
        running = PageServer(redis.urls)
        with running as url:
            visitor = Visitor(url)
            visitor.load()
            redis.proc.send_signal(number)
            began = time.monotonic()
            answer = visitor.stop("flatten")
            assert time.monotonic() - began < 3
            assert answer.status == 200
            assert "left in the halt file" in answer.json["words"]
            assert read(halt_file(running.settings)) == (Word.FLATTEN, "page 127.0.0.1")
            redis.proc.send_signal(signal.SIGCONT)
    finally:
        redis.stop()


# ---------------------------------------------------------------- level 4


def test_level_4_with_nothing_else_alive(tmp_path, browser):
    redis = start(tmp_path / "redis")
    with live_simulator(SimulatorConfig(date="2026-11-20", session="09:15-10:00", hold=True)) as sim:
        key = DEFAULT_LISTINGS[0].key
        sim.advance([key], ist_ms("2026-11-20", "09:21"))
        order = {
            "quantity": 7, "product": "I", "validity": "DAY", "price": 0.0, "instrument_token": key, "order_type": "MARKET",
            "transaction_type": "BUY", "disclosed_quantity": 0, "trigger_price": 0.0, "is_amo": False, "market_protection": -1,
        }  # fmt: skip
        assert sim.call("POST", "/v3/order/place", order)[0] == 200
        save_token(tmp_path / "token.json", make_token(sim.token, TokenKind.OAUTH, now_ms()))
        hosts = {f"upstox__{name}": sim.base for name in ("rest_url", "order_url", "feed_url", "login_url", "assets_url")}
        running = PageServer(redis.urls, mode="simulated", paths__token=str(tmp_path / "token.json"), **hosts)
        try:
            with running as url:
                page = browser.open(url)
                page.wait("document.getElementById('link').dataset.state === 'up'")
                redis.proc.kill()
                page.key("s")
                page.wait("!document.querySelector('#stop-levels button').disabled")
                page.key("4")
                page.wait("document.activeElement.id === 'stop-typed'")
                assert page.run("document.querySelector('#stop-levels .kill button').disabled") is True
                for letter in "KILL":
                    page.key(letter)
                assert page.run("document.getElementById('stop-typed').value") == "KILL"
                page.key("Enter")
                page.wait("document.getElementById('halt-means').innerText.includes('flat and locked at the broker')", 15)
                assert "NSE_EQ is locked" in text(page, "#halt-kill")
                assert "the halt file alone" in text(page, "#halt-kill")
                assert text(page, "#halt-title") == "HALTED · KILL"
                page.go("about:blank")
            assert all(p["quantity"] == 0 for p in sim.ledger()["positions"])
            assert read(halt_file(running.settings)) is None, "the folder of the test is gone"
        finally:
            redis.stop()


def test_a_kill_that_fails_says_what_to_do(tmp_path, redis_urls):
    hosts = {f"upstox__{name}": "http://127.0.0.1:9" for name in ("rest_url", "order_url")}
    save_token(tmp_path / "token.json", make_token("t" * 20, TokenKind.OAUTH, now_ms()))
    with PageServer(redis_urls, mode="simulated", paths__token=str(tmp_path / "token.json"), emergency__kill_s=0.5, **hosts) as url:
        visitor = Visitor(url)
        visitor.load()
        assert visitor.stop("kill").status == 428
        assert visitor.stop("kill", "KILL").status == 200
        assert visitor.stop("halt").status == 409, "one thing at a time"
        ended = wait_for(lambda: (k := visitor.get("/api/v1/state")["halt"]["kill"]) and not k["is_running"] and k, "its end", 15)
        assert not ended["is_done"]
        assert "cannot be reached" in ended["left"]
        assert visitor.stop("kill", "KILL").status == 200, "it may be pulled again"
