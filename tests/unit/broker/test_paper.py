from pipeline.broker.paper import PaperBroker
from pipeline.core.broker import Answer, Ask, OrderRequest
from pipeline.engine.matching import Quote


def request(ask, **fields):
    return OrderRequest(1, "q", ask, **fields)


def test_what_new_quotes_fill_is_in_the_listings():
    broker = PaperBroker()
    broker.show("AAA", Quote(1, 99_95, 10, 100_05, 10, 100_00))
    order = {"symbol": "AAA", "side": "BUY", "order_type": "LIMIT", "qty": 25, "limit_paise": 100_05, "tag": "tt-a"}
    assert broker.perform(request(Ask.PLACE, **order))[0].answer is Answer.ACCEPTED
    broker.show("AAA", Quote(2, 99_95, 10, 100_00, 40, 100_00))
    trades = broker.perform(request(Ask.TRADES))[:-1]
    assert [(t.qty, t.px_paise) for t in trades] == [(10, 100_05), (15, 100_00)]
    assert [(p.symbol, p.qty) for p in broker.perform(request(Ask.POSITIONS))[:-1]] == [("AAA", 25)]


def test_an_exit_without_a_position_is_refused():
    assert PaperBroker().perform(request(Ask.EXIT_ALL, tag="tt-a"))[0].answer is Answer.REFUSED
