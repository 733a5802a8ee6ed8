"""`ticktick status`: what runs, how fresh it is, whether the token lives, and in one line what is missing.

Reads the health and latency hashes, the session and the feed's state from Redis; never writes. Exit 0 when every process
is well, 3 when some are missing or Redis is away.
"""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import redis

from pipeline.broker import windows
from pipeline.broker.throttle import RedisThrottle
from pipeline.broker.windows import Forecast
from pipeline.core.errors import TickTickError
from pipeline.core.schema import AUTH_STATUS, FEED_STATUS, HEALTH, LATENCY, MARKET_STATUS, SESSION, HashKey, Role
from pipeline.core.session import ist_text
from pipeline.run import beside
from pipeline.run.latency import BUDGET_US, CHAIN
from pipeline.run.processes import ENDS_BY_ITSELF, PROCESSES, WHEN_RECORDING
from pipeline.run.settings import Settings
from pipeline.run.supervise import pss_kib
from pipeline.run.verbs.shared import now_ms, settings_for, show, token_source
from pipeline.store.address import place
from pipeline.store.client import open_clients

STALE_MS = 5_000
KNOCK_S = 0.3
OTHER_DAY_MS = 600_000
"""Clocks that are further apart than this are of two days: a replay, or a day that was made up."""
FEED_COUNTS = {"gaps": "gaps", "folded_rows": "conflated", "refused_frames": "refused"}
Hash = dict[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One process as its last beat described it."""

    process: str
    state: str
    """running, stale, done or absent."""
    age_ms: int
    lag_p50_ms: str = ""
    lag_p99_ms: str = ""
    pid: str = ""
    version: str = ""
    entries: str = ""
    last_error: str = ""


def main(args: argparse.Namespace) -> int:
    """Print the state of the house."""
    settings = settings_for(args)
    where = place(settings.redis.urls()[Role.DERIVED])
    try:
        health, latency, session, feed, market, auth = read(settings)
        is_redis_up = True
    except redis.exceptions.RedisError:
        health, latency, session, feed, market, auth, is_redis_up = {}, {}, {}, {}, {}, {}, False
    now = now_ms()
    order_rate = order_rate_of(settings) if is_redis_up else ()
    besides = beside.beside(settings, session.get("mode", settings.mode)) if is_redis_up else {"external": [], "equity": {}}
    rows = [row_of(script, health.get(job, {}), now) for script, job in PROCESSES.items()]
    rows = [_page(row, session.get("page", ""), settings) if row.process == "dashboard" else row for row in rows]
    token = token_of(auth, rows) or _token(settings)
    if not settings.recorder.enabled:
        rows = [row for row in rows if row.process not in WHEN_RECORDING or row.state != "absent"]
    missing = what_is_missing(rows, where if is_redis_up else "", token)
    plain = {
        "mode": session.get("mode", settings.mode),
        "redis": where if is_redis_up else None,
        "token": token,
        "session": session,
        "feed": feed or feed_of(health.get("ticks", {})),
        "market": market,
        "word": health.get("orders", {}).get("word", ""),
        "latency": {job: latency_of(fields) for job, fields in latency.items() if fields},
        **besides,
        "order_rate": [asdict(window) for window in order_rate],
        "processes": [asdict(row) for row in rows],
        "pss_kib": dict(pss_kib({row.process: int(row.pid) for row in rows if row.state == "running" and row.pid.isdecimal()})),
        "missing": missing,
    }
    show(args, plain, words_of(plain, rows, now, order_rate))
    return 0 if is_redis_up and all(row.state in ("running", "done") for row in rows) else 3


def read(settings: Settings) -> tuple[dict[str, Hash], dict[str, Hash], Hash, Hash, Hash, Hash]:
    """Fetch the health and the latency of each process, the session, the feed's and the market's state, and the token's."""
    clients = open_clients(settings.redis.urls())
    pipe = clients[Role.DERIVED].pipeline(transaction=False)
    for job in PROCESSES.values():
        pipe.hgetall(HEALTH.key(job))
        pipe.hgetall(LATENCY.key(job))
    found = [_text(reply) for reply in pipe.execute()]
    health, latency = (dict(zip(PROCESSES.values(), found[place::2], strict=True)) for place in (0, 1))
    session, feed, market, auth = (_hash(clients, key) for key in (SESSION, FEED_STATUS, MARKET_STATUS, AUTH_STATUS))
    return health, latency, session, feed, market, auth


def order_rate_of(settings: Settings) -> tuple[Forecast, ...]:
    """Give the state of the order rate that all processes share; empty while no order call is counted."""
    found = RedisThrottle(open_clients(settings.redis.urls())[Role.DERIVED]).forecast()
    return found if any(window.used for window in found) else ()


def row_of(script: str, beat: Mapping[str, str], now: int) -> Row:
    """Judge one process by its last beat."""
    if not beat:
        return Row(script, "absent", 0)
    age = max(now - int(float(beat.get("at_ms", "0"))), 0)
    is_done = beat.get("is_done") == "1"
    state = "done" if is_done else "stale" if age > STALE_MS else "running"
    return Row(
        script,
        state,
        age,
        beat.get("lag_p50_ms", ""),
        beat.get("lag_p99_ms", ""),
        beat.get("pid", ""),
        beat.get("version", ""),
        beat.get("entries", ""),
        beat.get("last_error", ""),
    )


def feed_of(beat: Mapping[str, str]) -> Hash:
    """Give the feed's state, which the feed process carries in its health."""
    return {name: beat[name] for name in ("state", "frames", "ticks", "gaps", "connects", "last_ts", "subscribed") if name in beat}


def feed_words(feed: Mapping[str, str], *, has_beat: bool) -> str:
    """Say in one line how the feed is; what it did not tell is left out, and a dead process is not believed."""
    state = feed.get("state", "unknown")
    wanted = feed.get("wanted", "")
    parts = [
        f"feed {state}, {feed.get('frames', '0')} frames" if has_beat or not feed else f"feed: no beat, last heard {state}",
        feed.get("mode", ""),
    ]
    if "subscribed" in feed:
        parts.append(f"{feed['subscribed']}{wanted and f'/{wanted}'} symbols")
    for name, word in (("unconfirmed", "unconfirmed"), ("stalled", "silent")):
        if feed.get(name, "0") not in ("", "0"):
            names = feed.get(f"{name}_names", "")
            parts.append(f"{feed[name]} {word}{names and f' ({names})'}")
    parts += [f"{word} {feed[name]}" for name, word in FEED_COUNTS.items() if name in feed]
    parts += [f"{word} {feed[name]} ms" for name, word in (("skew_ms", "skew"), ("clock_lag_ms", "lag")) if _is_near(feed.get(name, ""))]
    return " · ".join(part for part in parts if part)


def _is_near(ms: str) -> bool:
    return ms.lstrip("-").isdecimal() and abs(int(ms)) < OTHER_DAY_MS


def token_of(auth: Mapping[str, str], rows: list[Row]) -> dict[str, Any]:
    """Give the token's state as the feed's process tells it, while it lives: a demo's token is not in our file. Empty when it does not."""
    is_told = "state" in auth and any(PROCESSES.get(row.process) == "ticks" and row.state == "running" for row in rows)
    return dict(auth) | {name: int(auth.get(name) or 0) for name in ("issued_ms", "expires_ms")} if is_told else {}


def latency_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Give one process's percentiles as numbers, and its slowest inputs."""
    try:
        worst = json.loads(fields.get("worst", "[]"))
    except ValueError:
        worst = []
    return {name: int(text) for name, text in fields.items() if text.isascii() and text.isdecimal()} | {"worst": worst}


def latency_words(latency: Mapping[str, Mapping[str, Any]]) -> str:
    """Say what the chain's p99 come to, against the budget; empty before anything was measured."""
    p99 = {
        job: latency[job]["total_p99_us"] / 1000 for job in CHAIN if latency.get(job, {}).get("inputs") and "total_p99_us" in latency[job]
    }
    each = ", ".join(f"{job} {ms:.1f}" for job, ms in p99.items())
    return f"latency, chain p99 {sum(p99.values()):.1f} of {BUDGET_US / 1000:.0f} ms: {each}" if p99 else ""


def _page(row: Row, told: str, settings: Settings) -> Row:
    """Judge the dashboard by its port: it writes no health, it only reads. The session tells where it is, or the settings do."""
    host, _, port = (told or f"{settings.dashboard.host}:{settings.dashboard.port}").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), KNOCK_S):
            return replace(row, state="running")
    except OSError:
        return row


def what_is_missing(rows: list[Row], redis_at: str, token: Mapping[str, Any]) -> str:
    """Say in one line what stands between here and a running day, with the command that helps; empty when nothing does."""
    if not redis_at:
        return "no Redis answers: start one (`sh config/redis.sh server`), or set REDIS_HOST and REDIS_PORT; `ticktick demo` brings its own"
    parts = []
    absent = [row.process for row in rows if row.state == "absent" and row.process not in ENDS_BY_ITSELF]
    stale = [row.process for row in rows if row.state == "stale"]
    if absent:
        parts.append(f"not running: {', '.join(absent)} (`ticktick up`)")
    if stale:
        parts.append(f"no beat for {STALE_MS // 1000} s: {', '.join(stale)} (see logs/errors.log)")
    if token["state"] not in ("valid", "expiring"):
        parts.append(f"token {token['state']} (`ticktick login --open`)")
    return "; ".join(parts)


def words_of(plain: Mapping[str, Any], rows: list[Row], now: int, order_rate: tuple[Forecast, ...]) -> str:
    """Lay the state out for a person."""
    token, session = plain["token"], plain["session"]
    until = f" until {ist_text(int(token['expires_ms']))[:16]} IST" if token["expires_ms"] else ""
    shown_day = f" · {session.get('maker', '')} · {session.get('date', '')}" if session else ""
    has_beat = any(PROCESSES.get(row.process) == "ticks" and row.state in ("running", "done") for row in rows)
    latency = latency_words(plain["latency"])
    halted = f"{plain['word'].upper()} holds: no new entries, lift it with `ticktick resume`" if plain["word"] else ""
    lines = [
        f"mode {plain['mode']}{shown_day} · {ist_text(now)[:19]} IST",
        f"token {token['state']}{until} · Redis {plain['redis'] or 'away'}",
        feed_words(plain["feed"], has_beat=has_beat),
        *([halted] if halted else []),
        *beside.words_of(plain),
        *([latency] if latency else []),
        *([windows.words_of(order_rate)] if order_rate else []),
        "",
        f"{'process':<24} {'state':<8} {'age':>7} {'lag p50':>9} {'lag p99':>9} {'pid':>8} {'version':<8} last error",
    ]
    for row in rows:
        age = f"{row.age_ms / 1000:.1f} s" if row.state != "absent" else ""
        lag = [f"{text} ms" if text else "" for text in (row.lag_p50_ms, row.lag_p99_ms)]
        line = f"{row.process:<24} {row.state:<8} {age:>7} {lag[0]:>9} {lag[1]:>9} {row.pid:>8} {row.version:<8} {row.last_error}"
        lines.append(line.rstrip())
    return "\n".join([*lines, "", f"missing: {plain['missing']}" if plain["missing"] else "nothing is missing"])


def _token(settings: Settings) -> dict[str, Any]:
    """Give the token's state; a damaged or open file is a state too, and must not hide the rest."""
    try:
        return dict(token_source(settings).status())
    except TickTickError as error:
        return {"state": "unreadable", "kind": "", "issued_ms": 0, "expires_ms": 0, "next": str(error)}


def _hash(clients: Mapping[Role, redis.Redis], key: HashKey) -> Hash:
    found: Any = clients[key.role or Role.DERIVED].hgetall(key.key())
    return _text(found)


def _text(found: Mapping[bytes, bytes]) -> Hash:
    return {name.decode(): value.decode("utf-8", "replace") for name, value in found.items()}
