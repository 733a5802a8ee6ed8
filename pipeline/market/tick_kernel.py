"""The kernel of the tick metrics, and the memory that it works in.

Reads   TICK[n], raw fields; memory of ``pipeline/market/ticks.py``: one HEAD, then STATE, IV and ring of every symbol
Writes  the metric fields of the rows in place, and the memory

All of a symbol's windows are one stretch of memory, and all that a tick touches of its state is three cache lines. The
memory goes in as one array of bytes and is cut up here: every array that Numba is handed costs 70 ns a call. Positions
in the ring wrap by comparison (a remainder costs 10 ns), and what the market decides is selected, not branched on.
The layouts stand in this file since the compiler's cache is dated by it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.core.types import NO_SYMBOL, FeedMode, TickFlag, TickKind
from pipeline.kernels.jit import kernel
from pipeline.kernels.micro import (
    aggressor_k,
    bps_k,
    deviation_k,
    direction_k,
    imbalance_k,
    latch_k,
    microprice_k,
    mid_k,
    return_k,
    spread_k,
    turnover_k,
    vwap_k,
)

GAP, REPAIR, SNAPSHOT, LTPC = int(TickKind.GAP), int(TickKind.REPAIR), int(TickKind.SNAPSHOT), int(FeedMode.LTPC)
CONFLATED = int(TickFlag.CONFLATED)
KEPT_FLAGS = int(TickFlag.HAS_DEPTH | TickFlag.HAS_MINUTE | TickFlag.CAS_ELIGIBLE | TickFlag.INDEX | TickFlag.CONFLATED | TickFlag.HAS_DAY)
"""Flags that are set upstream; all others are ours."""
TRADED, LIQUID, VOLATILE = int(TickFlag.TRADED), int(TickFlag.LIQUID), int(TickFlag.VOLATILE)
CROSS_UP, CROSS_DOWN, WARM = int(TickFlag.VWAP_CROSS_UP), int(TickFlag.VWAP_CROSS_DOWN), int(TickFlag.WARM)
IV_JUMP = int(TickFlag.IV_JUMP)
DAY_MS, IST_MS = 86_400_000, 19_800_000
SAME = 1e-9
"""Two averages closer than this part of each other have not crossed: it is rounding."""
IV_SLOTS = 16
MOST = 2_147_483_647

HEAD = np.dtype(
    [(name, "<i8") for name in ("symbols", "window", "warm_at", "fast", "slow", "vwap_ms", "iv_ms")]
    + [(name, "<f8") for name in ("per_fast", "per_slow", "liquid", "illiquid", "volatile", "calm", "iv_jump")]
    + [("pad", "<i8", (2,))]
)
"""Sizes and thresholds. ``iv_ms``: width of a slot; ``per_fast``: 1 / ``fast``; ``illiquid`` and ``calm``: where the latches fall."""

STATE = np.dtype(
    [(name, "<i8") for name in ("midnight", "vtt", "ltt", "qty", "worth", "session_qty", "session_worth")]
    + [(name, "<f8") for name in ("ltp", "bid", "ask", "vwap", "session_vwap", "s1", "s2", "volatility", "fast", "slow", "last_px")]
    + [(name, "<i4") for name in ("at", "count", "tail", "held", "moves", "steps", "averaged", "late")]
    + [(name, "i1") for name in ("seen", "has_vtt", "resync", "move", "side", "is_liquid", "is_volatile", "spare")]
    + [("pad", "<i8")]
)
"""What is carried per symbol besides the rings; 192 bytes.

``midnight``: start of the IST day, 0 before the first row; ``seen``: a price came today; ``has_vtt``: the volume has a base; ``resync``:
a gap came since; ``move``: last change of price, +1 or -1; ``at``: next place in the ring; ``count``: rows in it; ``tail``, ``held``:
oldest row and number of rows of the VWAP window; ``qty``, ``worth``: its sums; ``steps``: returns in the ring, ``moves``: those that are
not zero, ``s1``, ``s2``: sums of them and of their squares; ``averaged``: rows with a VWAP; ``fast``, ``slow``: sums of VWAP;
``side``: where fast stands to slow; ``last_px``: the newest price of the ring.
"""

IV = np.dtype([("then", "<f8"), ("bucket", "<i8"), ("slots", "<f8", (IV_SLOTS,))])
"""Implied volatility. ``slots``: the newest value of each of the last 16 slots of time, 0 where none came; ``bucket``: number of the
newest slot; ``then``: the newest value of all slots before."""

RING = np.dtype([("px", "<f8"), ("vwap", "<f8"), ("ts", "<i4"), ("vol", "<i4")])
"""One live row. ``ts``: ms since midnight; ``vol``: shares, or their complement when the row stands for several updates."""


HEAD_BYTES, STATE_BYTES, IV_BYTES, RING_BYTES = HEAD.itemsize, STATE.itemsize, IV.itemsize, RING.itemsize


@kernel
def quote_k(row: Any) -> float:
    """Metrics of the book in this row alone; return the spread in bps, or -1 without a quote."""
    bid, ask = row["bid_px"][0], row["ask_px"][0]
    bid_qty, ask_qty = row["bid_qty"][0], row["ask_qty"][0]
    bids, asks = bid_qty, ask_qty
    for level in range(1, len(row["bid_qty"])):
        bids += row["bid_qty"][level]
        asks += row["ask_qty"][level]
    mid, spread = mid_k(bid, ask), spread_k(bid, ask)
    bps = bps_k(spread, mid)
    microprice = microprice_k(bid, float(bid_qty), ask, float(ask_qty))
    obi, obi5 = imbalance_k(float(bid_qty), float(ask_qty)), imbalance_k(float(bids), float(asks))
    row["mid"] = mid
    row["spread"] = spread
    row["spread_bps"] = bps
    row["microprice"] = microprice
    row["obi"] = obi
    row["obi5"] = obi5
    return bps if mid > 0.0 else -1.0


@kernel
def is_late_k(row: Any, s: Any) -> bool:
    """Tell a packet that was overtaken: both its volume and its last trade lie behind what was seen."""
    if s["seen"] == 0:
        return False
    if row["mode"] != LTPC and row["vtt"] > 0:
        return row["vtt"] < s["vtt"] and row["ltt"] <= s["ltt"]
    return row["ltt"] < s["ltt"]


@kernel
def volume_k(row: Any, s: Any) -> int:
    """Shares traded since the row before, never negative; moves the base. ``ltt`` has not been moved yet."""
    volume = row["ltq"] if row["ltt"] > s["ltt"] and s["seen"] == 1 else 0
    if row["mode"] != LTPC:
        vtt, before = row["vtt"], s["vtt"]
        if vtt > 0 or before == 0:
            if s["has_vtt"] == 1:
                gained = max(vtt - before, 0)
                volume = min(volume, gained) if s["resync"] == 1 else gained
            s["has_vtt"] = 1
            s["vtt"] = max(before, vtt)
        else:
            volume = 0
    return max(volume, 0)


@kernel
def trade_k(row: Any, s: Any, is_step: bool) -> int:
    """Book volume, return, aggressor and session VWAP of a live row; return TRADED or 0."""
    px, last, before = row["ltp"], s["ltp"], s["vtt"]
    volume = volume_k(row, s)
    turn = direction_k(px, last) if last > 0.0 else 0
    move = turn if turn != 0 else s["move"]
    has_traded = s["seen"] == 1 and (row["ltt"] > s["ltt"] or (volume > 0 and s["vtt"] > before))
    side = aggressor_k(px, s["bid"], s["ask"], move) if is_step else move
    qty, worth = s["session_qty"] + volume, s["session_worth"] + turnover_k(px, volume)
    s["move"] = move
    s["session_qty"] = qty
    s["session_worth"] = worth
    s["session_vwap"] = vwap_k(worth, qty)
    row["volume"] = volume
    row["tick_return"] = return_k(px, last) if is_step else 0.0
    row["aggressor"] = side if has_traded else 0
    return TRADED if has_traded else 0


@kernel
def leave_k(s: Any, ring: Any, base: int, size: int) -> None:
    """Take the return of the oldest row out of the sums of a full ring."""
    at = s["at"]
    old, nxt = ring[base + at], ring[base + (at + 1 if at + 1 < size else 0)]
    if nxt["vol"] >= 0:
        gone = nxt["px"] / old["px"] - 1.0
        s["s1"] -= gone
        s["s2"] -= gone * gone
        s["moves"] -= int(gone != 0.0)
        s["steps"] -= 1


@kernel
def expire_k(s: Any, ring: Any, base: int, size: int, cut: int) -> None:
    """Take the rows at or before ``cut``, and the one about to be overwritten, out of the VWAP window."""
    tail, held = s["tail"], s["held"]
    qty, worth = s["qty"], s["worth"]
    while held > 0 and (held == size or ring[base + tail]["ts"] <= cut):
        old = ring[base + tail]
        vol = old["vol"] if old["vol"] >= 0 else ~old["vol"]
        qty -= vol
        worth -= turnover_k(old["px"], vol)
        tail = tail + 1 if tail + 1 < size else 0
        held -= 1
    s["tail"], s["held"] = tail, held
    s["qty"], s["worth"] = qty, worth


@kernel
def push_k(s: Any, ring: Any, base: int, head: Any, now: int, px: float, volume: int, is_step: bool) -> None:
    """Put a live row into the ring of its symbol; keep every running sum right."""
    size, at, count = head["window"], s["at"], s["count"]
    if count == size:
        leave_k(s, ring, base, size)
    expire_k(s, ring, base, size, now - head["vwap_ms"])
    if is_step and count > 0:
        ret = px / s["last_px"] - 1.0
        s["s1"] += ret
        s["s2"] += ret * ret
        s["moves"] += int(ret != 0.0)
        s["steps"] += 1
    vol = min(volume, MOST)
    qty, worth = s["qty"] + vol, s["worth"] + turnover_k(px, vol)
    vwap = vwap_k(worth, qty) if qty > 0 else s["vwap"]
    fast, slow = at - head["fast"], at - head["slow"]
    fast, slow = fast if fast >= 0 else fast + size, slow if slow >= 0 else slow + size
    s["fast"] += vwap - (ring[base + fast]["vwap"] if count >= head["fast"] else 0.0)
    s["slow"] += vwap - (ring[base + slow]["vwap"] if count >= head["slow"] else 0.0)
    cell = ring[base + at]
    cell["px"], cell["vwap"], cell["ts"] = px, vwap, now
    cell["vol"] = vol if is_step else ~vol
    s["qty"], s["worth"], s["vwap"], s["last_px"] = qty, worth, vwap, px
    s["averaged"] += int(vwap > 0.0)
    s["held"] += 1
    s["count"] = min(count + 1, size)
    s["at"] = at + 1 if at + 1 < size else 0
    if at + 1 == size:
        resum_k(s, ring, base, head)
    s["volatility"] = deviation_k(s["s1"], s["s2"], s["steps"]) if s["moves"] > 0 and s["count"] >= head["warm_at"] else 0.0


@kernel
def resum_k(s: Any, ring: Any, base: int, head: Any) -> None:
    """Once a lap, when the ring starts again at 0: sum exactly what the running sums stand for."""
    size = head["window"]
    s1, s2, fast, slow = 0.0, 0.0, 0.0, 0.0
    for i in range(base + 1, base + size):
        if ring[i]["vol"] >= 0:
            ret = ring[i]["px"] / ring[i - 1]["px"] - 1.0
            s1 += ret
            s2 += ret * ret
    for i in range(base + size - head["fast"], base + size):
        fast += ring[i]["vwap"]
    for i in range(base + size - head["slow"], base + size):
        slow += ring[i]["vwap"]
    s["s1"], s["s2"], s["fast"], s["slow"] = s1, s2, fast, slow


@kernel
def averages_k(row: Any, s: Any, head: Any) -> int:
    """Fill the two averages of VWAP; return the flag of a cross on this tick, if any."""
    is_warm = s["averaged"] >= head["slow"]
    fast, slow = s["fast"] * head["per_fast"] if is_warm else 0.0, s["slow"] * head["per_slow"] if is_warm else 0.0
    row["vwap_fast"] = fast
    row["vwap_slow"] = slow
    room = SAME * slow
    side, before = int(fast - slow > room) - int(slow - fast > room), s["side"]
    s["side"] = side if side != 0 else before
    crossed = CROSS_UP if side == 1 else CROSS_DOWN
    return crossed if side * before == -1 else 0


@kernel
def flags_k(s: Any, bps: float, head: Any) -> int:
    """Liquidity and volatility, with hysteresis so that they do not flicker. ``bps``: -1 without a quote."""
    is_quoted = bps > -1.0
    is_liquid = latch_k(s["is_liquid"] == 1, is_quoted and bps <= head["liquid"], not is_quoted or bps > head["illiquid"])
    s["is_liquid"] = is_liquid
    if s["count"] < head["warm_at"]:
        return LIQUID if is_liquid else 0
    size = s["volatility"]
    is_volatile = latch_k(s["is_volatile"] == 1, size >= head["volatile"], size < head["calm"])
    s["is_volatile"] = is_volatile
    return WARM | (LIQUID if is_liquid else 0) | (VOLATILE if is_volatile else 0)


@kernel
def iv_k(row: Any, v: Any, now: int, head: Any) -> int:
    """Fill ``iv_change`` of a row that carries implied volatility; return the flag of a jump, if any."""
    bucket = max(now // head["iv_ms"], v["bucket"])
    for b in range(v["bucket"] + 1, min(bucket, v["bucket"] + IV_SLOTS) + 1):
        slot = b % IV_SLOTS
        v["then"] = v["slots"][slot] if v["slots"][slot] > 0.0 else v["then"]
        v["slots"][slot] = 0.0
    v["bucket"] = bucket
    v["slots"][bucket % IV_SLOTS] = row["iv"]
    change = return_k(row["iv"], v["then"])
    row["iv_change"] = change
    return IV_JUMP if abs(change) > head["iv_jump"] else 0


@kernel
def remember_k(row: Any, s: Any) -> None:
    """Carry price, time and quote to the next row. A row from a key that never traded has no price."""
    if row["ltp"] > 0.0:
        s["ltp"] = row["ltp"]
        s["seen"] = 1
    s["ltt"] = max(s["ltt"], row["ltt"])
    s["bid"] = row["bid_px"][0]
    s["ask"] = row["ask_px"][0]
    s["resync"] = 0


@kernel
def gap_k(states: Any, sid: int) -> None:
    """After a gap of a symbol, or of all, ``vtt`` does not tell the volume of the coming row. Blank symbols stay blank."""
    first, last = (0, len(states)) if sid == NO_SYMBOL else (sid, min(sid + 1, len(states)))
    for k in range(first, last):
        if states[k]["midnight"] != 0:
            states[k]["resync"] = 1


@kernel
def step_k(rows: Any, memory: Any) -> None:
    """Fill the metrics of ``rows`` in place, in order. Rows of unknown symbols, gaps and repairs pass untouched."""
    head = memory[:HEAD_BYTES].view(HEAD)[0]
    n, size = head["symbols"], head["window"]
    iv_at = HEAD_BYTES + n * STATE_BYTES
    ring_at = iv_at + n * IV_BYTES
    states, ivs, ring = memory[HEAD_BYTES:iv_at].view(STATE), memory[iv_at:ring_at].view(IV), memory[ring_at:].view(RING)
    for i in range(len(rows)):
        row = rows[i]
        sid: Any = np.int64(row["sid"])
        kind = row["kind"]
        if kind == GAP:
            gap_k(states, sid)
        if sid >= n or kind in (GAP, REPAIR):
            continue
        s = states[sid]
        now = row["ts_exch"] - s["midnight"]
        if s["midnight"] == 0 or now < 0 or now >= DAY_MS:
            late = s["late"]
            memory[HEAD_BYTES + sid * STATE_BYTES : HEAD_BYTES + (sid + 1) * STATE_BYTES] = 0
            memory[iv_at + sid * IV_BYTES : iv_at + (sid + 1) * IV_BYTES] = 0
            now = (row["ts_exch"] + IST_MS) % DAY_MS
            s["midnight"], s["late"] = row["ts_exch"] - now, late
        bps = quote_k(row)
        flags = row["flags"] & KEPT_FLAGS
        row["iv_change"] = 0.0
        is_live = False
        if is_late_k(row, s):
            s["late"] += 1
        else:
            if row["iv"] > 0.0:
                flags |= iv_k(row, ivs[sid], now, head)
            if kind == SNAPSHOT:
                s["vtt"] = max(s["vtt"], row["vtt"])
                s["has_vtt"] = 1 if row["mode"] != LTPC else 0
                remember_k(row, s)
            elif row["ltp"] > 0.0:
                is_live = True
                is_step = flags & CONFLATED == 0
                flags |= trade_k(row, s, is_step)
                push_k(s, ring, sid * size, head, now, row["ltp"], row["volume"], is_step)
                remember_k(row, s)
        if not is_live:
            row["volume"], row["tick_return"], row["aggressor"] = 0, 0.0, 0
        row["vwap"] = s["vwap"]
        row["session_vwap"] = s["session_vwap"]
        row["volatility"] = s["volatility"]
        row["flags"] = flags | averages_k(row, s, head) | flags_k(s, bps, head)
