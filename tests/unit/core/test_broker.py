from pipeline.core.broker import LISTINGS, READS, SINGLE, Answer, Ask, BrokerReport, Control, OrderRequest, Word, holding, level_of
from pipeline.core.schema import BROKER, CONTROLS, REQUESTS
from pipeline.store.codec import decode, encode


def test_what_changes_something_is_no_read():
    assert set(LISTINGS) < READS
    assert not READS & {Ask.PLACE, Ask.MODIFY, Ask.CANCEL, Ask.EXIT_ALL}


def test_records_travel():
    for stream, record in (
        (REQUESTS, OrderRequest(1, "r", Ask.PLACE, "i", "", "AAA", "BUY", "SL-M", 5, 0, 99_00, "tx-i")),
        (BROKER, BrokerReport(1, Answer.TRADE, "r", "o", "tx-i", "AAA", "SELL", qty=5, px_paise=98_00, trade_id="t")),
        (CONTROLS, Control(1, Word.FLATTEN, "page", "127.0.0.1")),
        (CONTROLS, Control(1, Word.CLOSE, "command", "me", "M&M")),
    ):
        assert decode(stream, encode(stream, record)) == record


def test_a_word_holds_until_it_is_lifted_or_a_stronger_one_comes():
    assert [level_of(word) for word in ("", "pause", "halt", "flatten", "kill", "resume", "nonsense")] == [0, 1, 2, 3, 4, 0, 0]
    assert holding("", Word.PAUSE) == "pause"
    assert holding("flatten", Word.HALT) == "flatten"
    assert holding("halt", Word.KILL) == "kill"
    assert holding("kill", Word.RESUME) == ""
    assert {holding(held, word) for held in ("", "halt") for word in SINGLE} == {"", "halt"}, "a command about one thing holds nothing"
