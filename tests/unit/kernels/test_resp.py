"""The pieces; whole rows are held against plain Python in tests/unit/store/test_resp.py."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.kernels.resp import part_k, put_bulk_k, put_clock_k


@pytest.mark.parametrize(
    ("word", "shift", "bits", "signed", "part"),
    [
        (0x1122_3344_5566_7788, 0, 32, False, 0x5566_7788),
        (0x1122_3344_5566_7788, 32, 8, False, 0x44),
        (0xFF << 48, 48, 8, True, -1),
        (-5, 0, 64, True, -5),
    ],
)
def test_parts_of_a_word(word, shift, bits, signed, part):
    assert part_k(np.int64(word), shift, bits, signed) == part


def test_an_argument():
    out, text = np.zeros(32, np.uint8), np.frombuffer(bytearray(b"abcdefghijklmno"), np.uint8)
    assert out[: put_bulk_k(out, 0, text, 12)].tobytes() == b"$12\r\nabcdefghijkl\r\n"
    assert out[: put_bulk_k(out, 0, text, 0)].tobytes() == b"$0\r\n\r\n"


@pytest.mark.parametrize(("ms", "told"), [(0, "00:00:00.000"), (33_300_123, "09:15:00.123"), (86_399_999, "23:59:59.999")])
def test_a_time_of_day(ms, told):
    pattern = np.frombuffer(bytearray(b"2026-11-20 99:99:99.999 +05:30"), np.uint8)
    out = np.zeros(64, np.uint8)
    assert out[: put_clock_k(out, pattern, ms)].tobytes().decode() == f"2026-11-20 {told} +05:30"
