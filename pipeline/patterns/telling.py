"""The record of patterns in words, line by line, as UTF-8 without a Python object.

Reads   claims of slots with their rates, slot by slot
Writes  the lines of each slot: ``any`` for every candle, one for each claim, and the names of the newest hits
Numbers are rounded as Python's format does: to the nearest, a tie to the even digit, of the number as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.kernels.jit import kernel
from pipeline.kernels.text import DOT, MINUS, ZERO_DIGIT, put_bytes_k, put_int_k

ANY, NEWEST, FIRST_CLAIM = range(3)
"""Fields of a record: every candle, the newest hits, and the claims from there on."""
ROOM = 192
"""Bytes that a line takes at most."""
PLUS, SPACE, COLON = 43, 32, 58
MINUTE_MS, HOUR_MS, DAY_MS, IST_OFFSET_MS = 60_000, 3_600_000, 86_400_000, 19_800_000
SPLIT = 134_217_729.0
"""Veltkamp's: cuts a double into two halves whose products are exact."""


def _text(words: str) -> Any:
    return np.frombuffer(bytearray(words.encode()), np.uint8)


_OF, _LOW, _TO, _BASE, _GAIN, _GAIN_LOW = (_text(words) for words in ("% of ", " (", "..", "), base ", "%, ", " ("))
_LIFT, _NO_SIDE, _ROSE, _FELL, _COMMA, _LATER = (
    _text(words) for words in ("), lift ", " hits, takes no side", "rose ", "%, fell ", ", ", " candles later")
)


@kernel
def put_text_k(out: Any, at: int, text: Any) -> int:
    """Write words that are always the same."""
    for k in range(len(text)):
        out[at + k] = text[k]
    return at + len(text)


@kernel
def put_rounded_k(out: Any, at: int, value: float, is_signed: bool) -> int:
    """Write a number without places, as ``.0f`` or ``+.0f``."""
    whole = np.rint(value)
    if np.signbit(whole):
        out[at] = MINUS
        at += 1
    elif is_signed:
        out[at] = PLUS
        at += 1
    return put_int_k(out, at, int(abs(whole)))


@kernel
def put_hundredths_k(out: Any, at: int, value: float) -> int:
    """Write a number from zero on with two places, as ``.2f``: what the product with 100 loses decides a tie."""
    product = value * 100.0
    big = value * SPLIT
    high = big - (big - value)
    lost = (high * 100.0 - product) + (value - high) * 100.0
    floor = np.floor(product)
    whole, rest = int(floor), product - floor
    if rest > 0.5 or (rest == 0.5 and (lost > 0.0 or (lost == 0.0 and whole % 2 == 1))):
        whole += 1
    at = put_int_k(out, at, whole // 100)
    out[at], out[at + 1], out[at + 2] = DOT, ZERO_DIGIT + whole // 10 % 10, ZERO_DIGIT + whole % 10
    return at + 3


@kernel
def put_claim_k(out: Any, at: int, side: int, hits: int, ratios: Any) -> int:
    """Write a claim: rate, hits and interval, base rate, gain over it with its interval, lift.

    ratios: float64[7]: rate, low, high, base, least and most gain, lift.
    """
    if side == 0:
        return put_text_k(out, put_int_k(out, at, hits), _NO_SIDE)
    at = put_text_k(out, put_rounded_k(out, at, 100 * ratios[0], False), _OF)
    at = put_text_k(out, put_int_k(out, at, hits), _LOW)
    at = put_text_k(out, put_rounded_k(out, at, 100 * ratios[1], False), _TO)
    at = put_text_k(out, put_rounded_k(out, at, 100 * ratios[2], False), _BASE)
    at = put_text_k(out, put_rounded_k(out, at, 100 * ratios[3], False), _GAIN)
    at = put_text_k(out, put_rounded_k(out, at, 100 * (ratios[0] - ratios[3]), True), _GAIN_LOW)
    at = put_text_k(out, put_rounded_k(out, at, 100 * ratios[4], True), _TO)
    at = put_text_k(out, put_rounded_k(out, at, 100 * ratios[5], True), _LIFT)
    return put_hundredths_k(out, at, ratios[6])


@kernel
def put_base_k(out: Any, at: int, base: Any, ahead: int) -> int:
    """Write what candles do anyway; base int[3]: how many, how many rose and fell so many candles later."""
    count = max(base[0], 1)
    at = put_rounded_k(out, put_text_k(out, at, _ROSE), 100 * base[1] / count, False)
    at = put_rounded_k(out, put_text_k(out, at, _FELL), 100 * base[2] / count, False)
    at = put_text_k(out, put_int_k(out, put_text_k(out, at, _OF), base[0]), _COMMA)
    return put_text_k(out, put_int_k(out, at, ahead), _LATER)


@kernel
def put_newest_k(out: Any, at: int, start: int, starts: Any, claims: Any, names: Any, arena: Any) -> int:
    """Write the Indian time of a candle and the names of the claims that were hit on it."""
    of_day = (start + IST_OFFSET_MS) % DAY_MS
    hour, minute = of_day // HOUR_MS, of_day % HOUR_MS // MINUTE_MS
    out[at], out[at + 1], out[at + 2] = ZERO_DIGIT + hour // 10, ZERO_DIGIT + hour % 10, COLON
    out[at + 3], out[at + 4] = ZERO_DIGIT + minute // 10, ZERO_DIGIT + minute % 10
    at += 5
    for k in range(len(claims)):
        if starts[k] == start:
            out[at] = SPACE
            at = put_bytes_k(out, at + 1, arena, names[claims[k], 0], names[claims[k], 1])
    return at


@kernel
def tell_k(out: Any, ends: Any, places: Any, hits: Any, known: Any, sides: Any, base: Any, words: Any) -> int:
    """Write the lines of each run of one slot; return how many.

    hits: slots, claims and starts of candles int64[n], no starts at all when nothing is said of the newest. known: counts int64[n] and
    ratios float64[n, 7]. sides int64[claims], base int32[slots, 3]. words: place of each claim's name int64[claims, 2], the names, and the
    candles until an outcome.
    Line k ends at ``ends[k + 1]``, and stands in the slot and the field ``places[k]``.
    """
    slots, claims, starts = hits
    counts, ratios = known
    names, arena, ahead = words
    at, line, first = 0, 0, 0
    while first < len(slots):
        slot, end = slots[first], first + 1
        while end < len(slots) and slots[end] == slot:
            end += 1
        at = put_base_k(out, at, base[slot], ahead)
        places[line, 0], places[line, 1], ends[line + 1] = slot, ANY, at
        line += 1
        for k in range(first, end):
            at = put_claim_k(out, at, sides[claims[k]], counts[k], ratios[k])
            places[line, 0], places[line, 1], ends[line + 1] = slot, FIRST_CLAIM + claims[k], at
            line += 1
        if len(starts) > 0:
            at = put_newest_k(out, at, starts[end - 1], starts[first:end], claims[first:end], names, arena)
            places[line, 0], places[line, 1], ends[line + 1] = slot, NEWEST, at
            line += 1
        first = end
    return line
