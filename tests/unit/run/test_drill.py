from pipeline.core.types import Instrument, Side
from pipeline.run import drill
from pipeline.run.drill import Figure

PAPER = Instrument(0, "AAA", "NSE_EQ|X", "A", 5, 1, 1000, is_cas_eligible=False)


def figure(**changes):
    base = {
        "name": "page",
        "positions": 3,
        "entries": 0,
        "last_entry_ms": 0,
        "orders": 3,
        "last_order_ms": 200,
        "flat_ms": 900,
        "trouble": "",
    }
    return Figure(**base | changes)


def test_what_passes():
    assert figure().is_within(500, 10)
    assert figure(entries=1, last_entry_ms=500, flat_ms=10_000).is_within(500, 10)
    for late in ({"last_entry_ms": 501}, {"flat_ms": 10_001}, {"flat_ms": 0}, {"trouble": "it did not stay flat"}):
        assert not figure(**late).is_within(500, 10)


def test_proposals_are_sound_and_one_rests_far_below():
    for number in (1, 2):
        wish = drill._recommendation(PAPER, 1_000_000, number, 100_00, 0.0)
        assert wish.side is (Side.SELL if number % 2 else Side.BUY)
        assert (wish.limit_paise - wish.stop_paise) * wish.side.sign > 0
        assert (wish.target_paise - wish.limit_paise) * wish.side.sign > 0
        assert not any(px % 5 for px in (wish.limit_paise, wish.stop_paise, wish.target_paise))
    rests = drill._recommendation(PAPER, 1_000_000, 1, 100_00, 0.03)
    assert (rests.side, rests.limit_paise, rests.ref_paise) == (Side.BUY, 97_00, 100_00)


def test_flat_means_nothing_works_and_nothing_is_held():
    order, position = {"status": "open"}, {"quantity": 1}
    done, none = {"status": "complete"}, {"quantity": 0}
    assert drill._is_flat({"orders": [done], "positions": [none]})
    assert not drill._is_flat({"orders": [order], "positions": [none]})
    assert not drill._is_flat({"orders": [done], "positions": [position]})


def test_what_the_broker_took_after_the_pull_is_counted():
    def post(at_s, tag, status=200, path=drill.PLACE):
        return {"method": "POST", "path": path, "at_s": at_s, "body": f'{{"tag": "{tag}"}}', "status": status}

    under_way = {"method": "POST", "path": drill.PLACE, "at_s": 9.0, "body": "{}"}
    ledger = {
        "requests": [post(1, "tt-a"), post(3, "tt-b"), post(4, "tx-c"), post(5, "tt-d", 400), post(6, "", path=drill.EXIT), under_way]
    }
    assert [r["at_s"] for r in drill._orders(ledger, 2)] == [3, 4, 6]
    assert [r["at_s"] for r in drill._entries(ledger, 2)] == [3]
    assert drill._last_ms(drill._orders(ledger, 2), 2.0) == 4000
