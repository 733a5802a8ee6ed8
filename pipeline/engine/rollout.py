"""Going live by steps: what an active roll-out makes of the limits, and when its next stage may begin.

Reads   RiskParams and RolloutParams of risk.toml, a date in IST
Writes  the limits as they count today; the sentence that refuses a stage

Stage 1 trades one paper with a small part of the capital, stage 2 three. A limit is only ever made tighter. Whether
the week was good enough to go on is for a person to say, by writing the stage; this only holds them to the week.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pipeline.core.params import RiskParams, RolloutParams

PAPERS = {1: 1, 2: 3}
"""Papers taken in at each stage."""


def tightened(risk: RiskParams, rollout: RolloutParams) -> RiskParams:
    """Give the limits as they count while the roll-out is at its stage."""
    if rollout.stage == 0:
        return risk
    papers = PAPERS[rollout.stage]
    allowed = tuple(s for s in rollout.symbols[:papers] if not risk.symbols or s in risk.symbols)
    return replace(
        risk,
        max_position_ratio=min(risk.max_position_ratio, rollout.position_ratio),
        max_order_ratio=min(risk.max_order_ratio, rollout.position_ratio),
        max_positions=min(risk.max_positions, papers),
        symbols=allowed or (NOBODY,),
    )


NOBODY = "-"
"""No paper bears this name: a roll-out that allows nothing must not look like one that allows all."""


def stage_words(rollout: RolloutParams, date_iso: str) -> str:
    """Say why the stage may not be used on a date; empty when it may."""
    if rollout.stage == 0:
        return ""
    if not rollout.symbols:
        return "needs the papers to begin with in rollout.symbols"
    if not _is_date(rollout.since):
        return "needs the date of its beginning in rollout.since"
    done = (date.fromisoformat(date_iso) - date.fromisoformat(rollout.since)).days
    if done < 0:
        return f"begins on {rollout.since} only"
    if rollout.stage > 1 and done < rollout.days:
        return f"comes {rollout.days} days after stage 1 began on {rollout.since}: {done} have passed, set rollout.stage = 1"
    return ""


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
