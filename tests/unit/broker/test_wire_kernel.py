"""The kernel's own answers: order, room, what is left to the runtime, and that it never looks behind the frame."""

import ctypes
import mmap
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.broker import wire_kernel as k
from pipeline.broker.wire import Decoder
from pipeline.core.types import Instrument
from proto.MarketDataFeedV3_pb2 import FeedResponse
from tests.fakes.wire_frames import KEYS, STRANGERS, TS, WATCH, Composer, double, inner, mutate, number, seeds

ROOT = Path(__file__).resolve().parents[3]
STAMP = number(3, TS)


def entry(key: str, ltp: float = 5.0) -> bytes:
    return inner(2, inner(1, key.encode()) + inner(2, inner(1, double(1, ltp))))


def answer(frame: bytes) -> tuple[int, int]:
    """Ask the kernel once, in a decoder that has room."""
    decoder = Decoder(WATCH)
    for what, row in ((k.ONE_AT, k.TICK), (k.ROWS_AT, k.TICK), (k.DEEP_AT, k.DEPTH)):
        room = decoder._room(what, row, 1)
        decoder._memory[what : what + 2] = room.address, room.count
    return decoder._decode(frame, decoder._address)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_plain_answer_is_the_time_and_the_count(count):
    assert answer(b"".join(entry(key) for key in KEYS[:count]) + STAMP) == (TS, count)


def test_no_row_and_strangers_are_told_by_the_memory():
    assert answer(STAMP) == (k.PARTLY, 0)
    assert answer(entry(STRANGERS[0]) + STAMP) == (k.PARTLY, 0)
    assert answer(entry(KEYS[0]) + entry(STRANGERS[0]) + STAMP) == (k.PARTLY, 0)


UNUSUAL = {
    "no time": entry(KEYS[0]),
    "a time of another century": entry(KEYS[0]) + number(3, 5),
    "an unknown type": entry(KEYS[0]) + STAMP + number(1, 3),
    "a negative type": entry(KEYS[0]) + STAMP + number(1, -1),
    "market states": entry(KEYS[0]) + STAMP + inner(4, b""),
    "a key twice": entry(KEYS[0]) + entry(KEYS[0]) + STAMP,
    "an entry without a key": inner(2, inner(2, inner(1, double(1, 5.0)))) + STAMP,
    "an entry without a value": inner(2, inner(1, KEYS[0].encode())) + STAMP,
    "an entry that holds more": inner(2, inner(1, KEYS[0].encode()) + inner(2, inner(1, double(1, 5.0))) + number(9, 1)) + STAMP,
    "a key that is no ASCII": entry("NSE_EQ|₹") + STAMP,
    "a price below zero": entry(KEYS[0], -1.0) + STAMP,
    "a bad value of a stranger's": inner(2, inner(1, b"X") + inner(2, inner(1, b"\x09\x00"))) + STAMP,
    "a group": entry(KEYS[0]) + STAMP + b"\x2b\x2c",
    "a frame cut off": (entry(KEYS[0]) + STAMP)[:-1],
}


@pytest.mark.parametrize("frame", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_what_is_left_to_the_runtime(frame):
    assert answer(frame) == (k.UNUSUAL, 0)


@pytest.mark.parametrize("count", [2, 24, 25, 26, 31, 32, 33, 64, 65, 700, 6_000])
def test_rows_are_in_order_of_their_papers_whatever_the_frame_s_order(count):
    rng = random.Random(count)
    sids = rng.sample(range(100_000), count)
    watch = [Instrument(sid, "", f"NSE_FO|{n}", "", 5, 1, 1, is_cas_eligible=False) for n, sid in enumerate(sids)]
    order = rng.sample(range(count), count)
    frame = b"".join(entry(f"NSE_FO|{n}", float(n)) for n in order) + STAMP
    rows = Decoder(watch).decode(frame, TS).rows
    assert rows["sid"].tolist() == sorted(sids)
    assert rows["ltp"].tolist() == [float(n) for n in np.argsort(sids)]
    twice = frame + entry(f"NSE_FO|{order[0]}", 7.0)
    if count < 6_000:
        assert Decoder(watch).decode(twice, TS).rows["ltp"][list(np.argsort(sids)).index(order[0])] == 7.0


def test_ones_are_counted():
    for bits in (0, 1, 0x80000000, 0xFFFFFFFF, 0x12345678):
        assert k.ones_k(bits) == bits.bit_count() == k.ones_k.py_func(bits)


def behind_a_wall(frames: int) -> None:
    """Decode frames that end where readable memory ends: one byte further would kill the process."""
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 3 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(start + 2 * page), page, mmap.PROT_NONE if hasattr(mmap, "PROT_NONE") else 0) == 0
    rng, decoder, pool = random.Random(5), Decoder(WATCH), [*seeds(), *(Composer(random.Random(n)).frame() for n in range(60))]
    told = {True: 0, False: 0}
    for _ in range(frames):
        frame = mutate(rng, rng.choice(pool)) if rng.random() < 0.7 else rng.choice(pool)
        if len(frame) > 2 * page:
            continue
        memory[2 * page - len(frame) : 2 * page] = frame
        answer, count = decoder._decode(memoryview(memory)[2 * page - len(frame) : 2 * page], decoder._address)
        while count < 0:
            answer, count = decoder._make_room(frame, -count)
        told[answer != k.UNUSUAL] += 1
    print(told[True], told[False])


def test_nothing_behind_the_frame_is_read():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.unit.broker.test_wire_kernel import behind_a_wall; behind_a_wall(20_000)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    taken, left = map(int, done.stdout.split())
    assert taken > 3_000
    assert left > 3_000


def test_a_frame_of_the_runtime_s_own_making_is_plain():
    message = FeedResponse(type=1, currentTs=TS)
    message.feeds[KEYS[0]].ltpc.ltp = 5.0
    assert answer(message.SerializeToString()) == (TS, 1)
