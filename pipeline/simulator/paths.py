"""Where prices go in a generated day: log-price paths on the frames' grid, all symbols at once.

Reads   seed, date, session windows, listings
Writes  grid int64[n] (frame times, epoch ms), paths float64[n] (log rupees) per symbol
Regimes (trend up, trend down, range) change every 6 to 40 minutes, so that there is something to follow
and something to fade; a common factor correlates the symbols; volatility and volume are U-shaped over the
day; returns have fat tails (Student t, 4 degrees of freedom). Never loops over frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.session import Window
from pipeline.simulator.listing import Listing, rng

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

FRAME_MS = (400, 600)
DAILY_IDIO = 0.011
DAILY_MARKET = 0.007
TREND_STRENGTH = (0.25, 0.6)
"""Drift per minute, in standard deviations of a minute."""
LIMIT_BAND = 0.05
STALL_MS = 45_000
_T_DF = 4


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Times of the frames in continuous trading, and where each lies in the session (0 to 1)."""

    seed: int
    date: str
    ts: I64
    place: F64
    shape: F64
    """U-shape with mean 1."""


@dataclass(frozen=True, slots=True)
class LimitMove:
    """The day's limit move: who, which way, and when it begins and lets go."""

    key: str
    sign: int
    start_ms: int
    release_ms: int


def frame_grid(seed: int, date: str, windows: tuple[Window, ...]) -> Grid:
    """Lay frames 400 to 600 ms apart over the continuous windows, with one stall of 45 seconds."""
    draw = rng(seed, date, "grid")
    pieces: list[I64] = []
    for window in windows:
        span = window.end_ms - window.start_ms
        steps = draw.integers(FRAME_MS[0], FRAME_MS[1] + 1, size=span // FRAME_MS[0] + 1)
        at = window.start_ms + np.cumsum(steps)
        pieces.append(at[at < window.end_ms - 1])
    ts = np.concatenate(pieces)
    ts = ts + (ts % 1000 == 0)  # whole seconds belong to status messages
    stall = int(windows[0].start_ms + (windows[-1].end_ms - windows[0].start_ms) * draw.uniform(0.30, 0.42))
    ts = ts[(ts < stall) | (ts >= stall + STALL_MS)]
    place = (ts - windows[0].start_ms) / (windows[-1].end_ms - windows[0].start_ms)
    shape = 0.70 + 1.6 * np.exp(-place / 0.06) + 0.9 * np.exp(-(1 - place) / 0.07)
    return Grid(seed, date, ts, place, shape / shape.mean())


def limit_move(seed: int, date: str, listings: tuple[Listing, ...], windows: tuple[Window, ...]) -> LimitMove | None:
    """Pick the stock that is locked at its band for some minutes in the afternoon."""
    stocks = [item.key for item in listings if not item.is_index]
    if not stocks:
        return None
    draw = rng(seed, date, "limit move")
    key = stocks[int(draw.integers(len(stocks)))]
    start = int(windows[0].start_ms + (windows[-1].end_ms - windows[0].start_ms) * draw.uniform(0.52, 0.68))
    return LimitMove(key, 1 if draw.random() < 0.5 else -1, start, start + int(draw.uniform(14, 20) * 60_000))


def market_factor(grid: Grid) -> F64:
    """Log returns of the common factor, per frame."""
    return _returns(rng(grid.seed, grid.date, "market"), grid, DAILY_MARKET)


def log_path(listing: Listing, grid: Grid, factor: F64, prev_close: float) -> F64:
    """Log price of one symbol at every frame, opening gap included."""
    draw = rng(grid.seed, grid.date, listing.key, "path")
    beta = draw.uniform(0.6, 1.4)
    gap = rng(grid.seed, grid.date, "market gap").normal(0, 0.004) * beta + draw.normal(0, 0.004)
    return np.asarray(np.log(prev_close) + gap + np.cumsum(_returns(draw, grid, DAILY_IDIO) + beta * factor))


def with_limit_move(path: F64, grid: Grid, move: LimitMove, prev_close: float) -> F64:
    """Bend a path so that it runs into its band, stays locked, and comes back over a quarter of an hour."""
    ramp_ms, back_ms = 6 * 60_000, 15 * 60_000
    weight = np.clip((grid.ts - move.start_ms) / ramp_ms, 0, 1) * np.clip((move.release_ms + back_ms - grid.ts) / back_ms, 0, 1)
    target = np.log(prev_close * (1 + move.sign * (LIMIT_BAND + 0.003)))
    return np.asarray(path + weight**2 * (target - path))


def index_path(listing: Listing, paths: list[F64]) -> F64:
    """An index: its base, moved by the mean log return of the stocks since the open."""
    mean = np.mean([p - p[0] for p in paths], axis=0)
    return np.asarray(np.log(listing.base_px) + mean)


def _returns(draw: np.random.Generator, grid: Grid, daily: float) -> F64:
    n = len(grid.ts)
    noise = draw.standard_t(_T_DF, size=n) / np.sqrt(_T_DF / (_T_DF - 2))
    sigma = daily / np.sqrt(n) * np.sqrt(grid.shape)
    out = noise * sigma
    per_minute = max(1, round(60_000 / 500))
    minute_sigma = daily / np.sqrt(max(1.0, n / per_minute))
    at = 0
    while at < n:
        length = int(np.clip(draw.exponential(14), 6, 40) * per_minute)
        part = slice(at, min(n, at + length))
        regime = draw.choice(3, p=(0.4, 0.4, 0.2))
        strength = draw.uniform(*TREND_STRENGTH)
        if regime == 2:
            out[part] -= out[part].mean()  # a range comes back to where it began
        else:
            out[part] += (1 if regime == 0 else -1) * strength * minute_sigma / per_minute
        at += length
    return np.asarray(out)
