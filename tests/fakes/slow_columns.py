"""The columns that TA-Lib does not have, each from its definition: slow, obvious, recomputed from all candles.

Input is ``CANDLE[n]`` of one slot, oldest first; output float64[n] a column, NaN where it is not defined.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import talib

from tests.fakes.talib_columns import arrays_of

IST_MS, DAY_MS = 19_800_000, 86_400_000


def frame_of(rows: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame({name: rows[name].astype(np.float64) for name in ("open", "high", "low", "close", "volume")})
    local = rows["ts"] + IST_MS
    table["day"], table["minute"] = local // DAY_MS, local % DAY_MS // 60_000
    return table


def slow_columns(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Give every column that has no oracle in TA-Lib."""
    table = frame_of(rows)
    found: dict[str, np.ndarray] = {"bollinger_width": width(rows)}
    for part in (vwap, ichimoku, pivots, levels, profile, time_of_day):
        found |= part(table)
    return found


def width(rows: np.ndarray) -> np.ndarray:
    upper, middle, lower = talib.BBANDS(arrays_of(rows)["c"], 20, 2.0, 2.0)
    return (upper - lower) / middle


def vwap(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Within each day TA-Lib's own VWAP; bands from the weighted deviation of all of the day's typical prices so far."""
    out = {name: np.full(len(table), np.nan) for name in ("vwap", "vwap_upper_1", "vwap_lower_1", "vwap_upper_2", "vwap_lower_2")}
    for _, day in table.groupby("day"):
        typical, volume = ((day.high + day.low + day.close) / 3).to_numpy(), day.volume.to_numpy()
        is_talibs = len(day) > 2 and volume[0] > 0
        theirs = talib.VWAP(*(day[n].to_numpy().copy() for n in ("high", "low", "close")), volume.copy()) if is_talibs else None
        for k, row in enumerate(day.index):
            t, v = typical[: k + 1], volume[: k + 1]
            whole = v.sum()
            if whole == 0:
                continue
            mean = (t * v).sum() / whole
            std = np.sqrt(((t - mean) ** 2 * v).sum() / whole)
            out["vwap"][row] = mean if theirs is None else theirs[k]
            for times in (1, 2):
                shift = times * std
                out[f"vwap_upper_{times}"][row], out[f"vwap_lower_{times}"][row] = out["vwap"][row] + shift, out["vwap"][row] - shift
    return out


def ichimoku(table: pd.DataFrame) -> dict[str, np.ndarray]:
    tenkan, kijun, long = ((table.high.rolling(n).max() + table.low.rolling(n).min()) / 2 for n in (9, 26, 52))
    found = {
        "tenkan": tenkan,
        "kijun": kijun,
        "senkou_a": ((tenkan + kijun) / 2).shift(26),
        "senkou_b": long.shift(26),
        "chikou": table.close - table.close.shift(26),
    }
    return {f"ichimoku_{name}": column.to_numpy() for name, column in found.items()}


def pivots(table: pd.DataFrame) -> dict[str, np.ndarray]:
    days = table.groupby("day").agg(h=("high", "max"), l=("low", "min"), c=("close", "last")).shift(1)
    days.iloc[:2] = np.nan  # the first session may be cut
    h, l = days.h, days.l
    p = (h + l + days.c) / 3
    found = {"pivot": p, "pivot_r1": 2 * p - l, "pivot_s1": 2 * p - h, "pivot_r2": p + h - l, "pivot_s2": p - (h - l)}
    found |= {"pivot_r3": h + 2 * (p - l), "pivot_s3": l - 2 * (h - p)}
    return {name: column.reindex(table.day).to_numpy() for name, column in found.items()}


def levels(table: pd.DataFrame) -> dict[str, np.ndarray]:
    high, low, close = (table[n].to_numpy() for n in ("high", "low", "close"))
    out = {name: np.full(len(table), np.nan) for name in ("support", "resistance")}
    tops: list[float] = []
    bottoms: list[float] = []
    for i in range(10, len(table)):
        m = i - 5
        if high[m] > high[m - 5 : m].max() and high[m] >= high[m + 1 : i + 1].max():
            tops.append(high[m])
        if low[m] < low[m - 5 : m].min() and low[m] <= low[m + 1 : i + 1].min():
            bottoms.append(low[m])
        kept = tops[-8:] + bottoms[-8:]
        out["support"][i] = max((x for x in kept if x < close[i]), default=np.nan)
        out["resistance"][i] = min((x for x in kept if x > close[i]), default=np.nan)
    return out


def profile(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """One dictionary of finest buckets a day, joined anew for every candle."""
    out = {name: np.full(len(table), np.nan) for name in ("poc", "value_area_high", "value_area_low")}
    for _, day in table.groupby("day"):
        origin = day.open.iloc[0]
        finest = origin / 4096
        shares: Counter[int] = Counter()
        level, start = 0, -32
        for row, candle in zip(day.index, day.itertuples(), strict=True):
            low, high, close = (int(np.floor((px - origin) / finest)) for px in (candle.low, candle.high, candle.close))
            if candle.volume > 0:
                while low >> level < start or high >> level >= start + 64:
                    start = ((start + 63) >> 1) - 63 if low >> level < start else start >> 1
                    level += 1
                touched = high - low + 1
                for k in range(low, high + 1):
                    shares[k] += int(candle.volume) // touched
                shares[close] += int(candle.volume) % touched
            if shares:
                for name, px in zip(out, value_area(shares, level, start, origin, finest), strict=True):
                    out[name][row] = px
    return out


def value_area(shares: Counter[int], level: int, start: int, origin: float, finest: float) -> tuple[float, float, float]:
    joined: Counter[int] = Counter()
    for k, volume in shares.items():
        joined[k >> level] += volume
    best = min(joined, key=lambda k: (-joined[k], k))
    low = high = best
    inside = joined[best]
    while inside < 0.7 * sum(joined.values()):
        above = joined[high + 1] if high + 1 < start + 64 else -1
        below = joined[low - 1] if low - 1 >= start else -1
        if above >= below:
            high, inside = high + 1, inside + above
        else:
            low, inside = low - 1, inside + below
    width = finest * 2**level
    return origin + (best + 0.5) * width, origin + (high + 1) * width, origin + low * width


def time_of_day(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Mean volume by day and five minutes; what is usual is its exponential mean over the days before, of which there are three."""
    out, volume = np.full(len(table), np.nan), table.volume.to_numpy()
    visits: dict[tuple[int, int], list[int]] = {}
    for row, (day, minute) in enumerate(zip(table.day.tolist(), table.minute.tolist(), strict=True)):
        if 540 <= minute < 960:
            visits.setdefault((minute // 5, day), []).append(row)
    usual, seen = Counter[int](), Counter[int]()
    for (slot, _), rows in visits.items():
        if usual[slot] > 0 and seen[slot] >= 3:
            out[rows] = volume[rows] / usual[slot]
        seen[slot] += 1
        usual[slot] += (volume[rows].mean() - usual[slot]) / min(seen[slot], 5.5)
    return {"volume_tod_factor": out}
