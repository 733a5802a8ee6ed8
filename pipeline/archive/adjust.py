"""Splits and bonuses as a step of its own: a table of factors beside the raw days, each checked against the raw prices.

Reads   DAILY rows as imported (unadjusted), and actions (symbol, ex date, ratio: 2 means two shares for one)
Gives   Factors: ``applied``, ``forced`` or ``refused`` with the reason; rows before an ex date divided by the ratio, volume times it
Law     the raw rows are never changed. The price step over the ex date, close before / open on the day, must be within 10 % of the
        ratio and nearer to it than to no step at all; else the action is refused, unless a person forces it. Dividends are left out.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.errors import Refused
from pipeline.core.session import DAY_MS, ist_date, ist_ms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.void]

TOLERANCE = 0.10
UNEXPLAINED = 1.35
"""A step down at or above this (or up, its inverse) without an applied action is told."""
MAX_RATIO = 10_000
NEAR_DAYS = 7
"""How far off a wrong ex date is looked for, and how long a paper may not have traded over it."""
FILE = "factors.csv"
HEADER = ("ex_date", "ratio", "step", "state", "why")
COUNTING = ("applied", "forced")


@dataclass(frozen=True, slots=True)
class Action:
    symbol: str
    ex_date: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Factor:
    """``step`` is what the raw prices did over the ex date; 0 where there are none."""

    ex_date: str
    ratio: float
    step: float
    state: str
    why: str = ""


def read_actions(text: str, name: str) -> list[Action]:
    """Read a CSV with symbol, ex_date and split_ratio (other columns are left alone; ratio 0 or 1 is no split).

    Raises:
        Refused: a column is missing, or a row cannot be read.
    """
    lines = csv.DictReader(io.StringIO(text))
    if not {"symbol", "ex_date", "split_ratio"} <= set(lines.fieldnames or ()):
        raise Refused(f"{name}: the columns symbol, ex_date and split_ratio are needed, it has {', '.join(lines.fieldnames or ('none',))}")
    try:
        actions = [
            Action((line["symbol"] or "").strip(), ist_date(ist_ms((line["ex_date"] or "").strip(), "00:00")), _ratio(line["split_ratio"]))
            for line in lines
        ]
    except (ValueError, csv.Error, Refused) as error:
        raise Refused(f"{name}, line {lines.line_num}: {error}: correct it") from error
    return [action for action in actions if action.ratio not in (0.0, 1.0)]


def _ratio(text: str | None) -> float:
    ratio = float(text or 0)
    if not 0 <= ratio < MAX_RATIO:
        raise ValueError(f"a ratio of {ratio:g} cannot be")
    return ratio


def factors(rows: Rows, actions: Iterable[Action], forced: frozenset[str]) -> list[Factor]:
    """Check each action of one symbol against its raw rows; those before the first row or after the last are left out.

    ``forced`` holds ex dates that a person vouches for.
    """
    span = (ist_date(int(rows["ts"][0])), ist_date(int(rows["ts"][-1]))) if len(rows) > 0 else ("9", "0")
    inside = sorted((a for a in actions if span[0] < a.ex_date <= span[1]), key=lambda a: a.ex_date)
    return [_factor(rows, action, is_forced=action.ex_date in forced) for action in inside]


def _factor(rows: Rows, action: Action, *, is_forced: bool) -> Factor:
    step = _step(rows, action.ex_date)
    why = _disagreement(rows, action, step)
    state = "applied" if not why else "forced" if is_forced else "refused"
    return Factor(action.ex_date, action.ratio, round(step, 4), state, why)


def _disagreement(rows: Rows, action: Action, step: float) -> str:
    if step == 0.0:
        return f"no trading within {NEAR_DAYS} days of the ex date"
    if abs(step / action.ratio - 1) <= TOLERANCE and abs(math.log(step / action.ratio)) < abs(math.log(step)):
        return ""
    ends = (ist_ms(action.ex_date, "00:00") - NEAR_DAYS * DAY_MS, ist_ms(action.ex_date, "00:00") + NEAR_DAYS * DAY_MS)
    near = [d for d, s in big_steps(rows[(rows["ts"] >= ends[0]) & (rows["ts"] <= ends[1])]) if abs(s / action.ratio - 1) <= TOLERANCE]
    hint = f"; the prices step so on {near[0]}" if near else ""
    return f"the raw price steps by {step:.2f}, not by {action.ratio:g}{hint}"


def _step(rows: Rows, ex_date: str) -> float:
    """Give close before / open on the first day from the ex date on; 0 when none is near."""
    start = ist_ms(ex_date, "00:00")
    at = int(np.searchsorted(rows["ts"], start))
    if at == 0 or at == len(rows) or rows["ts"][at] > start + NEAR_DAYS * DAY_MS:
        return 0.0
    return float(rows["close"][at - 1] / rows["open"][at])


def big_steps(rows: Rows) -> list[tuple[str, float]]:
    """List (date, close before / open) of the days whose open is far from the close before."""
    if len(rows) < 2:
        return []
    steps = rows["close"][:-1] / rows["open"][1:]
    far = np.flatnonzero((steps >= UNEXPLAINED) | (steps <= 1 / UNEXPLAINED))
    return [(ist_date(int(rows["ts"][at + 1])), float(steps[at])) for at in far.tolist()]


def unexplained(rows: Rows, table: Sequence[Factor]) -> list[tuple[str, float]]:
    """List the big steps of the raw prices that no applied action explains: a missing action, a demerger, or a real fall."""
    known = {factor.ex_date for factor in table if factor.state in COUNTING}
    return [(day, step) for day, step in big_steps(rows) if day not in known]


def adjusted(rows: Rows, table: Iterable[Factor]) -> Rows:
    """Give the rows as of today: a copy, with the applied and forced factors in."""
    out = rows.copy()
    scale = np.ones(len(rows))
    for factor in table:
        if factor.state in COUNTING:
            scale[rows["ts"] < ist_ms(factor.ex_date, "00:00")] *= factor.ratio
    for name in ("open", "high", "low", "close", "prev_close"):
        out[name] = rows[name] / scale
    out["volume"] = np.rint(rows["volume"] * scale).astype(np.int64)
    firsts: Any = np.flatnonzero(np.diff(scale, prepend=scale[:1]) != 0)
    # The close before an ex date is of the old shares: it stands on the day after the step.
    out["prev_close"][firsts] = rows["prev_close"][firsts] / scale[firsts - 1]
    return out


def table_text(table: Sequence[Factor]) -> str:
    """Write a table of factors as CSV."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(HEADER)
    lines.writerows((f.ex_date, repr(f.ratio), repr(f.step), f.state, f.why) for f in table)
    return text.getvalue()


def read_table(text: str, name: str) -> list[Factor]:
    """Read it back.

    Raises:
        Refused: it is not one of ours.
    """
    try:
        return [Factor(r["ex_date"], float(r["ratio"]), float(r["step"]), r["state"], r["why"]) for r in csv.DictReader(io.StringIO(text))]
    except (KeyError, ValueError, TypeError) as error:
        raise Refused(f"{name} is no table of factors ({error}): make it again with `ticktick history adjust`") from error
