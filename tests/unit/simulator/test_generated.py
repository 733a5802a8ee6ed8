import hashlib
import subprocess
import sys

import pytest

from pipeline.core.session import ist_clock
from pipeline.simulator.encode import encode
from pipeline.simulator.generated import previous_close
from pipeline.simulator.listing import DEFAULT_LISTINGS, INDEX_LISTINGS
from pipeline.simulator.market import Kind
from tests.fakes.sim_day import DATE, frames, market, tape_of

MODES = {item.key: "full" for item in DEFAULT_LISTINGS}
DIGEST = """
import hashlib
from tests.fakes.sim_day import frames
from pipeline.simulator.encode import encode
from pipeline.simulator.listing import DEFAULT_LISTINGS
modes = {i.key: "full" for i in DEFAULT_LISTINGS}
print(hashlib.sha256(b"".join(encode(f, modes) for f in frames("09:00-09:17"))).hexdigest())
"""


def digest(session, seed=7):
    return hashlib.sha256(b"".join(encode(f, MODES) for f in frames(session, seed))).hexdigest()


@pytest.mark.parametrize("hashseed", ["1", "2"])
def test_the_same_bytes_in_every_process(hashseed):
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": hashseed, "PYTHONPATH": "."}
    )
    assert done.stdout.strip() == digest("09:00-09:17")


def test_another_seed_is_another_day():
    assert digest("09:00-09:17", 8) != digest("09:00-09:17")


def test_times_increase_and_the_last_frame_ends_the_session():
    played = frames()
    times = [f.ts for f in played]
    assert times == sorted(set(times))
    assert played[-1].kind is Kind.STATUS
    assert played[-1].status.segments["NSE_EQ"] == "CLOSING_END"
    assert ist_clock(played[-1].ts) == "09:45:01"


def test_a_short_session_is_a_cut_of_a_longer_one():
    long = {f.ts: f for f in frames("09:00-09:50")}
    assert all(long[f.ts] == f for f in frames()[:-1])


def test_the_feeds_own_bars_equal_bars_built_from_what_is_sent():
    maker, told = market(), {}
    tape = tape_of(maker, frames())
    for frame in frames():
        for update in frame.updates:
            if update.minute is not None:
                told.setdefault(update.key, {}).setdefault(update.minute.ts, update.minute)
                assert update.minute.ts + 60_000 <= frame.ts
                assert told[update.key][update.minute.ts] == update.minute
    for key, bars in told.items():
        built = {b.ts: b for b in tape.bars[key]}
        assert all(built[ts] == bar for ts, bar in bars.items())
        assert len(bars) >= 29


def test_a_middle_session_opens_with_the_state_of_its_moment():
    status, updates = market("11:00-11:02").opening()
    assert status.segments["NSE_EQ"] == "NORMAL_OPEN"
    assert all(u.vtt > 0 and u.minute is not None for u in updates)
    early = market("full").opening()[1]
    assert all(u.vtt == 0 and u.ltp == u.cp for u in early)
    reliance = DEFAULT_LISTINGS[0]
    assert early[0].cp == previous_close(7, DATE, reliance)


def test_indices_are_published_without_volume():
    maker = market("09:15-09:20", listings=(*DEFAULT_LISTINGS[:3], *INDEX_LISTINGS))
    seen = [u for f in maker.frames() for u in f.updates if u.key == INDEX_LISTINGS[0].key]
    assert len(seen) > 200
    assert all(u.is_index and u.vtt == 0 and u.ltq == 0 and not u.bid_px for u in seen)
    assert all(abs(u.ltp * 20 - round(u.ltp * 20)) < 1e-6 for u in seen)


def test_a_closing_day_has_auction_and_post_close():
    played = list(market("15:14-16:00", listings=DEFAULT_LISTINGS[:2]).frames())
    assert next(w for f in played if f.status for w in (f.status.cas.get("NSE_EQ", ("",))[0],) if w) == "CTS_CLOSE"
    told = [u for f in played for u in f.updates if u.auction is not None]
    assert all(u.is_cas for u in told)
    assert any(u.auction.ieq > 0 and u.auction.rp > 0 for u in told)
    assert not [f for f in played if f.updates and ist_clock(f.ts) > "15:35:00"]
