"""From chart waves to ranked recommendations: strategies speak, rules judge, the best are priced.

Reads   ChartWave (closed candles with indicators and patterns; rupees), as of its close instant
Writes  a Signal for every decision that fired, with the code of what became of it; at most ``top``
        Recommendations a wave, ranked by score, with limit, stop and target in paise; regime changes

Prices come from ATR and the paper's tick size: the limit is marketable by a quarter of an ATR, so that a
normal spread does not leave the order behind. A candle marked as history warms memories and regimes and never fires
(the chart job sends none: regimes and memories begin with the session). It never sees a quote, a position or
money; what it recommends is checked again on the live quote before an order.

A candle is decided on once: when it is told for the first time and is newer than all of its paper and timeframe before, whether a
repair had a part in it or not. One that is told again, or after a newer one, makes no decision, and neither memories nor regimes count
it; the newest one told again brings the five-minute trend up to date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.candle import Lineage
from pipeline.core.errors import Refused
from pipeline.core.money import round_out, to_paise
from pipeline.core.params import Params
from pipeline.core.registry import STRATEGIES
from pipeline.core.schema import timeframe_label
from pipeline.core.session import Group, SessionDay, group_of
from pipeline.core.types import MINUTE_MS, CandleFlag, ChartWave, Instrument, Recommendation, Side, Signal
from pipeline.engine.exits import no_entry_ms
from pipeline.engine.identity import entry_cause, identity
from pipeline.engine.stops import stop_and_target, trail_distance
from pipeline.signals.regime import MARKET, NEEDS, TIMEFRAME, UNKNOWN, RegimeState, observe, of_market
from pipeline.signals.rules import OUTRANKED, PASSED, Case, judge
from pipeline.strategies.spec import Decision, StrategySpec, StrategyView, parameters

LIMIT_ATR = 0.25
_HISTORY = int(CandleFlag.HISTORY)


@dataclass(frozen=True, slots=True)
class Prices:
    """Of one recommendation, in paise, on the paper's ticks."""

    ref: int
    limit: int
    stop: int
    target: int
    trail: int
    """How far behind the best price the stop follows; 0: it stays."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A decision that fired, with everything that is needed to judge, rank and price it."""

    spec: StrategySpec
    view: StrategyView
    flags: int
    lineage: Lineage
    decision: Decision
    score: float
    regime: str


@dataclass(frozen=True, slots=True)
class RegimeChange:
    """``symbol`` is ``market`` for the vote of all."""

    ts: int
    symbol: str
    regime: str
    since: int


@dataclass(slots=True)
class FilterState:
    """What the filter remembers. Memories are keyed ``strategy|symbol``."""

    instruments: tuple[Instrument, ...]
    groups: tuple[Group, ...]
    day: SessionDay
    params: Params
    strategies: tuple[tuple[StrategySpec, dict[str, float]], ...]
    memories: dict[str, dict[str, float]] = field(default_factory=dict)
    regimes: dict[str, RegimeState] = field(default_factory=dict)
    market: str = UNKNOWN
    trend_5m: dict[str, int] = field(default_factory=dict)
    open_until: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Newest recommendation of a symbol: side and expiry."""
    last_ms: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    """Start of the newest candle, keyed ``symbol|minutes``, of the timeframes that anybody looks at."""

    def dump(self) -> dict[str, Any]:
        return {
            "memories": {key: dict(memory) for key, memory in self.memories.items()},
            "regimes": {symbol: asdict(state) for symbol, state in self.regimes.items()},
            "market": self.market,
            "trend_5m": dict(self.trend_5m),
            "open_until": {symbol: list(pair) for symbol, pair in self.open_until.items()},
            "last_ms": dict(self.last_ms),
            "seen": dict(self.seen),
        }

    def restore(self, plain: Mapping[str, Any]) -> None:
        self.memories = {key: dict(memory) for key, memory in plain["memories"].items()}
        self.regimes = {symbol: RegimeState(**state) for symbol, state in plain["regimes"].items()}
        self.market = plain["market"]
        self.trend_5m = dict(plain["trend_5m"])
        self.open_until = {symbol: (pair[0], pair[1]) for symbol, pair in plain["open_until"].items()}
        self.last_ms = dict(plain["last_ms"])
        self.seen = dict(plain["seen"])


def new_filter(instruments: tuple[Instrument, ...], day: SessionDay, params: Params) -> FilterState:
    """Set up the filter with the strategies that the settings name.

    Raises:
        Refused: an unknown strategy or strategy parameter, with the nearest name.
    """
    given = {name: dict(pairs) for name, pairs in params.filter.strategy_params}
    specs = [STRATEGIES.get(name) for name in params.filter.strategies]
    for name in given:
        STRATEGIES.get(name)
    strategies = tuple((spec, parameters(spec, given.get(spec.name, {}))) for spec in specs)
    return FilterState(instruments, tuple(group_of(i) for i in instruments), day, params, strategies)


def step(state: FilterState, wave: ChartWave, now: int) -> Iterator[RegimeChange | Signal | Recommendation]:
    """Take one wave: regimes first, then signals, then what is recommended of them."""
    is_first = _first_told(state, wave)
    yield from _regimes(state, wave, is_first, now)
    candidates = list(_candidates(state, wave, is_first, now))
    outcomes = [_judged(state, candidate, candidates, now) for candidate in candidates]
    chosen = _chosen(state, candidates, outcomes)
    for at, candidate in enumerate(candidates):
        is_outranked = outcomes[at] == PASSED and at not in chosen
        yield _signal(candidate, OUTRANKED if is_outranked else outcomes[at], now)
    for rank, at in enumerate(chosen, 1):
        yield _recommend(state, candidates[at], rank, now)


def price(side: Side, close_px: float, atr_px: float, instrument: Instrument, params: Params) -> Prices | None:
    """Price an entry by ATR, stop profile and tick size; None when no valid set of prices exists."""
    tick, sign = instrument.tick_size_paise, side.sign
    ref, atr = to_paise(close_px), atr_px * 100
    plan = stop_and_target(side, ref, atr, tick, params.stops)
    try:
        limit = round_out(round(ref + sign * max(LIMIT_ATR * atr, tick)), tick, side)
    except Refused:
        return None
    if plan is None:
        return None
    stop, target = plan
    if (limit - stop) * sign <= 0 or (target - limit) * sign <= 0 or min(limit, stop, target) <= 0:
        return None
    return Prices(ref, limit, stop, target, trail_distance(ref, atr, tick, params.stops))


def _first_told(state: FilterState, wave: ChartWave) -> NDArray[np.bool_]:
    """Tell which rows are candles newer than any of their paper and timeframe before, and note them."""
    watched = list({TIMEFRAME, *(spec.timeframe for spec, _ in state.strategies)})
    is_first = np.zeros(len(wave.rows), np.bool_)
    at = np.flatnonzero(np.isin(wave.rows["timeframe"], watched))
    columns = (wave.rows[name][at].tolist() for name in ("sid", "timeframe", "ts"))
    for place, sid, minutes, ts_candle in zip(at.tolist(), *columns, strict=True):
        key = f"{state.instruments[sid].symbol}|{minutes}"
        if ts_candle > state.seen.get(key, 0):
            state.seen[key] = ts_candle
            is_first[place] = True
    return is_first


def _regimes(state: FilterState, wave: ChartWave, is_first: NDArray[np.bool_], now: int) -> Iterator[RegimeChange]:
    changed_at = 0
    for at in np.flatnonzero(wave.rows["timeframe"] == TIMEFRAME):
        row, values = wave.rows[at], _warm_values(wave, int(at))
        symbol, ts_candle = state.instruments[int(row["sid"])].symbol, int(row["ts"])
        if ts_candle == state.seen[f"{symbol}|{TIMEFRAME}"] and "ema_9" in values and "ema_21" in values:
            state.trend_5m[symbol] = 1 if values["ema_9"] > values["ema_21"] else -1
        if not is_first[at] or not all(name in values for name in NEEDS) or row["close"] <= 0:
            continue
        mine = state.regimes.setdefault(symbol, RegimeState())
        ratio = values["atr_14"] / float(row["close"])
        if observe(mine, ts_candle, values["adx_14"], values["bollinger_width"], ratio):
            changed_at = ts_candle
            yield RegimeChange(now, symbol, mine.regime, ts_candle)
    if changed_at > 0:
        market = of_market(s.regime for s in state.regimes.values())
        if market != state.market:
            state.market = market
            yield RegimeChange(now, MARKET, market, changed_at)


def _candidates(state: FilterState, wave: ChartWave, is_first: NDArray[np.bool_], now: int) -> Iterator[Candidate]:
    """Ask each strategy about each candle of its timeframe that closed."""
    for spec, params in state.strategies:
        for at in np.flatnonzero((wave.rows["timeframe"] == spec.timeframe) & is_first):
            view = _view(state, wave, int(at), now)
            if not all(name in view.values for name in spec.needs):
                continue
            memory = state.memories.setdefault(f"{spec.name}|{view.symbol}", {})
            decision = spec.decide(view, params, memory)
            flags = int(wave.rows["flags"][at])
            if decision is None or flags & _HISTORY:
                continue
            mine = state.regimes.get(view.symbol)
            word = UNKNOWN if mine is None else mine.regime
            score = round(min(1.0, max(0.0, decision.score * spec.fits.get(word, 1.0))), 4)
            yield Candidate(spec, view, flags, Lineage(int(wave.rows["lineage"][at])), decision, score, word)


def _view(state: FilterState, wave: ChartWave, at: int, now: int) -> StrategyView:
    row = wave.rows[at]
    return StrategyView(
        now=now,
        symbol=state.instruments[int(row["sid"])].symbol,
        timeframe=int(row["timeframe"]),
        ts_candle=int(row["ts"]),
        open=float(row["open"]),
        high=float(row["high"]),
        low=float(row["low"]),
        close=float(row["close"]),
        volume=int(row["volume"]),
        values=_warm_values(wave, at),
        patterns={name: int(side) for name, side in zip(wave.patterns, wave.found[at].tolist(), strict=True) if side != 0},
    )


def _warm_values(wave: ChartWave, at: int) -> dict[str, float]:
    pairs = zip(wave.columns, wave.values[at].tolist(), wave.warm[at].tolist(), strict=True)
    return {name: value for name, value, is_warm in pairs if is_warm}


def _judged(state: FilterState, mine: Candidate, wave: list[Candidate], now: int) -> str:
    """Put one candidate before the rules."""
    view, symbol = mine.view, mine.view.symbol
    instrument, group = _paper(state, symbol)
    limits = state.params.filter
    others = [c.decision.side for c in wave if c.view.symbol == symbol and c is not mine]
    side, until = state.open_until.get(symbol, ("", 0))
    if until > now:
        others.append(Side(side))
    outcome = judge(
        Case(
            now=now,
            side=mine.decision.side,
            score=mine.score,
            min_score=limits.min_score,
            is_warm=all(name in view.values for name in mine.spec.wants),
            candle_flags=mine.flags,
            age_ms=now - view.ts_candle - view.timeframe * MINUTE_MS,
            expiry_s=limits.expiry_s,
            candle_range_ratio=(view.high - view.low) / view.close if view.close > 0 else 1.0,
            phase=state.day.phase_at(now, group),
            no_entry_ms=no_entry_ms(state.day, group, state.params.orders),
            trend_5m=state.trend_5m.get(symbol, 0),
            other_sides=tuple(others),
            last_recommended_ms=state.last_ms.get(symbol, 0),
            cooldown_s=limits.cooldown_s,
        )
    )
    if outcome != PASSED:
        return outcome
    if instrument.is_index:
        return "not_tradable"
    return PASSED if _priced(state, mine) is not None else "no_price"


def _chosen(state: FilterState, candidates: list[Candidate], outcomes: list[str]) -> list[int]:
    """Rank what passed, best first, one per paper, and keep the top."""
    passed = [at for at, outcome in enumerate(outcomes) if outcome == PASSED]
    passed.sort(key=lambda at: (-candidates[at].score, candidates[at].view.symbol, candidates[at].spec.name))
    best = {candidates[at].view.symbol: at for at in reversed(passed)}
    return [at for at in passed if best[candidates[at].view.symbol] == at][: state.params.filter.top]


def _signal(c: Candidate, outcome: str, now: int) -> Signal:
    return Signal(
        ts=now,
        id=f"S{_identity(c)}",
        ts_candle=c.view.ts_candle,
        symbol=c.view.symbol,
        timeframe=timeframe_label(c.view.timeframe),
        strategy=c.spec.name,
        side=c.decision.side,
        strength=c.score,
        regime=c.regime,
        outcome=outcome,
        lineage=c.lineage.words,
        reasons="; ".join((*c.decision.reasons, f"regime {c.regime}", f"candle from {c.lineage.words}")),
    )


def _recommend(state: FilterState, c: Candidate, rank: int, now: int) -> Recommendation:
    prices = _priced(state, c)
    if prices is None:  # cannot be: it was priced when it was judged
        raise Refused(f"{c.view.symbol}: no valid price")
    symbol, limits = c.view.symbol, state.params.filter
    _, group = _paper(state, symbol)
    expires = min(now + limits.expiry_s * 1000, no_entry_ms(state.day, group, state.params.orders))
    state.open_until[symbol] = (c.decision.side.value, expires)
    state.last_ms[symbol] = now
    signal = _signal(c, PASSED, now)
    return Recommendation(
        ts=now,
        id=f"R{_identity(c)}",
        signal_id=signal.id,
        ts_candle=signal.ts_candle,
        rank=rank,
        symbol=symbol,
        timeframe=signal.timeframe,
        strategy=signal.strategy,
        side=signal.side,
        score=c.score,
        regime=c.regime,
        ref_paise=prices.ref,
        limit_paise=prices.limit,
        stop_paise=prices.stop,
        target_paise=prices.target,
        expires_ms=expires,
        reasons=signal.reasons,
        trail_paise=prices.trail,
    )


def _priced(state: FilterState, c: Candidate) -> Prices | None:
    instrument, _ = _paper(state, c.view.symbol)
    return price(c.decision.side, c.view.close, c.view.values.get("atr_14", 0.0), instrument, state.params)


def _identity(c: Candidate) -> str:
    return identity(entry_cause(c.spec.name, c.view.symbol, timeframe_label(c.view.timeframe), c.view.ts_candle, c.decision.side))


def _paper(state: FilterState, symbol: str) -> tuple[Instrument, Group]:
    sid = _sids(state.instruments)[symbol]
    return state.instruments[sid], state.groups[sid]


@lru_cache(maxsize=8)
def _sids(instruments: tuple[Instrument, ...]) -> dict[str, int]:
    return {i.symbol: i.sid for i in instruments}
