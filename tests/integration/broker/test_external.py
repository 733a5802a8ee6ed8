"""What a person trades in a simulator beside us, as our client brings it to the desk."""

from __future__ import annotations

from pipeline.broker.rest import RestClient, RestConfig
from pipeline.broker.upstox import UpstoxBroker
from pipeline.core.broker import Answer, Ask, BrokerReport
from pipeline.core.session import ist_ms
from pipeline.core.types import Instrument
from pipeline.engine.desk import new_desk
from pipeline.engine.external import external
from pipeline.engine.orders import on_report
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from tests.fakes.live_simulator import live_simulator
from tests.fakes.trading import DATE, day, params

WATCHED, OTHER = (
    Instrument(n, i.symbol, i.key, i.name, 10, 1, 100_000, is_cas_eligible=i.is_cas) for n, i in enumerate(DEFAULT_LISTINGS[:2])
)
NOW = ist_ms(DATE, "09:21")


def by_hand(running, key, side, qty):
    body = {
        "instrument_token": key, "quantity": qty, "product": "I", "validity": "DAY", "price": 0, "tag": "", "order_type": "MARKET",
        "transaction_type": side, "disclosed_quantity": 0, "trigger_price": 0, "is_amo": False, "market_protection": -1,
    }  # fmt: skip
    status, answer = running.call("POST", "/v3/order/place", body)
    assert status == 200, answer


def test_two_papers_by_hand_one_of_them_outside_the_watchlist():
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as running:
        running.advance([i.key for i in DEFAULT_LISTINGS], NOW)
        by_hand(running, WATCHED.instrument_key, "BUY", 3)
        by_hand(running, OTHER.instrument_key, "SELL", 10)
        running.advance([i.key for i in DEFAULT_LISTINGS], NOW + 5_000)
        client = RestClient(RestConfig(running.base), lambda: running.token)
        broker = UpstoxBroker(client, client, (WATCHED,))
        desk = new_desk((WATCHED,), day(), params(), is_outward=True)
        asked = [r for r in on_report(desk, BrokerReport(NOW, Answer.STARTED), NOW) if getattr(r, "ask", None) is not None]
        assert [r.ask for r in asked] == [Ask.BOOK, Ask.TRADES, Ask.POSITIONS]
        for request in asked:
            for report in broker.perform(request):
                list(on_report(desk, report, NOW))
        assert desk.agreed_ms == NOW, "the books agree"
        mine, far = external(desk)
        assert (mine.symbol, mine.qty, mine.is_ours) == (WATCHED.symbol, 3, True)
        assert (far.symbol, far.name, far.qty, far.is_ours) == (OTHER.instrument_key, OTHER.symbol, -10, False)
        assert far.worth_paise > 0
        assert len(desk.strangers) == 2
