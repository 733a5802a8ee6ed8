"""EMA momentum: trade with the fast average when it turns, or when price returns to it and goes on.

Reads   ema_9, ema_21, rsi_14, atr_14 (needed); vwap, adx_14 (wanted) of closed one-minute candles
Writes  a Decision with a score in 0..1, or nothing

Two triggers. *Cross*: the 9-EMA crossed the 21-EMA within the last ``fresh_bars`` candles, and price stands
beyond the fast average. *Continuation*: the averages stand apart by ``apart_atr`` ATR or more, price had come
back to the fast average, and this candle closed beyond it again. RSI must agree with the side and not be
exhausted. Each trigger speaks once: after a signal the next one waits for a new cross or a new pullback.
VWAP and ADX only weigh: what speaks against the side lowers the score, and its reason begins with "but".

The score is a weighted mean of five parts, each 0..1 (weights sum to one):

    0.30 trigger    1 for a cross, 0.8 for a continuation
    0.20 distance   |ema_9 - ema_21| / ATR, full at ``full_atr``
    0.20 momentum   |RSI - 50| / 15, full at 1
    0.15 vwap       1 on the side's side of the session VWAP, else 0; 0.5 when unknown
    0.15 adx        (ADX - 10) / 20, within 0..1; 0.5 when unknown

It never looks at a forming candle and never prices an order. Parameters are untuned conventions (Appel's 9/21,
Wilder's 14); nothing here claims an edge.
"""

from __future__ import annotations

from pipeline.core.types import Side
from pipeline.strategies.spec import Decision, Memory, Params, StrategyView, strategy

WEIGHTS = {"trigger": 0.30, "distance": 0.20, "momentum": 0.20, "vwap": 0.15, "adx": 0.15}
ADX_NONE, ADX_SPAN = 10, 20
"""At or below the first, ADX adds nothing; the second above it, it adds all."""
_NEVER = 1e9


@strategy(
    "ema_momentum",
    timeframe=1,
    needs=("ema_9", "ema_21", "rsi_14", "atr_14"),
    wants=("vwap", "adx_14"),
    fits={"trending": 1.0, "volatile": 0.95, "ranging": 0.9},
    params={"fresh_bars": 3, "apart_atr": 0.25, "full_atr": 0.8, "rsi_floor": 50, "rsi_ceiling": 78},
)
def decide(view: StrategyView, params: Params, memory: Memory) -> Decision | None:
    """Follow fresh 9/21 crosses and pullbacks that resume, where RSI agrees."""
    fast, slow, rsi, atr = (view.values[name] for name in ("ema_9", "ema_21", "rsi_14", "atr_14"))
    side = Side.BUY if fast > slow else Side.SELL
    trigger = _trigger(view, side, params, memory)
    agreeing = rsi if side is Side.BUY else 100 - rsi
    if trigger == "" or atr <= 0 or not params["rsi_floor"] <= agreeing <= params["rsi_ceiling"]:
        return None
    memory["armed"] = 0.0
    parts = {
        "trigger": 1.0 if trigger == "cross" else 0.8,
        "distance": _clip(abs(fast - slow) / (atr * params["full_atr"])),
        "momentum": _clip((agreeing - 50) / 15),
        "vwap": _side_of(view, side),
        "adx": _clip((view.values["adx_14"] - ADX_NONE) / ADX_SPAN) if "adx_14" in view.values else 0.5,
    }
    score = sum(WEIGHTS[name] * part for name, part in parts.items())
    return Decision(side, round(score, 4), _reasons(view, side, trigger))


def _trigger(view: StrategyView, side: Side, params: Params, memory: Memory) -> str:
    """Move the memory on by one candle and name the trigger, if one is armed and met."""
    fast, slow, atr = view.values["ema_9"], view.values["ema_21"], view.values["atr_14"]
    sign = float(side.sign)
    beyond = (view.close - fast) * sign > 0
    if memory.get("sign", 0.0) != sign:
        is_first = "sign" not in memory
        memory["sign"], memory["age"] = sign, _NEVER if is_first else 0.0
        memory["armed"] = 0.0 if is_first else 1.0
    else:
        memory["age"] += 1
    if not beyond:
        memory["armed"] = 1.0
        return ""
    if memory["armed"] < 1.0:
        return ""
    if memory["age"] < params["fresh_bars"]:
        return "cross"
    return "continuation" if abs(fast - slow) >= params["apart_atr"] * atr else ""


def _side_of(view: StrategyView, side: Side) -> float:
    vwap = view.values.get("vwap", 0.0)
    if vwap <= 0:
        return 0.5
    return 1.0 if (view.close - vwap) * side.sign > 0 else 0.0


def _reasons(view: StrategyView, side: Side, trigger: str) -> tuple[str, ...]:
    """Say what speaks for the side, and, led by "but", what speaks against it."""
    turn = "above" if side is Side.BUY else "below"
    first = f"9-EMA crossed {turn} 21-EMA" if trigger == "cross" else f"pullback to 9-EMA resumed, 9-EMA {turn} 21-EMA"
    words = [first, f"RSI {view.values['rsi_14']:.1f}"]
    vwap = view.values.get("vwap", 0.0)
    if vwap > 0:
        place = "above" if view.close > vwap else "below" if view.close < vwap else "at"
        words.append(f"{'' if _side_of(view, side) > 0 else 'but '}close {place} VWAP {vwap:.2f}")
    adx = view.values.get("adx_14")
    if adx is not None:
        words.append(f"ADX {adx:.1f}" if adx > ADX_NONE else f"but ADX {adx:.1f}, no trend")
    return tuple(words)


def _clip(x: float) -> float:
    return min(1.0, max(0.0, x))
