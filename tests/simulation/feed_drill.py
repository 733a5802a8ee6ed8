"""The feed's drill on the simulator: what it must survive, how soon it notices, and that it never cries wolf.

    python -m tests.simulation.feed_drill [--rounds N] [--reconnects N] [--quiet-s S] [--only NAME ...] [--json]

The feed is the real one with its quote check and its repair; its waits are shortened (``Limits``) so that a round takes
seconds. Each scenario gives one row; figures are in seconds of our clock unless they say otherwise.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from pipeline.core.feed import SubscriptionChange
from tests.simulation.feed_run import KEYS, PAPERS, READ_S, Decision, Limits, Run, quantile, run, simulated

Row = dict[str, Any]
STALLS = ("mute", "mute_frames", "mute_keys", "freeze", "half_open")
MUTED = [KEYS[0], KEYS[2]]
"""Papers that trade all the time."""
PATIENCE_S = 30.0
CAUSES = ({"code": 1000}, {"code": 1001}, {"code": 1011}, {"code": 1006}, {"refuse": "authorize"}, {"refuse": "/feeds"})
HOUR_S, SCALE = 3_600.0, 20.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    rounds: int = 20
    reconnects: int = 200
    quiet_s: float = HOUR_S / SCALE
    refusal_s: float = 10.0
    slow_s: float = 30.0


# ---------------------------------------------------------------------- five silent stalls


def stalls(size: Size, kinds: tuple[str, ...] = STALLS) -> list[Row]:
    """Stall a healthy feed in five ways: when does it decide, when is it well again, is the hole marked?"""
    rows = []
    with simulated(session="09:15-15:15", speed=1.0, ping_s=0.2) as (sim, config):
        for kind in kinds:
            found = []
            for _ in range(size.rounds):
                with run(sim, config, Limits()) as one:
                    found.append(stall(one, kind))
            first = [one["first"] for one in found if one["first"] is not None]
            row = {"scenario": f"stall {kind}", "rounds": size.rounds, "detected": len(first)}
            row |= {"detect_p50": quantile(first, 0.5), "detect_p99": quantile(first, 0.99)}
            row |= {"decided": " ".join(sorted({str(one["decided"]) for one in found}))}
            row |= {name: sum(one[name] for one in found) for name in ("recovered", "marked", "unmarked", "early")}
            rows.append(row | {"recover_p99": quantile([one["back"] for one in found if one["back"] is not None], 0.99)})
    return rows


def stall(one: Run, kind: str) -> Row:
    assert one.flows(), "the feed does not flow before the stall"
    struck_papers = MUTED if kind == "mute_keys" else KEYS
    struck_sids = [KEYS.index(key) for key in struck_papers]
    early = len(one.alarms())
    before = {sid: len(one.received.frames[sid]) for sid in struck_sids}
    started = time.monotonic()
    one.sim.fault(kind=kind, **({"keys": MUTED} if kind == "mute_keys" else {}))
    one.pump(lambda: bool(one.alarms(started)), PATIENCE_S)
    decision = one.first(started, lambda d: d in one.alarms(started))

    def is_back() -> bool:
        return decision is not None and all(max(one.received.frames[sid]) > reached for sid in struck_sids)

    reached = one.sim.clock()["ts"]
    is_recovered = one.pump(is_back, PATIENCE_S)
    back = time.monotonic() - started if is_recovered else None
    one.flows()
    one.sim.fault(kind="none")
    assert all(len(one.received.frames[sid]) >= count for sid, count in before.items())
    return {
        "first": decision.at_s - started if decision is not None else None,
        "decided": decided(decision),
        "recovered": is_recovered,
        "back": back,
        "marked": one.received.marked > 0,
        "unmarked": len(one.unmarked()),
        "early": early,
    }


def decided(decision: Decision | None) -> str:
    if decision is None:
        return "nothing"
    return str(
        decision.fields.get("remedy") or ("reconnect" if decision.is_reconnect else decision.what.removeprefix("feed ")).replace(" ", "-")
    )


# ---------------------------------------------------------------------- two hundred reconnects


def reconnects(size: Size) -> list[Row]:
    """Lose the connection in every way while papers come and go: is every wanted key subscribed, is every hole marked?"""
    limits = replace(Limits(), liveness_s=5.0, silence_s=20.0, confirm_s=5.0)
    missing, times, wanted = 0, [], set(KEYS)
    with simulated(session="09:15-15:15", speed=10.0, ping_s=0.2) as (sim, config), run(sim, config, limits) as one:
        one.flows()
        for n in range(size.reconnects):
            connects = int(one.source.status()["connects"])
            started = time.monotonic()
            lose(one, CAUSES[n % len(CAUSES)])
            if n % 4 == 3:
                toggle(one, wanted, 12 + n // 4 % 3, n)
            one.pump(lambda count=connects: int(one.source.status()["connects"]) > count, PATIENCE_S)
            one.flows()
            times.append(time.monotonic() - started)
            # The last control frame may still be on its way: wait for it, then count what never came.
            one.pump(lambda: one.missing_at_server(sorted(wanted)) == 0, 2.0)
            missing += one.missing_at_server(sorted(wanted))
        one.pump(lambda: one.repair.counts()["owed"] == 0, PATIENCE_S)
        steady = [paper.sid for paper in PAPERS[:12]]
        lost = one.unmarked(steady)
        row = {"scenario": "reconnects", "rounds": size.reconnects, "connects": int(one.source.status()["connects"]), "missing": missing}
        row |= {"marked": one.received.marked, "unmarked": len(lost), "back_p50": quantile(times, 0.5), "back_p99": quantile(times, 0.99)}
        row |= {"repaired": len(one.received.repaired), "wrong_repairs": one.wrong_repairs(), "given_up": one.repair.counts()["gave_up"]}
        return [row]


def lose(one: Run, cause: Row) -> None:
    if "refuse" in cause:
        one.sim.fault(kind="refuse_feed", status=403 if cause["refuse"] == "/feeds" else 503, match=cause["refuse"], count=2)
    one.sim.fault(kind="close_code", code=cause.get("code", 1006))


def toggle(one: Run, wanted: set[str], sid: int, n: int) -> None:
    key = KEYS[sid]
    action = "remove" if key in wanted else "add"
    wanted ^= {key}
    one.source.want([SubscriptionChange(n, PAPERS[sid].symbol, action, "", "drill")])


# ---------------------------------------------------------------------- tokens, refusals, clocks


def token_death(_size: Size) -> list[Row]:
    """The token dies in mid-session: one try with it, then silence until there is another, then on by itself."""
    with simulated(session="09:15-10:15", speed=1.0, ping_s=0.2) as (sim, config), run(sim, config, Limits()) as one:
        one.flows()
        sim.fault(kind="token_death")
        one.flows()  # an open socket lives on
        sim.fault(kind="close_code", code=1006)
        one.pump(lambda: bool(one.rejected), PATIENCE_S)
        one.wait(3.0)
        asked = [note for note in sim.ledger()["requests"] if note["path"].endswith("/authorize")]
        wasted = sum(note["status"] == 401 for note in asked)
        state = one.source.status()["state"]
        one.token = sim.get("/_token")["data"]["access_token"]
        started = time.monotonic()
        is_back = one.flows()
        row = {"scenario": "token death", "wasted_tries": wasted, "rejected": len(one.rejected), "state": state, "recovered": is_back}
        return [row | {"back": time.monotonic() - started, "marked": one.received.marked, "unmarked": len(one.unmarked())}]


def refusal(size: Size) -> list[Row]:
    """Ten minutes of refusals at sixty times the pace: pauses grow, are jittered and capped, and it comes back."""
    pace = 600.0 / size.refusal_s
    limits = replace(Limits(), backoff_s=(0.2 / pace, 10.0 / pace))
    with simulated(session="09:15-10:15", speed=1.0, ping_s=0.2) as (sim, config), run(sim, config, limits) as one:
        one.flows()
        started = time.monotonic()
        sim.fault(kind="refuse_feed", status=503, count=-1, seconds=size.refusal_s)
        sim.fault(kind="close_code", code=1006)
        one.pump(lambda: time.monotonic() > started + size.refusal_s, 2 * size.refusal_s)
        is_back = one.flows()
        back = one.first(started, lambda d: d.what == "feed connected")
        tries = [d for d in one.log.heard if d.is_reconnect and d.at_s >= started]
        pauses = [float(b.at_s - a.at_s) for a, b in pairwise(tries)]
        row = {"scenario": "refusal", "for_s": size.refusal_s, "cap_s": limits.backoff_s[1], "tries": len(tries), "recovered": is_back}
        row |= {"pause_p50": quantile(pauses, 0.5), "pause_max": max(pauses), "pauses_differ": len({round(p, 4) for p in pauses[-20:]})}
        late = back.at_s - started - size.refusal_s if back is not None else None
        return [row | {"back_after_end": late, "marked": one.received.marked, "unmarked": len(one.unmarked())}]


def slow_clock(size: Size) -> list[Row]:
    """The server's clock runs five seconds behind: nobody is alarmed, and the skew is on the page."""
    limits = replace(Limits(), liveness_s=3.0, silence_s=3.0)
    with simulated(session="09:15-15:15", speed=1.0, ping_s=0.2, clock_offset_ms=-5_000) as (sim, config), run(sim, config, limits) as one:
        one.flows()
        one.wait(size.slow_s)
        market_ms = time.time() * 1000 - sim.clock()["ts"]
        status = one.source.status()
        row = {"scenario": "clock 5 s slow", "for_s": size.slow_s, "alarms": len(one.alarms()), "connects": status["connects"]}
        shown = int(status["skew_ms"]) - market_ms
        return [row | {"skew_beyond_ms": round(shown), "lag_ms": status["clock_lag_ms"], "refused": status["refused_frames"]}]


def held_back(size: Size) -> list[Row]:
    """Nobody takes the records (Redis is away): what waits with us is no stall of the feed."""
    limits = replace(Limits(), liveness_s=3.0)
    with simulated(session="09:15-15:15", speed=1.0, ping_s=0.2) as (sim, config), run(sim, config, limits) as one:
        one.flows()
        until = time.monotonic() + size.slow_s / 3
        while time.monotonic() < until:
            one.source.idle()
            time.sleep(READ_S)
        alarms = len(one.alarms())
        is_back = one.flows()
        one.wait(2.0)
        row = {"scenario": "held back", "for_s": size.slow_s / 3, "alarms": alarms, "alarms_after": len(one.alarms()) - alarms}
        return [row | {"recovered": is_back, "connects": one.source.status()["connects"], "unmarked": len(one.unmarked())}]


# ---------------------------------------------------------------------- quiet times


def quiet(size: Size) -> list[Row]:
    """An hour in which nothing trades, three times: before the open, in the session, after the close. Nothing may happen."""
    rows = []
    for name, session in (("pre-open", "09:08-15:00"), ("session", "09:20-15:00"), ("after close", "15:41-16:00")):
        limits = replace(Limits(), liveness_s=60 / SCALE, silence_s=60 / SCALE, confirm_s=5.0, quotes_pause_s=10 / SCALE)
        with simulated(session=session, speed=1.0, ping_s=5 / SCALE) as (sim, config), run(sim, config, limits) as one:
            one.pump(lambda: one.source.status()["unseen"] == 0, PATIENCE_S)
            sim.fault(kind="quiet")
            one.wait(size.quiet_s)
            status = one.source.status()
            row = {
                "scenario": f"quiet {name}",
                "for_s": size.quiet_s,
                "reconnects": int(status["connects"]) - 1,
                "alarms": len(one.alarms()),
            }
            row |= {"quote_checks": status["quote_checks"], "resubscribed": status["resubscribed"]}
            rows.append(row | {"pings": int(sim.get("/_feeds?last=1&keys=0")["connections"][-1]["pinged"])})
    return rows


SCENARIOS: dict[str, Callable[[Size], list[Row]]] = {
    "stalls": stalls,
    "reconnects": reconnects,
    "token": token_death,
    "refusal": refusal,
    "clock": slow_clock,
    "held": held_back,
    "quiet": quiet,
}


def drill(size: Size, only: tuple[str, ...] = ()) -> list[Row]:
    return [row for name, play in SCENARIOS.items() if not only or name in only for row in play(size)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=Size().rounds, help="of each of the five stalls")
    parser.add_argument("--reconnects", type=int, default=Size().reconnects)
    parser.add_argument("--quiet-s", type=float, default=Size().quiet_s, help="seconds of each quiet time (an hour at scale 20)")
    parser.add_argument("--only", nargs="*", choices=SCENARIOS, default=[])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    logging.getLogger("ticktick").setLevel(logging.CRITICAL)
    logging.getLogger("ticktick").addHandler(logging.NullHandler())
    rows = drill(Size(args.rounds, args.reconnects, args.quiet_s), tuple(args.only))
    if args.json:
        print(json.dumps({"limits": asdict(Limits()), "rows": rows}))
        return
    for row in rows:
        print(f"{row['scenario']:<18}" + "  ".join(f"{name}={show(value)}" for name, value in row.items() if name != "scenario"))


def show(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
