import pytest

from pipeline.broker.rest import RestClient, RestConfig
from pipeline.broker.upstox import UpstoxBroker, order_row, require_hosts
from pipeline.core.broker import Answer, Ask, OrderRequest
from pipeline.core.errors import Refused
from tests.fakes.broker_server import HttpServer, error, ok
from tests.fakes.trading import PAPERS

PLACE = OrderRequest(1, "q", Ask.PLACE, "i", "", "AAA", "BUY", "LIMIT", 3, 100_05, 0, "tt-i")
ROW = {
    "product": "I", "order_id": "7", "tag": "tt-i", "instrument_token": PAPERS[0].instrument_key, "transaction_type": "BUY", "status": "open",
    "quantity": 3, "filled_quantity": 1, "average_price": 100.05, "trigger_price": 0, "order_type": "LIMIT", "price": 100.05,
}  # fmt: skip


@pytest.fixture
def ask():
    """Perform one request against a scripted answer; give the answers' kinds and the server."""
    opened = []

    def perform(answer, request=PLACE):
        server = HttpServer(answer if callable(answer) else lambda _p, _q, _h: answer)
        opened.append(server)
        client = RestClient(RestConfig(server.url, total_timeout_s=0.5), lambda: "t")
        return UpstoxBroker(client, client, PAPERS).perform(request), server

    yield perform
    for server in opened:
        server.stop()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ok({"order_ids": ["B1"]}), Answer.ACCEPTED),
        (ok({"what": 1}), Answer.AMBIGUOUS),
        (error(400, "UDAPI1052"), Answer.REFUSED),
        (error(401, "UDAPI100050"), Answer.REFUSED),
        (error(429, "UDAPI10005"), Answer.REFUSED),
        (error(423, "UDAPI100074"), Answer.REFUSED),
        (error(500), Answer.AMBIGUOUS),
        ((0, b""), Answer.AMBIGUOUS),
    ],
)
def test_an_order_is_accepted_refused_or_in_doubt_and_asked_once(ask, answer, kind):
    reports, server = ask(answer)
    assert [r.answer for r in reports] == [kind]
    assert len(server.asked) == 1


def test_a_paper_of_no_watchlist_never_leaves(ask):
    reports, server = ask(ok({}), OrderRequest(1, "q", Ask.PLACE, "i", "", "ZZZ", "BUY", "MARKET", 3))
    assert reports[0].answer is Answer.REFUSED
    assert server.asked == []


@pytest.mark.parametrize(
    "rows", [[ROW, {"product": "I"}], [ROW, ROW | {"quantity": "many"}], [ROW, ROW | {"transaction_type": "HOLD"}], "no list", [7]]
)
def test_a_listing_with_one_bad_row_is_worth_nothing(ask, rows):
    reports, _ = ask(ok(rows), OrderRequest(1, "q", Ask.BOOK))
    assert [r.answer for r in reports] == [Answer.AMBIGUOUS]


def test_rows_are_read_and_other_products_are_not_ours(ask):
    reports, _ = ask(ok([ROW, ROW | {"product": "D", "order_id": "8"}]), OrderRequest(1, "q", Ask.BOOK))
    assert [r.answer for r in reports] == [Answer.ROW, Answer.END]
    row = reports[0]
    assert (row.symbol, row.side, row.qty, row.cum_qty, row.px_paise, row.limit_paise) == ("AAA", "BUY", 3, 1, 100_05, 100_05)


def test_a_position_outside_the_watchlist_comes_with_its_key_name_worth_and_profit(ask):
    rows = [
        {"product": "I", "instrument_token": PAPERS[1].instrument_key, "quantity": 4, "pnl": 9.0},
        {"product": "I", "instrument_token": "BSE_EQ|INE9", "trading_symbol": "TITAN", "quantity": -10, "last_price": 3000.5, "pnl": -12.5},
        {"product": "I", "instrument_token": "MCX_FO|7", "quantity": 1, "last_price": 70.0, "multiplier": 100.0, "pnl": 0},
        {"product": "I", "instrument_token": "NSE_EQ|8", "quantity": 2},
        {"product": "D", "instrument_token": "NSE_EQ|9", "quantity": 2},
    ]
    reports, _ = ask(ok(rows), OrderRequest(1, "q", Ask.POSITIONS))
    assert [(r.symbol, r.name, r.qty, r.px_paise, r.pnl_paise) for r in reports[:-1]] == [
        ("BBB", "", 4, 0, 0),
        ("BSE_EQ|INE9", "TITAN", -10, 3_000_50, -12_50),
        ("MCX_FO|7", "MCX_FO|7", 1, 7_000_00, 0),
        ("NSE_EQ|8", "NSE_EQ|8", 2, 0, 0),
    ]


def test_a_history_is_read_by_its_last_row(ask):
    rows = [ROW | {"status": word} for word in ("put order req received", "open", "complete")]
    reports, _ = ask(ok(rows), OrderRequest(1, "q", Ask.FIND, tag="tt-i"))
    assert [(r.answer, r.status) for r in reports] == [(Answer.ROW, "complete"), (Answer.END, "")]


def test_not_found_is_an_empty_history_and_no_failure(ask):
    reports, _ = ask(error(404, "UDAPI100010"), OrderRequest(1, "q", Ask.FIND, tag="tt-i"))
    assert [r.answer for r in reports] == [Answer.END]


def test_a_row_of_the_portfolio_stream():
    pushed = {k: v for k, v in ROW.items() if k != "instrument_token"} | {"instrument_key": PAPERS[0].instrument_key}
    assert order_row(pushed, {PAPERS[0].instrument_key: "AAA"}, 5).symbol == "AAA"


def test_hosts_are_checked():
    require_hosts("127.0.0.1", "localhost")
    with pytest.raises(Refused):
        require_hosts("api-hft.upstox.com", "api-sandbox.upstox.com")
