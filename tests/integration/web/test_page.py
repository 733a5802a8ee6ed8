"""The page in a real browser over composed data: it shows, follows, confirms, and executes nothing it is told."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest

from pipeline.core import schema
from pipeline.core.schema import Role
from pipeline.core.session import ist_ms
from pipeline.core.types import Fill, Instrument, Side
from pipeline.store import codec
from tests.fakes.chromium import Page
from tests.fakes.day_in_redis import NOW, PROPOSALS, SYMBOLS, Day, tick
from tests.fakes.page_server import PageServer
from web import assets

pytestmark = pytest.mark.xdist_group("browser")
EVIL = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>\'"</td>${window.pwned=3}{{pwned}}'


@pytest.fixture
def day(redis_urls) -> Day:
    day = Day(redis_urls)
    day.write_all()
    return day


@pytest.fixture
def page(day, redis_urls, browser) -> Iterator[Page]:
    with PageServer(redis_urls) as url:
        page = browser.open(url)
        page.wait("document.querySelectorAll('#watch tbody tr').length > 0")
        yield page
        page.go("about:blank")


def text(page: Page, selector: str) -> str:
    return page.run(f"document.querySelector({json.dumps(selector)}).innerText")


def row(symbol: str) -> str:
    return f"#watch tr[data-symbol={json.dumps(symbol)}]"


def answers(day: Day, stream=schema.CONFIRM_PAGE) -> list:
    return [codec.decode(stream, fields) for _, fields in day.clients[Role.DERIVED].xrange(stream.name)]


def test_it_shows_what_redis_holds(page):
    assert page.run("document.querySelectorAll('#watch tbody tr').length") == len(SYMBOLS)
    assert "1,412.35" in text(page, row("RELIANCE"))
    assert "15,980.00" in text(page, row("MARUTI"))
    assert text(page, "#mode") == "PAPER"
    assert text(page, "#banner") == "generated day, seed 7 — no real orders"
    assert text(page, "#clock") == "11:42:17"
    assert text(page, "#phase") == "continuous trading"
    assert page.run("document.querySelectorAll('#recommendations .card.open').length") == 3
    assert "RSI 61.3 rising" in text(page, "#recommendations .card")
    assert "Worst loss" in text(page, "#recommendations .card")
    assert "+₹381.28" in text(page, "#kpis")
    assert page.run("document.querySelectorAll('#positions tbody tr').length") == 2
    assert page.run("document.querySelectorAll('#orders tbody tr').length") == 2
    assert page.run("document.querySelectorAll('#health li.alive').length") == 7
    assert text(page, "#feed li:first-child") == "connected\nfull"
    assert f"{len(SYMBOLS)}/{len(SYMBOLS)}" in text(page, "#feed")
    assert "TradingView" in text(page, "footer")
    assert page.complaints == []


def test_prices_move_without_a_reload(page, day):
    page.run("window.mark = 1")
    day.move("TCS", 3133.75, NOW + 1500)
    page.wait(f"document.querySelector({json.dumps(row('TCS'))}).innerText.includes('3,133.75')")
    page.wait("document.getElementById('clock').textContent === '11:42:18'")
    assert page.run("window.mark") == 1


def test_the_chart_draws_candles_and_changes_with_symbol_and_timeframe(page, day):
    if not assets.find_charts().is_usable:
        pytest.skip(assets.find_charts().problem)
    page.wait("document.querySelector('#canvas canvas')")
    page.wait("document.getElementById('legend').innerText.includes('EMA 21')")
    assert "Vol" in text(page, "#legend")
    painted = "(() => { const c = [...document.querySelectorAll('#canvas canvas')].sort((a, b) => b.width - a.width)[0];"
    painted += " return new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size; })()"
    page.wait(f"{painted} > 20")
    day.write_candles("TCS", 30)
    page.run(f"document.querySelector({json.dumps(row('TCS'))}).click()")
    page.wait("document.getElementById('chart-title').textContent === 'TCS'")
    page.wait("document.getElementById('legend').innerText.includes('3,1')")
    page.key("]")
    page.wait("document.querySelector('#frames [aria-pressed=true]').textContent === '3m'")
    page.wait(
        "document.getElementById('chart-empty').offsetParent && document.getElementById('chart-empty').textContent.includes('No closed 3-minute candles')"
    )
    assert page.complaints == []


VIOLET_ROWS = """(() => { const rows = new Set();
  for (const c of document.querySelectorAll('#canvas canvas')) {
    const { data, width } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
    for (let i = 0; i < data.length; i += 4) if (data[i] > data[i + 1] + 12 && data[i + 2] > data[i] + 20) rows.add(Math.floor(i / 4 / width));
  } return rows.size; })()"""


def test_the_vwap_is_not_drawn_across_the_night(day, page):
    """Two flat days, one above the other: the line has two heights and nothing between."""
    if not assets.find_charts().is_usable:
        pytest.skip(assets.find_charts().problem)
    times = [ist_ms(date, "09:15") + 60_000 * i for date in ("2026-11-19", "2026-11-20") for i in range(40)]
    for name in schema.CANDLE_FIELDS:
        level = {"volume": 1000.0, "oi": 0.0}.get(name)
        day.series(schema.CANDLE_FIELD, ("TCS", "1m", name), [(ts, level or 3000.0 + 100.0 * (i >= 40)) for i, ts in enumerate(times)])
    page.run(f"document.querySelector({json.dumps(row('TCS'))}).click()")
    page.wait("document.getElementById('legend').innerText.includes('VWAP 3,100.00')")
    page.wait(f"{VIOLET_ROWS} > 0")
    time.sleep(0.3)
    assert 1 <= page.run(VIOLET_ROWS) <= 8


def test_a_click_confirms_and_the_stream_has_it(page, day):
    page.run("document.querySelector('.card[data-id=r-1] button.confirm').click()")
    page.wait("document.querySelector('.card[data-id=r-1].confirmed')")
    record = answers(day)[-1]
    assert (record.recommendation_id, record.answer, record.source, record.ts) == ("r-1", "confirm", "page", NOW)
    assert page.run("document.querySelectorAll('.card[data-id=r-1] button.confirm').length") == 0


def test_keys_answer_too_and_one_key_is_not_enough(page, day):
    before = len(answers(day))
    page.key("2")
    page.key("n")
    page.wait("document.getElementById('toast').textContent.includes('Reject which?')")
    page.key("2")
    page.wait("document.querySelector('.card[data-id=r-2].rejected')")
    assert [(r.recommendation_id, r.answer) for r in answers(day)[before:]] == [("r-2", "reject")]


def test_drift_beyond_the_limit_is_said_beside_the_button(page, day):
    line = ".card[data-id=r-1] .drift"
    page.wait(f"document.querySelector({json.dumps(line)}).innerText.includes('at most')")
    assert "spread" in text(page, line)
    day.move("RELIANCE", 1412.35 * 1.01, NOW + 500)
    page.wait(f"document.querySelector({json.dumps(line)}).innerText.includes('it would be denied')")
    day.hash(schema.TICK_LATEST, ("RELIANCE",), {"bid_px": 0.0})
    page.wait(f"document.querySelector({json.dumps(line)}).innerText.includes('no two-sided quote')")


def test_an_expired_one_greys_out(page, day):
    day.move("RELIANCE", 1413.0, NOW + 30_000)
    page.wait("document.querySelectorAll('.card.open').length === 0 && document.querySelector('.card[data-id=r-1].expired')")
    assert page.run("document.querySelectorAll('.card button.confirm').length") == 0


def test_old_numbers_grey_out(page, day):
    day.move("RELIANCE", 1413.0, NOW + 20_000)
    page.wait(f"document.querySelector({json.dumps(row('TCS'))}).classList.contains('stale')")
    assert not page.run(f"document.querySelector({json.dumps(row('RELIANCE'))}).classList.contains('stale')")


def test_a_position_shows_its_guard_and_a_naked_one_counts(page, day):
    cell = "[...document.querySelectorAll('#positions tbody tr')].find((tr) => tr.dataset.symbol === 'SBIN').querySelector('.guard')"
    page.wait(f"{cell}.textContent === 'stop' && {cell}.title.includes('51 of 51')")
    day.hash(schema.POSITION, ("SBIN",), {"state": "opening", "guard": "", "covered_qty": 0, "naked_since": NOW - 2_000})
    page.wait(f"{cell}.classList.contains('opening') && {cell}.textContent.startsWith('naked 2s')")
    day.move("RELIANCE", 1413.0, NOW + 7_000)
    page.wait(f"{cell}.textContent.startsWith('naked 9s')")
    page.wait("document.getElementById('alerts').innerText.includes('SBIN: 51 of 51 shares without a stop at the broker for 9 s')")
    for guard in ("pair: target", "gtt", "closing"):
        day.hash(schema.POSITION, ("SBIN",), {"state": "open", "guard": guard, "covered_qty": 51, "naked_since": 0})
        page.wait(f"{cell}.textContent === '{guard}' && {cell}.classList.contains('open')")
    page.wait("!document.getElementById('alerts').innerText.includes('SBIN')")
    assert page.complaints == []


def test_a_silent_process_and_an_error_are_told(page, day):
    day.beat("live", age_ms=60_000)
    day.beat("ticks", error="the feed was lost 3 s ago: reconnecting")
    page.wait(
        "document.querySelector('#health li.silent') && document.getElementById('alerts').innerText.includes('no sign of life from live')"
    )
    page.wait("document.getElementById('alerts').innerText.includes('reconnecting')")


def test_a_process_that_was_started_again_tells_so(page, day):
    cell = "[...document.querySelectorAll('#health li')].find((li) => li.innerText.startsWith('live'))"
    page.wait(f"{cell}.innerText.includes('ms')")
    day.hash(schema.HEALTH, ("live",), {"pid": 4201})
    page.wait(f"{cell}.innerText.includes('restarted') && {cell}.title.includes('pid 4201')")
    assert page.run("document.querySelectorAll('#health li .lag').length") == page.run("document.querySelectorAll('#health li').length")
    assert page.run("[...document.querySelectorAll('#health li')].filter((li) => li.innerText.includes('restarted')).length") == 1


def test_the_budget_opens_the_table_and_a_process_its_slowest(page, day):
    page.run("document.querySelector('#feed .budget button').click()")
    assert page.run("document.getElementById('latency-tab').getAttribute('aria-selected')") == "true"
    names = "[...document.querySelectorAll('#latency button')].map((b) => b.dataset.process).join()"
    assert page.run(names) == "ticks,live,indicators,chart,filtering,orders,portfolio"
    assert "budget 500 ms" in text(page, "#latency .whole")
    assert page.run("document.querySelectorAll('#latency .hop').length") == 0
    page.run("document.querySelector('#latency button').focus()")
    page.run("document.querySelector('#latency button').click()")
    hops = "[...document.querySelectorAll('#latency .hop th')].map((th) => th.textContent).join()"
    assert page.run(hops) == "exchange,decode,step,commit"
    assert page.run("document.querySelectorAll('#latency .slow li').length") == 10
    day.hash(schema.LATENCY, ("live",), {"total_p99_us": 700_000})
    page.wait("document.querySelector('#feed .budget.over')?.innerText.includes('/ 500 ms')")
    assert page.run("document.querySelectorAll('#latency .whole .over').length") == 1
    assert page.run("document.querySelectorAll('#latency .hop').length") == 4  # stays open as figures change
    assert page.run("document.activeElement.dataset.process") == "ticks"
    assert page.complaints == []


def test_the_feeds_troubles_are_told(page, day):
    trouble = {
        "state": "login needed",
        "subscribed": 12,
        "unconfirmed": 2,
        "unconfirmed_names": "TCS, M&M",
        "gaps": 1,
        "clock_lag_ms": 7000,
        "folded_rows": 90,
    }
    day.hash(schema.HEALTH, ("ticks",), trouble)
    for words in (
        "ticktick login --open",
        "2 symbols not confirmed",
        "lags 7.0 s",
        "1 gap in the feed",
        "conflated by symbol (the newest kept, 90 rows",
    ):
        page.wait(f"document.getElementById('alerts').innerText.includes({json.dumps(words)})")
    told = text(page, "#feed")
    for words in ("login needed", "12/15", "unconfirmed 2: TCS, M&M", "+7.0 s"):
        assert words in told
    day.beat("ticks", age_ms=60_000)
    page.wait("document.querySelector('#feed li.silent')?.innerText.includes('no sign of life')")
    page.wait("!document.getElementById('alerts').innerText.includes('login')")


def test_hostile_text_in_every_field_is_shown_and_never_run(page, day, redis_urls):
    evil = replace(PROPOSALS[0], id=EVIL, symbol=EVIL, strategy=EVIL, regime=EVIL, timeframe=EVIL, reasons=EVIL, ts=NOW)
    instrument = Instrument(99, EVIL, "NSE_EQ|X", EVIL, 5, 1, 0, is_cas_eligible=False)
    day.hash(schema.INSTRUMENTS, (), {"99": json.dumps(asdict(instrument))})
    day.hash(schema.TICK_LATEST, (EVIL,), tick(3, 10.0) | {"marks": EVIL, "time": EVIL})
    day.hash(schema.REGIME, (EVIL,), {"regime": EVIL})
    day.hash(schema.POSITION, (EVIL,), {"qty": 5, "avg_px": 10.0, "side": EVIL})
    day.hash(schema.INDICATOR_LATEST_1M, (EVIL,), {EVIL: 1.0, "ema_9": EVIL, "ts": EVIL})
    day.hash(schema.SESSION, (), {"maker": EVIL, "mode": EVIL, "date": EVIL, "speed": EVIL})
    day.hash(schema.AUTH_STATUS, (), {"state": EVIL})
    day.hash(schema.MARKET_STATUS, (), {"NSE_EQ": EVIL, EVIL: EVIL})
    names = ("state", "mode", "links", "unconfirmed_names", "stalled_names", "refused_why", "last_error", EVIL)
    counts = {"unconfirmed": 2, "stalled": 1, "refused_frames": 1, "gaps": EVIL, "skew_ms": EVIL, "repairs_gave_up": EVIL}
    day.hash(schema.HEALTH, ("ticks",), {"version": EVIL, "pid": EVIL, **dict.fromkeys(names, EVIL), **counts})
    day.hash(schema.FEED_STATUS, (), {**dict.fromkeys(names, EVIL), **counts})
    day.hash(schema.WANTED, (), {EVIL: EVIL, "TCS": EVIL})
    slow = json.dumps([{"time": EVIL, "us": 900_000, "hop": EVIL}])
    day.hash(schema.LATENCY, ("ticks",), {EVIL: EVIL, "worst": slow, "wait_p50_us": EVIL})
    day.add(schema.RECOMMENDATIONS, evil)
    day.add(schema.FILLS, Fill(NOW, EVIL, EVIL, EVIL, EVIL, Side.BUY, 1, 100, EVIL))
    page.wait(f"document.querySelector({json.dumps('#watch')}).innerText.includes('<img src=x')")
    page.wait("[...document.querySelectorAll('.card .sym')].some((b) => b.textContent.includes('<script>'))")
    page.run("[...document.querySelectorAll('#watch tbody tr')].at(-1).click()")
    page.wait("document.getElementById('chart-title').textContent.includes('onerror')")
    page.wait("document.getElementById('feed').innerText.includes('<img src=x')")
    page.run("document.querySelector('#feed .budget button').click()")
    page.run("document.querySelector('#latency button[data-process=ticks]').click()")
    page.wait("document.querySelector('#latency .slow').innerText.includes('<img src=x')")
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        assert page.run("window.pwned === undefined") is True
    assert page.run("document.querySelectorAll('img, script:not([src])').length") == 0
    assert [c for c in page.complaints if "404" not in c] == []


def test_it_may_not_be_framed_and_runs_no_inline_code(page):
    for attempt in ("s.textContent = 'window.pwned = 1'", "s.append('window.pwned = 1')", "s.src = 'data:text/javascript,window.pwned=1'"):
        page.run(f"(() => {{ const s = document.createElement('script'); try {{ {attempt}; document.head.append(s); }} catch {{}} }})()")
    page.run("(() => { try { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.pwned=1\">'); } catch {} })()")
    assert page.run("new Promise((done) => setTimeout(() => done(window.pwned === undefined), 200))") is True
    framed = "(async () => { const f = document.createElement('iframe'); f.src = '/'; document.body.append(f); await new Promise((d) => { f.onload = d; setTimeout(d, 2000); });"
    framed += " try { return f.contentDocument?.getElementById('watch') ? 'framed' : 'refused'; } catch { return 'refused'; } })()"
    assert page.run(framed) == "refused"


def test_without_the_chart_library_the_page_works_and_says_how_to_get_it(redis_urls, browser, monkeypatch):
    Day(redis_urls).write_all()
    monkeypatch.setattr(assets, "find_charts", lambda: assets.Charts(None, "The chart library is not installed: run `make setup`."))
    with PageServer(redis_urls) as url:
        page = browser.open(url)
        page.wait("document.querySelectorAll('#watch tbody tr').length > 0")
        page.wait("document.getElementById('chart-empty').innerText.includes('make setup')")
        page.run(f"document.querySelector({json.dumps(row('INFY'))}).click()")
        assert text(page, "#chart-title") == "INFY"
        page.go("about:blank")


def test_empty_states_are_explained(redis_urls, browser):
    with PageServer(redis_urls) as url:
        page = browser.open(url)
        page.wait("document.getElementById('phase').textContent === 'waiting for the feed'")
        for element, words in {
            "watch-empty": "No symbols yet",
            "advice-empty": "indicators need 21 candles",
            "positions-empty": "No open positions",
            "orders-empty": "No orders yet",
        }.items():
            assert words in text(page, f"#{element}")
        page.go("about:blank")


def test_a_restarted_dashboard_is_found_again(day, redis_urls, browser):
    from web.server import Address

    with PageServer(redis_urls) as url:
        page = browser.open(url)
        page.wait("document.getElementById('link').dataset.state === 'up'")
    page.wait("document.getElementById('link').dataset.state === 'away'")
    again = PageServer(redis_urls, address=Address(port=int(url.rstrip("/").rpartition(":")[2])))
    with again:
        page.wait("document.getElementById('link').dataset.state === 'up'")
        page.run("document.querySelector('.card[data-id=r-3] button.confirm').click()")
        page.wait("document.querySelector('.card[data-id=r-3].confirmed')")
        page.go("about:blank")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 720), (1024, 768), (390, 844), (320, 640)])
def test_nothing_runs_out_of_the_side(page, width, height):
    page.size(width, height, is_phone=width < 700)
    page.wait(f"window.innerWidth === {width}")
    page.run("document.querySelector('#feed .budget button').click()")
    page.run("document.querySelector('#latency button').click()")
    assert page.run("document.documentElement.scrollWidth") <= width
    for selector in ("#mode", "#clock", "#recommendations .card", "#watch", "#frames", "#feed", "#feed .budget .v", "#latency"):
        box = page.run(
            f"(() => {{ const r = document.querySelector({json.dumps(selector)}).getBoundingClientRect(); return [r.left, r.right]; }})()"
        )
        assert box[0] >= 0, selector
        assert box[1] <= width, selector
    for inside in (".watch .scroll", ".book .scroll", "#latency-box", ".health ul"):
        assert page.run(f"(() => {{ const b = document.querySelector('{inside}'); return b.scrollWidth - b.clientWidth; }})()") <= 0, inside
    page.run("document.getElementById('orders-tab').click()")
    assert page.run("document.getElementById('orders-box').scrollWidth - document.getElementById('orders-box').clientWidth") <= 0
    for panel in (".feed", ".health"):
        assert page.run(f"document.querySelector('{panel}').clientHeight") >= 24, panel
    page.size(1440, 900)
