from pipeline.core.broker import LISTINGS, READS, Answer, Ask, BrokerReport, Control, OrderRequest, Word
from pipeline.core.schema import BROKER, CONTROLS, REQUESTS
from pipeline.store.codec import decode, encode


def test_what_changes_something_is_no_read():
    assert set(LISTINGS) < READS
    assert not READS & {Ask.PLACE, Ask.MODIFY, Ask.CANCEL, Ask.EXIT_ALL}


def test_records_travel():
    for stream, record in (
        (REQUESTS, OrderRequest(1, "r", Ask.PLACE, "i", "", "AAA", "BUY", "SL-M", 5, 0, 99_00, "tx-i")),
        (BROKER, BrokerReport(1, Answer.TRADE, "r", "o", "tx-i", "AAA", "SELL", qty=5, px_paise=98_00, trade_id="t")),
        (CONTROLS, Control(1, Word.FLATTEN, "page")),
    ):
        assert decode(stream, encode(stream, record)) == record
