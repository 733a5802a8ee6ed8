"""One exam for every broker: the paper exchange, Upstox's client against the simulator, and the same client against a recording of it.

The simulator stands still at about 09:21, so that the same calls get the same answers; ``TICKTICK_RECORD=1`` writes the recording anew.
"""

from __future__ import annotations

import json
import os
from itertools import count

import pytest

from pipeline.broker.paper import PaperBroker
from pipeline.broker.rest import RestClient, RestConfig
from pipeline.broker.upstox import UpstoxBroker
from pipeline.core.broker import Answer, Ask, Leg, OrderRequest
from pipeline.core.session import ist_ms
from pipeline.core.types import Instrument
from pipeline.engine.matching import Quote
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from tests.fakes.live_simulator import live_simulator
from tests.fakes.recorded_answers import GTT_PATH, PATH, RecordingClient, ToldClient

DATE = "2026-11-20"
PAPERS = tuple(Instrument(n, i.symbol, i.key, i.name, 10, 1, 100_000, i.is_cas) for n, i in enumerate(DEFAULT_LISTINGS))
SYMBOL = PAPERS[0].symbol
NOW = ist_ms(DATE, "09:21")


class Candidate:
    """A broker under examination, and the market it stands in (paise)."""

    def __init__(self, broker, bid, ask):
        self.broker, self.bid, self.ask = broker, bid, ask
        self._numbers = count(1)

    def ask_for(self, what, **fields):
        return self.broker.perform(OrderRequest(NOW, f"q{next(self._numbers)}", what, **fields))

    def place(self, tag, side="BUY", order_type="LIMIT", qty=3, limit=0, trigger=0, symbol=SYMBOL):
        found = self.ask_for(
            Ask.PLACE, symbol=symbol, side=side, order_type=order_type, qty=qty, limit_paise=limit, trigger_paise=trigger, tag=tag
        )
        return found[0]

    def find(self, tag):
        *rows, end = self.ask_for(Ask.FIND, tag=tag)
        assert end.answer is Answer.END
        return rows

    def position(self):
        return sum(p.qty for p in self.ask_for(Ask.POSITIONS)[:-1] if p.symbol == SYMBOL)


def _low(px):
    return px * 98 // 1000 * 10


@pytest.fixture(params=["paper", "simulator", "recorded"])
def candidate(request):
    has_gtts = "gtt" in request.function.__name__
    path = GTT_PATH if has_gtts else PATH
    if request.param == "paper":
        broker = PaperBroker()
        broker.show(SYMBOL, Quote(NOW, 1_399_50, 500, 1_400_00, 500, 1_400_00))
        yield Candidate(broker, 1_399_50, 1_400_00)
    elif request.param == "simulator":
        with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as running:
            running.advance([p.instrument_key for p in PAPERS], NOW)
            quote = running.ledger()["quotes"][PAPERS[0].instrument_key]
            bid, ask = round(quote["bid_px"][0] * 100), round(quote["ask_px"][0] * 100)
            kept: list = []
            client = RecordingClient(RestConfig(running.base), lambda: running.token, kept)
            yield Candidate(UpstoxBroker(client, client, PAPERS, has_gtts=has_gtts), bid, ask)
            if os.environ.get("TICKTICK_RECORD"):
                path.write_text(json.dumps({"bid": bid, "ask": ask, "calls": kept}, indent=None), "utf-8")
    else:
        recorded = json.loads(path.read_text("utf-8"))
        client = ToldClient(recorded["calls"])
        yield Candidate(UpstoxBroker(client, client, PAPERS, has_gtts=has_gtts), recorded["bid"], recorded["ask"])
        assert client.told == [], "every recorded call was made"


def test_the_exam(candidate):
    """One sitting: what is true at its end depends on all that went before."""
    low = _low(candidate.bid)
    # A resting order: accepted, found by its tag, changed to absolute values, cancelled once.
    resting = candidate.place("tt-rest", limit=low)
    assert resting.answer is Answer.ACCEPTED
    assert resting.order_id
    (row,) = candidate.find("tt-rest")
    assert (row.order_id, row.status, row.qty, row.cum_qty, row.limit_paise) == (resting.order_id, "open", 3, 0, low)
    assert (row.symbol, row.side, row.order_type, row.tag) == (SYMBOL, "BUY", "LIMIT", "tt-rest")
    change = {"order_id": resting.order_id, "order_type": "LIMIT", "limit_paise": low - 100, "symbol": SYMBOL}
    assert candidate.ask_for(Ask.MODIFY, qty=5, **change)[0].answer is Answer.ACCEPTED
    (row,) = candidate.find("tt-rest")
    assert (row.qty, row.limit_paise, row.status) == (5, low - 100, "open")
    assert candidate.ask_for(Ask.CANCEL, order_id=resting.order_id)[0].answer is Answer.ACCEPTED
    assert candidate.find("tt-rest")[0].status == "cancelled"
    assert candidate.ask_for(Ask.CANCEL, order_id=resting.order_id)[0].answer is Answer.REFUSED
    assert candidate.ask_for(Ask.MODIFY, qty=6, **change)[0].answer is Answer.REFUSED

    # Refusals are definite, and leave nothing behind.
    assert candidate.place("tt-zero", qty=0, limit=low).answer is Answer.REFUSED
    assert candidate.find("tt-zero") == []
    assert candidate.find("tt-nobody") == []

    # A fill: in the trades once, in the book's count, in the position.
    bought = candidate.place("tt-buy", limit=candidate.ask)
    trades = [t for t in candidate.ask_for(Ask.TRADES)[:-1] if t.order_id == bought.order_id]
    assert [(t.qty, t.px_paise, t.side, t.symbol) for t in trades] == [(3, candidate.ask, "BUY", SYMBOL)]
    assert trades[0].trade_id
    (row,) = candidate.find("tt-buy")
    assert (row.status, row.cum_qty, row.px_paise) == ("complete", 3, candidate.ask)
    assert candidate.position() == 3

    # A stop waits with its trigger; the broker exits a position by its entry's tag, and only once.
    stop = candidate.place("tx-stop", "SELL", "SL-M", trigger=low)
    (row,) = candidate.find("tx-stop")
    assert (row.status, row.trigger_paise, row.order_type) == ("trigger pending", low, "SL-M")
    # It becomes a limit at a target, and a stop again: one order, whichever it is.
    high, one = candidate.ask * 102 // 1000 * 10, {"order_id": stop.order_id, "symbol": SYMBOL, "qty": 3}
    assert candidate.ask_for(Ask.MODIFY, order_type="LIMIT", limit_paise=high, **one)[0].answer is Answer.ACCEPTED
    (row,) = candidate.find("tx-stop")
    assert (row.status, row.order_type, row.limit_paise, row.trigger_paise) == ("open", "LIMIT", high, 0)
    assert candidate.ask_for(Ask.MODIFY, order_type="SL-M", trigger_paise=low + 100, **one)[0].answer is Answer.ACCEPTED
    (row,) = candidate.find("tx-stop")
    assert (row.status, row.trigger_paise, row.order_type) == ("trigger pending", low + 100, "SL-M")
    assert candidate.ask_for(Ask.CANCEL, order_id=stop.order_id)[0].answer is Answer.ACCEPTED
    assert candidate.ask_for(Ask.EXIT_ALL, tag="tt-buy", symbol=SYMBOL)[0].answer is Answer.ACCEPTED
    assert candidate.position() == 0

    # It nets what bears the tag, and nothing else: beside an exit under a tag of its own that is too much.
    candidate.place("tt-more", limit=candidate.ask)
    candidate.place("tx-part", "SELL", qty=1, limit=candidate.bid)
    assert candidate.position() == 2
    assert candidate.ask_for(Ask.EXIT_ALL, tag="tt-more", symbol=SYMBOL)[0].answer is Answer.ACCEPTED
    assert candidate.position() == -1

    # The book holds the whole day, each listing ends, and every piece answers its request.
    *rows, end = candidate.ask_for(Ask.BOOK)
    assert end.answer is Answer.END
    assert len(rows) == 7
    assert {r.request_id for r in rows} == {end.request_id}


def test_the_exam_in_gtts(candidate):
    """An entry with its exits at the broker's server: found by its terms, told with the orders it made, cancelled once."""
    low, high = _low(candidate.bid), candidate.ask * 102 // 1000 * 10
    terms = {"symbol": SYMBOL, "side": "BUY", "order_type": "GTT", "qty": 2, "limit_paise": candidate.ask}
    gtt = candidate.ask_for(Ask.PLACE, trigger_paise=low, target_paise=high, trail_paise=candidate.ask // 100 * 3, tag="tt-gtt", **terms)[0]
    assert gtt.answer is Answer.ACCEPTED
    assert gtt.order_id
    *legs, end = candidate.ask_for(Ask.FIND, tag="tt-gtt", **terms)
    assert end.answer is Answer.END
    entry, watch = legs
    assert (entry.leg, entry.parent, entry.tag, entry.status, entry.cum_qty) == (Leg.ENTRY, gtt.order_id, "tt-gtt", "complete", 2)
    assert (watch.leg, watch.order_id, watch.order_type, watch.side) == (Leg.WATCH, gtt.order_id, "GTT", "SELL")
    assert (watch.status, watch.qty, watch.trigger_paise, watch.symbol) == ("trigger pending", 2, low, SYMBOL)
    assert candidate.ask_for(Ask.FIND, tag="tt-gtt", **terms | {"qty": 3})[:-1] == []
    assert candidate.position() == 2
    *rows, end = candidate.ask_for(Ask.BOOK)
    assert [(r.order_id, r.leg) for r in rows] == [(entry.order_id, Leg.ENTRY), (gtt.order_id, Leg.WATCH)]
    cancel = {"order_id": gtt.order_id, "order_type": "GTT"}
    assert candidate.ask_for(Ask.CANCEL, **cancel)[0].answer is Answer.ACCEPTED
    assert candidate.ask_for(Ask.CANCEL, **cancel)[0].answer is Answer.REFUSED
    assert candidate.ask_for(Ask.BOOK)[1].status == "cancelled"
    assert candidate.place("tx-gtt", "SELL", "MARKET", qty=2).answer is Answer.ACCEPTED
    assert candidate.position() == 0
    assert candidate.ask_for(Ask.PLACE, trigger_paise=low, tag="tt-none", **terms | {"qty": 0})[0].answer is Answer.REFUSED


def test_orders_go_to_known_hosts_only():
    from pipeline.core.errors import Refused

    for order_url, api_url in (
        ("https://api-hft.upstox.com", "http://127.0.0.1:1"),
        ("https://api.example.com", "https://api.upstox.com"),
        ("http://127.0.0.1:1", "https://api.upstox.com"),
    ):
        with pytest.raises(Refused, match="order_url"):
            UpstoxBroker(RestClient(RestConfig(order_url)), RestClient(RestConfig(api_url)), PAPERS)
    for pair in (("https://api-hft.upstox.com", "https://api.upstox.com"), ("https://api-sandbox.upstox.com",) * 2):
        UpstoxBroker(*(RestClient(RestConfig(url)) for url in pair), PAPERS)
