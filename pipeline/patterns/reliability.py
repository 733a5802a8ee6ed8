"""How often a pattern was followed by what it speaks for, per symbol and timeframe, against how often that happens anyway.

Reads   slots int64[n], closes float64[n] (rupees), found int8[n, patterns] and taken bool[n] of ``patterns/scan.py``
Keeps   per slot: candles, how many rose and fell, and for each claim (a pattern on a side) hits and how many came true
Never   forgets a day, looks ahead, or rates a neutral pattern: that has hits and no rate

A bullish hit comes true when the close AHEAD candles later is above its own, a bearish one when it is below; an equal close is neither.
A hit counts once its outcome is known. Candles follow each other as they closed, a night between them counts for nothing. The base rate
is the same move from every candle of the same symbol and timeframe, the hits among them.

Interval of a rate: Wilson (1927), 95 %. Of the gain over the base rate: Newcombe (1998), his tenth method, which takes hits and base for
independent; that they share candles makes it a little wide. Outcomes of hits less than AHEAD candles apart share candles too, and that
makes both a little narrow. Few hits make a wide interval, which is how little history shows. With so many patterns, one interval in
twenty misses the truth by chance: a lift is a question to more history, not a promise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import Corrupt
from pipeline.core.registry import PATTERNS
from pipeline.core.snapshot import pack, unpack
from pipeline.kernels.jit import kernel, warmer
from pipeline.patterns.scan import Scan
from pipeline.patterns.spec import Lean
from pipeline.patterns.telling import FIRST_CLAIM, ROOM, put_base_k, tell_k

AHEAD = 5
"""Candles until an outcome is read. A hit waits for it as a bit of a byte: eight at most."""
Z = 1.959963984540054
"""Quantile of the normal distribution that leaves 2.5 % above it."""
CANDLES, ROSE, FELL = 0, 1, 2
_SIDES = {Lean.BULLISH: (1,), Lean.BEARISH: (-1,), Lean.NEUTRAL: (0,), Lean.EITHER: (1, -1)}
_WORDS = {1: str(Lean.BULLISH), -1: str(Lean.BEARISH), 0: str(Lean.NEUTRAL)}

Ratios = NDArray[np.float64]


@kernel
def tally_k(wave: Any, claims: Any, counts: Any, closes: Any, books: Any) -> None:
    """Step every taken candle of a wave, in order.

    wave: slots int64[n], closes float64[n], taken bool[n], found int8[n, patterns]. claims int64[m, 2]: pattern and side.
    counts int64[slots]. closes float64[slots, AHEAD]: a ring. books: waiting uint8[slots, m], hits and true int32[slots, m], base
    int32[slots, 3].
    """
    slots, close, taken, found = wave
    waiting, hits, true, base = books
    for row in range(len(slots)):
        if not taken[row]:
            continue
        slot = slots[row]
        place = counts[slot] % AHEAD
        if counts[slot] >= AHEAD:
            move = np.sign(close[row] - closes[slot, place])
            base[slot, CANDLES] += 1
            base[slot, ROSE] += move > 0
            base[slot, FELL] += move < 0
            for k in range(len(claims)):
                if waiting[slot, k] >> (AHEAD - 1) & 1:
                    hits[slot, k] += 1
                    true[slot, k] += move != 0 and move == claims[k, 1]
        closes[slot, place] = close[row]
        counts[slot] += 1
        for k in range(len(claims)):
            strength, side = found[row, claims[k, 0]], claims[k, 1]
            is_hit = strength != 0 and (side == 0 or (strength > 0) == (side > 0))
            waiting[slot, k] = np.uint8((waiting[slot, k] << 1 | is_hit) & 0xFF)


def wilson(true: Ratios, count: Ratios) -> tuple[Ratios, Ratios]:
    """Give the 95 % interval of rates; 0 to 1 where nothing was counted.

    >>> [np.round(x, 3).tolist() for x in wilson(np.array([5.0]), np.array([10.0]))]
    [[0.237], [0.763]]
    """
    n = np.maximum(count, 1e-300)
    middle = (true + Z * Z / 2) / (n + Z * Z)
    half = Z * np.sqrt(true * np.maximum(n - true, 0.0) / n + Z * Z / 4) / (n + Z * Z)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """What is known of some claims of some slots, as columns. A neutral one, or one without hits, has zeros and the interval 0 to 1."""

    hits: NDArray[np.int64]
    hit_ratio: Ratios
    low_ratio: Ratios
    high_ratio: Ratios
    base_ratio: Ratios
    gain_low_ratio: Ratios
    """95 % interval of ``hit_ratio - base_ratio``."""
    gain_high_ratio: Ratios
    lift: Ratios
    """``hit_ratio / base_ratio``; zero without a base."""

    def only(self, mine: NDArray[np.bool_]) -> Rates:
        """Give those of some."""
        return Rates(*(getattr(self, column.name)[mine] for column in fields(self)))


def rates(sides: NDArray[np.int64], hits: NDArray[np.int64], true: NDArray[np.int64], base: NDArray[np.int64]) -> Rates:
    """Rate claims: sides, hits, true int64[n], base int64[n, 3]."""
    is_rated = (sides != 0) & (hits > 0)
    counted, came = np.where(is_rated, hits, 0).astype(np.float64), np.where(is_rated, true, 0).astype(np.float64)
    moved = np.where(sides > 0, base[:, ROSE], base[:, FELL]).astype(np.float64)
    candles = base[:, CANDLES].astype(np.float64)
    rate = came / np.maximum(counted, 1.0)
    anyway = np.where(sides != 0, moved / np.maximum(candles, 1.0), 0.0)
    low, high = wilson(came, counted)
    base_low, base_high = wilson(moved, candles)
    gain = rate - anyway
    gain_low = np.where(is_rated, gain - np.hypot(rate - low, base_high - anyway), -1.0)
    gain_high = np.where(is_rated, gain + np.hypot(high - rate, anyway - base_low), 1.0)
    lift = np.divide(rate, anyway, out=np.zeros_like(rate), where=is_rated & (anyway > 0))
    return Rates(hits, rate, low, high, anyway, np.maximum(gain_low, -1.0), np.minimum(gain_high, 1.0), lift)


def _spelt(names: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Give start and size of each name int64[n, 2], and the names."""
    sizes = np.array([len(name.encode()) for name in names], np.int64)
    return np.stack((np.cumsum(sizes) - sizes, sizes), axis=1), np.frombuffer(bytearray("".join(names).encode()), np.uint8)


class Tally:
    """Hits and outcomes of every pattern for ``slots`` pairs of symbol and timeframe."""

    __slots__ = ("_claims", "_places", "base", "closes", "counts", "hits", "names", "sides", "spelt", "true", "waiting", "words")

    def __init__(self, slots: int) -> None:
        specs = [spec for _, spec in PATTERNS.items()]
        pairs = [(k, side) for k, spec in enumerate(specs) for side in _SIDES[spec.lean]]
        self._claims = np.array(pairs, np.int64).reshape(-1, 2)
        self.sides = np.ascontiguousarray(self._claims[:, 1])
        self.words: tuple[tuple[str, str], ...] = tuple((specs[k].name, _WORDS[side]) for k, side in pairs)
        """Pattern and side of each claim."""
        self.names: tuple[str, ...] = tuple(":".join(words) for words in self.words)
        self.spelt = _spelt(self.names)
        """Names one behind the other, for kernels."""
        # Place of a claim by pattern and by the sign of an answer: [0] and [-1] stand for +1 and -1 as they index.
        self._places = np.zeros((len(specs), 3), np.int64)
        for place, (k, side) in enumerate(pairs):
            self._places[k, [1, -1] if side == 0 else [side]] = place
        self.counts = np.zeros(slots, np.int64)
        self.closes = np.zeros((slots, AHEAD))
        self.base = np.zeros((slots, 3), np.int32)
        self.waiting = np.zeros((slots, len(pairs)), np.uint8)
        self.hits, self.true = (np.zeros((slots, len(pairs)), np.int32) for _ in range(2))

    def step(self, slots: NDArray[np.int64], closes: NDArray[np.float64], found: NDArray[np.int8], taken: NDArray[np.bool_]) -> None:
        """Enter a wave as the scan saw it; rows of one slot stand in order of time."""
        books = (self.waiting, self.hits, self.true, self.base)
        tally_k((slots, np.ascontiguousarray(closes), taken, found), self._claims, self.counts, self.closes, books)

    def claims_of(self, patterns: NDArray[np.int64], strengths: NDArray[np.int8]) -> NDArray[np.int64]:
        """Give the claim that each answer makes."""
        return self._places[patterns, np.sign(strengths).astype(np.int64)]

    def rates(self, slots: NDArray[np.int64], claims: NDArray[np.int64]) -> Rates:
        """Rate pairs of slot and claim."""
        hits, true = (book[slots, claims].astype(np.int64) for book in (self.hits, self.true))
        return rates(self.sides[claims], hits, true, self.base[slots].astype(np.int64))

    def known(self, slots: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the pairs of slot and claim that were ever hit, slot by slot."""
        rows, claims = np.nonzero(self.hits[slots])
        return slots[rows], claims

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Give all that is carried from candle to candle, by slot."""
        return tuple(getattr(self, name) for name in _ARRAYS)

    def dump(self) -> bytes:
        return pack({"claims": list(self.names), "ahead": AHEAD}, {name: getattr(self, name) for name in _ARRAYS})

    def load(self, blob: bytes) -> None:
        """Take up a saved tally; one of other claims, or of outcomes after another time, is Corrupt."""
        plain, arrays = unpack(blob)
        if tuple(plain["claims"]) != self.names or plain["ahead"] != AHEAD:
            raise Corrupt("the saved record of patterns is not one of this program: clear the session with `ticktick clear`")
        for name in _ARRAYS:
            getattr(self, name)[:] = arrays[name]


_NO_NAMES = _spelt(("-",))
_ARRAYS = ("counts", "closes", "base", "waiting", "hits", "true")


def told(known: Rates, sides: NDArray[np.int64]) -> list[str]:
    """Say each claim in a line: rate, hits and interval, base rate, gain over it with its interval, lift."""
    claims = np.arange(len(sides))
    text, ends, places = _lines((np.zeros_like(claims), claims, claims[:0]), known, sides, np.zeros((1, 3), np.int32), _NO_NAMES)
    lines, spots = text.tobytes(), ends.tolist()
    return [lines[spots[k] : spots[k + 1]].decode() for k, (_, field) in enumerate(places.tolist()) if field >= FIRST_CLAIM]


def told_base(base: NDArray[np.int32]) -> str:
    """Say what candles do anyway; base int32[3]."""
    out = np.empty(ROOM, np.uint8)
    return out[: put_base_k(out, 0, np.ascontiguousarray(base), AHEAD)].tobytes().decode()


def lines_of(
    tally: Tally, slots: NDArray[np.int64], claims: NDArray[np.int64], known: Rates, starts: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Say claims, which stand slot by slot: text, the end of each line behind a zero, and its slot and field (``fields_of``).

    With the starts of their candles they are the newest of their slots; without (an empty array) nothing is said of that.
    """
    return _lines((slots, claims, starts), known, tally.sides, tally.base, tally.spelt)


def fields_of(tally: Tally) -> tuple[str, ...]:
    """Name the fields of a record, as ``lines_of`` numbers them."""
    return ("any", "newest", *tally.names)


def _lines(hits: Any, known: Rates, sides: NDArray[np.int64], base: NDArray[np.int32], words: Any) -> Any:
    ratios = (known.hit_ratio, known.low_ratio, known.high_ratio, known.base_ratio, known.gain_low_ratio, known.gain_high_ratio, known.lift)
    most = 3 * len(hits[0])
    out = np.empty(most * ROOM + len(hits[2]) * int(words[0][:, 1].max() + 1), np.uint8)
    ends, places = np.zeros(most + 1, np.int64), np.empty((most, 2), np.int64)
    told_of_each = (np.ascontiguousarray(known.hits), np.stack(ratios, axis=1))
    lines = tell_k(out, ends, places, tuple(map(np.ascontiguousarray, hits)), told_of_each, sides, base, (*words, AHEAD))
    return out[: ends[lines]], ends[: lines + 1], places[:lines]


def told_of(tally: Tally, slot: int) -> dict[str, str]:
    """Say all that is known of a slot: ``any`` for every candle, then claim by claim."""
    slots, claims = tally.known(np.array([slot], np.int64))
    lines = told(tally.rates(slots, claims), tally.sides[claims])
    return {"any": told_base(tally.base[slot])} | {tally.names[claim]: line for claim, line in zip(claims.tolist(), lines, strict=True)}


def from_candles(waves: Iterable[tuple[NDArray[np.int64], NDArray[np.void]]], slots: int) -> Tally:
    """Tally the patterns of candles of the past, by the step that tallies live.

    ``waves`` are pairs of slots int64[n] and candles (``ts`` and prices), those of one slot in order of time; one is held at a time.
    """
    scan, tally = Scan(slots), Tally(slots)
    for at, rows in waves:
        found = scan.step(at, rows)
        tally.step(at, rows["close"], found, scan.taken)
    return tally


@warmer
def _warm() -> None:
    tally = Tally(1)
    one, base = np.ones(1, np.int64), np.ones((1, 3), np.int64)
    told(rates(one, one, one, base), one)
    tally.step(one - 1, np.zeros(1), np.zeros((1, len(PATTERNS.names())), np.int8), np.zeros(1, np.bool_))
    told_base(tally.base[0])
