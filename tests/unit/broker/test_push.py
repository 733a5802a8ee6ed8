import json
import queue
import time

from pipeline.broker.push import PortfolioStream, read
from pipeline.broker.rest import RestClient, RestConfig
from pipeline.core.broker import Answer
from pipeline.core.session import ist_ms
from pipeline.core.types import Instrument
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from tests.fakes.live_simulator import live_simulator

DATE = "2026-11-20"
PAPERS = tuple(Instrument(n, i.symbol, i.key, i.name, 10, 1, 100_000, i.is_cas) for n, i in enumerate(DEFAULT_LISTINGS))
ROW = {
    "update_type": "order", "product": "I", "order_id": "7", "tag": "tt-i", "instrument_key": PAPERS[0].instrument_key, "transaction_type": "BUY",
    "status": "open", "quantity": 3, "filled_quantity": 1, "average_price": 100.05, "trigger_price": 0, "order_type": "LIMIT", "price": 100.05,
}  # fmt: skip


def test_an_order_row_is_read():
    row = read(json.dumps(ROW), {PAPERS[0].instrument_key: "AAA"})
    assert row is not None
    assert (row.answer, row.symbol, row.cum_qty, row.request_id) == (Answer.ROW, "AAA", 1, "")


def test_everything_else_is_left_to_the_listings():
    for text in (
        "no json",
        "[]",
        "7",
        json.dumps(ROW | {"update_type": "gtt_order"}),
        json.dumps(ROW | {"product": "D"}),
        json.dumps(ROW | {"quantity": None}),
        "[" * 100_000,
    ):
        assert read(text, {}) is None


def test_a_change_at_the_simulator_is_pushed():
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as sim:
        sim.advance([p.instrument_key for p in PAPERS], ist_ms(DATE, "09:21"))
        low = round(sim.ledger()["quotes"][PAPERS[0].instrument_key]["bid_px"][0] * 0.98)
        pushed: queue.SimpleQueue = queue.SimpleQueue()
        stream = PortfolioStream(RestClient(RestConfig(sim.base), lambda: sim.token), PAPERS, pushed.put)
        stream.start()
        try:
            order = {
                "instrument_token": PAPERS[0].instrument_key, "quantity": 3, "product": "I", "validity": "DAY", "price": low, "tag": "tt-x",
                "order_type": "LIMIT", "transaction_type": "BUY", "disclosed_quantity": 0, "trigger_price": 0, "is_amo": False,
            }  # fmt: skip
            words: list[str] = []
            deadline = time.monotonic() + 20
            while "open" not in words:
                assert time.monotonic() < deadline, words
                if stream.connects and not words:
                    sim.call("POST", "/v3/order/place", order)
                try:
                    words.append(pushed.get(timeout=0.2)[0].status)
                except queue.Empty:
                    continue
        finally:
            stream.close()
