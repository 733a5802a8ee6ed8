"""What speaks for a mode and what against it, looked up before the mode is set: each point with its evidence.

Reads   settings as they would be in that mode, the token's state, the instrument file and its verdict, Redis, the running processes, the
        broker's clock, funds and registered addresses, the audits on this machine
Writes  nothing; gives points. A point that is required and not met forbids the mode; the others are for a person to weigh
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import redis

from pipeline import __version__
from pipeline.broker.instruments import cache_path
from pipeline.broker.upstox_account import UpstoxAccount
from pipeline.core.errors import TickTickError
from pipeline.core.money import rupees
from pipeline.core.schema import Role
from pipeline.core.session import ist_date
from pipeline.engine.rollout import stage_words
from pipeline.jobs.orders import OUTWARD
from pipeline.run.access import rest_client, tokens
from pipeline.run.address import judged, own_address
from pipeline.run.audit import files_in, sort_key
from pipeline.run.masters import report_path
from pipeline.run.options import Settings
from pipeline.run.surroundings import funds_and_skew, versions
from pipeline.run.wiring import TRADES_WITH
from pipeline.store.chainfile import verify
from pipeline.store.client import check, forgetful, open_clients

PAPER_DAYS, SANDBOX_DAYS = 5, 1
"""Audited days that should lie behind real money: a week on paper, then the sandbox."""


@dataclass(frozen=True, slots=True)
class Point:
    name: str
    is_met: bool
    is_required: bool
    evidence: str


def points(settings: Settings) -> list[Point]:
    """Collect every point for ``settings.mode``; what cannot be looked up is not met, and says why."""
    looks = _looks(settings)
    return [_looked(name, is_required, look) for name, is_required, look in looks]


def _looks(settings: Settings) -> Iterator[tuple[str, bool, Callable[[], tuple[bool, str]]]]:
    is_live, is_real = settings.mode.startswith("live-"), settings.mode == "live-real"
    is_outward = is_live or settings.mode == OUTWARD
    asked = cache(lambda: funds_and_skew(rest_client(settings)))
    yield "this version trades it", True, lambda: _trades(settings)
    yield "limits", True, lambda: _limits(settings)
    if is_live:
        yield "roll-out", True, lambda: _rollout(settings)
    if is_outward:
        yield "token", True, lambda: _token(settings)
        yield "versions", True, lambda: _versions(settings)
        yield "clock", True, lambda: _clock(settings, asked()[1])
        yield "funds", True, lambda: _funds(settings, asked()[0])
        yield (
            "static IP",
            is_real,
            lambda: judged(UpstoxAccount(rest_client(settings)).static_ips(), own_address(settings.upstox.order_url)),
        )
        yield "instrument file", True, lambda: _instruments(settings)
    yield "redis", is_live, lambda: _redis(settings)
    yield "audit", True, lambda: _audit(settings)
    if is_live:
        yield "days on paper", False, lambda: _days(settings, "paper", PAPER_DAYS)
    if is_real:
        yield "days in the sandbox", False, lambda: _days(settings, "live-sandbox", SANDBOX_DAYS)


def _looked(name: str, is_required: bool, look: Callable[[], tuple[bool, str]]) -> Point:
    try:
        is_met, evidence = look()
    except TickTickError as error:
        is_met, evidence = False, str(error)
    return Point(name, is_met, is_required, evidence)


def _trades(settings: Settings) -> tuple[bool, str]:
    with_whom = TRADES_WITH.get(settings.mode)
    return with_whom is not None, f"orders go to {with_whom}" if with_whom else "not in this version: it trades on paper only"


def _limits(settings: Settings) -> tuple[bool, str]:
    risk, source = settings.params.risk, settings.sources["risk.capital_paise"].rpartition(":")[0]
    stop = rupees(int(risk.capital_paise * risk.daily_loss_stop_ratio))
    return (
        True,
        f"capital {rupees(risk.capital_paise)}, daily stop {stop}, {risk.max_positions} positions, from {source}",
    )


def _rollout(settings: Settings) -> tuple[bool, str]:
    rollout = settings.params.rollout
    why = stage_words(rollout, _today(settings))
    told = "off: all limits at once" if rollout.stage == 0 else f"stage {rollout.stage}: {', '.join(settings.params.risk.symbols)}"
    return not why, f"stage {rollout.stage} {why}" if why else told


def _token(settings: Settings) -> tuple[bool, str]:
    held = tokens(settings).status()
    left_s = (int(held["expires_ms"]) - time.time_ns() // 1_000_000) // 1000 if held["expires_ms"] else 0
    is_met = held["state"] in ("valid", "expiring") and left_s >= settings.params.risk.min_token_life_s
    return is_met, f"{held['state']}, {left_s // 60} min left" if left_s > 0 else f"{held['state']}: `ticktick login --open`"


def _versions(settings: Settings) -> tuple[bool, str]:
    try:
        found = versions(open_clients(settings.redis.urls()))
    except redis.exceptions.RedisError as error:
        return False, str(error).splitlines()[0][:120]
    others = {name: version for name, version in found.items() if version != __version__}
    if others:
        return False, f"{', '.join(f'{name} is {version}' for name, version in others.items())}, this is {__version__}: restart all"
    return True, f"{len(found)} processes run, all {__version__}" if found else f"none runs, this is {__version__}"


def _clock(settings: Settings, skew_ms: int | None) -> tuple[bool, str]:
    most = settings.params.risk.max_clock_skew_ms
    if skew_ms is None:
        return False, "the broker's answer has no date: the clocks cannot be compared"
    return abs(skew_ms) <= most, f"ours is {skew_ms:+d} ms from the broker's (to half a second), at most {most}"


def _funds(settings: Settings, paise: int) -> tuple[bool, str]:
    risk = settings.params.risk
    need = round(risk.capital_paise * risk.max_position_ratio * risk.margin_ratio)
    return paise >= need, f"{rupees(paise)} free at the broker, the largest position binds {rupees(need)}"


def _instruments(settings: Settings) -> tuple[bool, str]:
    date = _today(settings)
    verdict = report_path(settings.paths.data, date)
    if not cache_path(settings.paths.data, date).exists() or not verdict.exists():
        return False, f"none of {date}: `ticktick instruments refresh`"
    told = json.loads(verdict.read_text("utf-8"))
    return bool(told["is_fit"]), f"{told['rows']:,} papers of {date}, {'fit' if told['is_fit'] else '; '.join(told['faults'])}"


def _redis(settings: Settings) -> tuple[bool, str]:
    urls = settings.redis.urls()
    clients = open_clients(urls)
    try:
        weak = [*check(clients, urls), *filter(None, [forgetful(clients[Role.DERIVED])])]
    except redis.exceptions.RedisError as error:
        return False, str(error).splitlines()[0][:120]
    return not weak, "; ".join(weak) or "keeps what it is told (appendonly, appendfsync always, noeviction)"


def _audit(settings: Settings) -> tuple[bool, str]:
    files = files_in(settings.paths.audit)
    broken = [f"{path.name}: {found.broken}" for path in files if (found := verify(path.read_bytes())).broken]
    return not broken, "; ".join(broken) or (f"{len(files)} files, all whole" if files else "none yet")


def _days(settings: Settings, mode: str, wanted: int) -> tuple[bool, str]:
    days = {date for date, its_mode, _ in map(sort_key, files_in(settings.paths.audit)) if its_mode == mode}
    return len(days) >= wanted, f"{len(days)} audited, {wanted} advised"


def _today(settings: Settings) -> str:
    return settings.session_date or ist_date(time.time_ns() // 1_000_000)
