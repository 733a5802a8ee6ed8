"""Tick metrics: every feed row in, the same row with its metrics filled out, in O(1) a tick.

Reads   TICK[n] rows, raw fields (rupees, shares, epoch ms); metric fields and metric flags of the input are ignored
Writes  TICK[n] rows with ``volume`` ... ``vwap_slow``, ``aggressor`` and the flags of this file
State   one record and a ring of ``window`` rows per symbol (24 bytes a row)

Volume comes from ``vtt`` and is never negative: a late packet (``vtt`` and ``ltt`` both back) changes nothing and
is counted; a new IST day starts from zero; the first row after a start, a snapshot or a gap sets the base, so
that what was missed is not booked on one tick. Without ``vtt`` (mode ltpc) the last trade's quantity
stands in. Running sums are of whole numbers, or summed afresh once a lap of the ring. Never asks a clock.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import Corrupt
from pipeline.core.params import TickParams
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import TICK, FeedMode, TickFlag, TickKind
from pipeline.kernels.jit import kernel, warmer, writable
from pipeline.kernels.micro import (
    PRICE_SCALE,
    aggressor_k,
    bps_k,
    imbalance_k,
    latch_k,
    microprice_k,
    mid_k,
    return_k,
    spread_k,
    turnover_k,
)

GAP, SNAPSHOT, LTPC = int(TickKind.GAP), int(TickKind.SNAPSHOT), int(FeedMode.LTPC)
KEPT_FLAGS = int(TickFlag.HAS_DEPTH | TickFlag.HAS_MINUTE | TickFlag.CAS_ELIGIBLE | TickFlag.INDEX)
"""Flags that the decoder sets; all others are ours."""
TRADED, LIQUID, VOLATILE = int(TickFlag.TRADED), int(TickFlag.LIQUID), int(TickFlag.VOLATILE)
CROSS_UP, CROSS_DOWN, WARM = int(TickFlag.VWAP_CROSS_UP), int(TickFlag.VWAP_CROSS_DOWN), int(TickFlag.WARM)
DAY_MS, IST_MS = 86_400_000, 19_800_000
MIN_WARM = 30
"""Rows before a standard deviation means something."""
SAME = 1e-9
"""Two averages closer than this part of each other have not crossed: it is rounding."""

STATE = np.dtype(
    [
        (name, "<i8")
        for name in ("day", "seen", "has_vtt", "resync", "vtt", "ltt", "move", "count", "tail", "moves", "averaged", "side", "late")
    ]
    + [(name, "<i8") for name in ("qty", "worth", "session_qty", "session_worth", "is_liquid", "is_volatile")]
    + [(name, "<f8") for name in ("ltp", "bid", "ask", "vwap", "s1", "s2", "volatility", "fast", "slow")]
)
"""What is carried per symbol besides the ring.

``seen``: a row came today; ``has_vtt``: the volume has a base; ``resync``: a gap came since; ``move``: last change of price, +1 or
-1; ``count``: rows ever put into the ring; ``tail``: oldest row of the VWAP window; ``moves``: returns in the
window that are not zero; ``averaged``: rows with a VWAP; ``side``: where fast stands to slow; ``qty``, ``worth``: sums of the
VWAP window; ``s1``, ``s2``: sums of returns and of their squares; ``fast``, ``slow``: sums of VWAP.
"""

_BLANK = np.zeros(1, STATE)

# Places in the parameter vector.
VWAP_MS, FAST, SLOW, LIQUID_BPS, VOLATILE_AT, HYSTERESIS, WARM_AT = range(7)


class TickState:
    """Windows of all symbols. ``dump`` and ``load`` keep every bit."""

    __slots__ = ("params", "px", "state", "ts", "vol", "vwap")

    def __init__(self, symbols: int, params: TickParams) -> None:
        if not 0 < params.vwap_fast < params.vwap_slow <= params.window:
            msg = f"ticks: 0 < vwap_fast < vwap_slow <= window must hold, got {params.vwap_fast}, {params.vwap_slow}, {params.window}"
            raise ValueError(msg)
        warm = min(params.window, max(params.vwap_slow, MIN_WARM))
        self.params = np.array(
            [
                params.vwap_s * 1000.0,
                params.vwap_fast,
                params.vwap_slow,
                params.liquid_spread_bps,
                params.volatile_bps / 10_000.0,
                params.hysteresis,
                warm,
            ]
        )
        self.state = np.zeros(symbols, STATE)
        self.px = np.zeros((symbols, params.window))
        self.vwap = np.zeros((symbols, params.window))
        self.ts = np.zeros((symbols, params.window), np.int32)
        self.vol = np.zeros((symbols, params.window), np.int32)

    def dump(self) -> bytes:
        return pack({}, {"state": self.state, "px": self.px, "vwap": self.vwap, "ts": self.ts, "vol": self.vol})

    def load(self, blob: bytes) -> None:
        _, arrays = unpack(blob)
        for name, array in arrays.items():
            if array.shape != getattr(self, name).shape:
                raise Corrupt(
                    "the saved tick windows have another size (watchlist or settings changed): clear the session with `ticktick clear`"
                )
            getattr(self, name)[:] = array


def step(state: TickState, rows: NDArray[np.void]) -> NDArray[np.void]:
    """Fill the metrics of a batch; the input is left alone."""
    out = writable(rows)
    step_k(out, state.state, state.px, state.vwap, state.ts, state.vol, state.params, _BLANK)
    return out


@kernel
def quote_k(row: Any) -> None:
    """Metrics of the book in this row alone."""
    bid, ask = row["bid_px"][0], row["ask_px"][0]
    bid_qty, ask_qty = float(row["bid_qty"][0]), float(row["ask_qty"][0])
    row["mid"] = mid_k(bid, ask)
    row["spread"] = spread_k(bid, ask)
    row["spread_bps"] = bps_k(row["spread"], row["mid"])
    row["microprice"] = microprice_k(bid, bid_qty, ask, ask_qty)
    row["obi"] = imbalance_k(bid_qty, ask_qty)
    bids, asks = 0.0, 0.0
    for level in range(len(row["bid_qty"])):
        bids += row["bid_qty"][level]
        asks += row["ask_qty"][level]
    row["obi5"] = imbalance_k(bids, asks)


@kernel
def volume_k(row: Any, s: Any) -> int:
    """Shares traded since the row before, never negative; moves the base. ``ltt`` has not been moved yet."""
    has_moved = row["ltt"] > s["ltt"] and s["seen"] == 1
    volume = row["ltq"] if has_moved else 0
    if row["mode"] != LTPC and (row["vtt"] > 0 or s["vtt"] == 0):
        if s["has_vtt"] == 1:
            gained = max(row["vtt"] - s["vtt"], 0)
            volume = min(volume, gained) if s["resync"] == 1 else gained
        s["has_vtt"] = 1
        s["vtt"] = max(s["vtt"], row["vtt"])
    elif row["mode"] != LTPC:
        volume = 0
    return max(volume, 0)


@kernel
def push_k(s: Any, row: Any, px: Any, vwap: Any, ts: Any, vol: Any, params: Any) -> None:
    """Put a live row into the ring of its symbol; keep every running sum right."""
    size = len(px)
    count = s["count"]
    at = count % size
    now = np.int32((row["ts_exch"] + IST_MS) - s["day"] * DAY_MS)
    if count >= size:
        nxt = (at + 1) % size
        gone = return_k(px[nxt], px[at])
        s["s1"] -= gone
        s["s2"] -= gone * gone
        s["moves"] -= 1 if gone != 0.0 else 0
    cut = now - np.int64(params[VWAP_MS])
    while s["tail"] < count and (s["tail"] <= count - size or ts[s["tail"] % size] <= cut):
        old = s["tail"] % size
        s["qty"] -= vol[old]
        s["worth"] -= turnover_k(px[old], vol[old])
        s["tail"] += 1
    if count > 0:
        ret = return_k(row["ltp"], px[(count - 1) % size])
        s["s1"] += ret
        s["s2"] += ret * ret
        s["moves"] += 1 if ret != 0.0 else 0
    px[at] = row["ltp"]
    ts[at] = now
    vol[at] = np.int32(min(row["volume"], 2_147_483_647))
    s["qty"] += vol[at]
    s["worth"] += turnover_k(px[at], vol[at])
    if s["qty"] > 0:
        s["vwap"] = s["worth"] / PRICE_SCALE / s["qty"]
    for k in (FAST, SLOW):
        old = (count - np.int64(params[k])) % size
        leaving = vwap[old] if count >= params[k] else 0.0
        if k == FAST:
            s["fast"] += s["vwap"] - leaving
        else:
            s["slow"] += s["vwap"] - leaving
    vwap[at] = s["vwap"]
    s["averaged"] += 1 if s["vwap"] > 0.0 else 0
    s["count"] = count + 1
    if s["count"] % size == 0:
        resum_k(s, px, vwap, params)


@kernel
def resum_k(s: Any, px: Any, vwap: Any, params: Any) -> None:
    """Once a lap, when the ring starts again at 0: sum exactly what the running sums stand for."""
    size = len(px)
    s["s1"] = 0.0
    s["s2"] = 0.0
    for i in range(1, size):
        ret = return_k(px[i], px[i - 1])
        s["s1"] += ret
        s["s2"] += ret * ret
    s["fast"] = 0.0
    s["slow"] = 0.0
    for i in range(size - np.int64(params[FAST]), size):
        s["fast"] += vwap[i]
    for i in range(size - np.int64(params[SLOW]), size):
        s["slow"] += vwap[i]


@kernel
def volatility_k(s: Any, size: int) -> float:
    """Sample standard deviation of the tick returns inside the window."""
    n = min(s["count"], size) - 1
    if n < 2 or s["moves"] == 0:
        return 0.0
    variance = (s["s2"] - s["s1"] * s["s1"] / n) / (n - 1)
    return np.sqrt(max(variance, 0.0))


@kernel
def averages_k(row: Any, s: Any, params: Any) -> int:
    """Fill the two averages of VWAP; return the flag of a cross on this tick, if any."""
    if s["averaged"] < params[SLOW]:
        return 0
    row["vwap_fast"] = s["fast"] / params[FAST]
    row["vwap_slow"] = s["slow"] / params[SLOW]
    gap = row["vwap_fast"] - row["vwap_slow"]
    if abs(gap) <= SAME * row["vwap_slow"]:
        return 0
    side = 1 if gap > 0.0 else -1
    before = s["side"]
    s["side"] = side
    if before == -side:
        return CROSS_UP if side == 1 else CROSS_DOWN
    return 0


@kernel
def flags_k(row: Any, s: Any, params: Any) -> int:
    """Liquidity and volatility, with hysteresis so that they do not flicker."""
    limit, spread = params[LIQUID_BPS], row["spread_bps"]
    is_quoted = row["mid"] > 0.0
    s["is_liquid"] = latch_k(s["is_liquid"] == 1, is_quoted and spread <= limit, not is_quoted or spread > limit * params[HYSTERESIS])
    if s["count"] < params[WARM_AT]:
        return LIQUID * s["is_liquid"]
    at, size = params[VOLATILE_AT], s["volatility"]
    s["is_volatile"] = latch_k(s["is_volatile"] == 1, size >= at, size < at / params[HYSTERESIS])
    return WARM | LIQUID * s["is_liquid"] | VOLATILE * s["is_volatile"]


@kernel
def is_late_k(row: Any, s: Any) -> bool:
    """Tell a packet that was overtaken: both its volume and its last trade lie behind what was seen."""
    if s["seen"] == 0:
        return False
    if row["mode"] != LTPC and row["vtt"] > 0:
        return row["vtt"] < s["vtt"] and row["ltt"] <= s["ltt"]
    return row["ltt"] < s["ltt"]


@kernel
def trade_k(row: Any, s: Any) -> int:
    """Book volume, return, aggressor and session VWAP of a live row; return TRADED or 0."""
    before = s["vtt"]
    volume = volume_k(row, s)
    row["volume"] = volume
    row["tick_return"] = return_k(row["ltp"], s["ltp"])
    if row["ltp"] != s["ltp"] and s["ltp"] > 0.0:
        s["move"] = 1 if row["ltp"] > s["ltp"] else -1
    s["session_qty"] += volume
    s["session_worth"] += turnover_k(row["ltp"], volume)
    has_traded = s["seen"] == 1 and (row["ltt"] > s["ltt"] or (volume > 0 and s["vtt"] > before))
    if has_traded:
        row["aggressor"] = aggressor_k(row["ltp"], s["bid"], s["ask"], s["move"])
    return TRADED if has_traded else 0


@kernel
def remember_k(row: Any, s: Any) -> None:
    """Carry price, time and quote to the next row. A row from a key that never traded has no price."""
    if row["ltp"] > 0.0:
        s["ltp"] = row["ltp"]
        s["seen"] = 1
    s["ltt"] = max(s["ltt"], row["ltt"])
    s["bid"] = row["bid_px"][0]
    s["ask"] = row["ask_px"][0]


@kernel
def clear_k(row: Any) -> None:
    """Take out metrics of an earlier pass, so that stepping our own output again gives the same bits."""
    row["aggressor"] = 0
    row["flags"] = row["flags"] & KEPT_FLAGS
    row["volume"] = 0
    row["tick_return"] = 0.0
    row["volatility"] = 0.0
    row["vwap_fast"] = 0.0
    row["vwap_slow"] = 0.0


@kernel
def step_k(rows: Any, state: Any, px: Any, vwap: Any, ts: Any, vol: Any, params: Any, blank: Any) -> None:
    """Fill the metrics of ``rows`` in place, in order. Rows of unknown symbols and gaps pass untouched."""
    for i in range(len(rows)):
        row = rows[i]
        sid = np.int64(row["sid"])
        if row["kind"] == GAP:
            for k in range(len(state)):
                state[k]["resync"] = 1
        if row["kind"] == GAP or sid >= len(state):
            continue
        s = state[sid]
        day = (row["ts_exch"] + IST_MS) // DAY_MS
        if s["day"] != day:
            late = s["late"]
            state[sid] = blank[0]
            s["day"], s["late"] = day, late
        clear_k(row)
        quote_k(row)
        flags = 0
        if is_late_k(row, s):
            s["late"] += 1
        elif row["kind"] == SNAPSHOT:
            s["vtt"] = max(s["vtt"], row["vtt"])
            s["has_vtt"] = 1 if row["mode"] != LTPC else 0
            s["resync"] = 0
            remember_k(row, s)
        elif row["ltp"] > 0.0:
            flags = trade_k(row, s)
            s["resync"] = 0
            push_k(s, row, px[sid], vwap[sid], ts[sid], vol[sid], params)
            s["volatility"] = volatility_k(s, len(px[sid])) if s["count"] >= params[WARM_AT] else 0.0
            remember_k(row, s)
        row["vwap"] = s["vwap"]
        row["session_vwap"] = s["session_worth"] / PRICE_SCALE / s["session_qty"] if s["session_qty"] > 0 else 0.0
        row["volatility"] = s["volatility"]
        flags |= averages_k(row, s, params) | flags_k(row, s, params)
        row["flags"] = row["flags"] | flags


@warmer
def _warm() -> None:
    state = TickState(1, TickParams(4, 60, 2, 3, 5.0, 1.0, 1.5, 60, 0.2, 1000, 250))
    step(state, np.zeros(2, TICK))
