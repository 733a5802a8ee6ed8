"""The judge of a run of the house: what the simulator received and did, against what the house was told and wrote.

one POST for a tag, ever                          every trade of the simulator booked once, by orders and by portfolio
positions equal, paper by paper                   no entry proposed while the house was halted reached the simulator
no entry that arrived when it was halted          no entry that arrived when everything known was stale
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.core import schema
from pipeline.core.schema import Role

if TYPE_CHECKING:
    from tests.simulation.house_run import House

PLACE = ("POST", "/v3/order/place")
STALE_S = 5.0
"""risk.max_quote_age_ms: what stood still for longer may cause no entry."""
GRACE_S = 0.5
"""What was sent before may still arrive."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time that forbade entries: instants of the monotonic clock, and the proposals made in it, from after ``first`` to ``last``."""

    kind: str
    began_s: float
    ended_s: float
    first: int
    last: int


def differences(run: House) -> list[str]:
    """Judge; empty is well."""
    ledger = run.sim.ledger()
    posts = [r for r in ledger["requests"] if (r["method"], r["path"]) == PLACE]
    return [*_repeated(posts), *_fills(run, ledger), *_positions(run, ledger), *_forbidden(run, posts)]


def tag_of_post(post: dict[str, Any]) -> str:
    return str(post["body"]).partition('"tag": "')[2].partition('"')[0]


def _repeated(posts: list[dict[str, Any]]) -> list[str]:
    tags = Counter(tag_of_post(post) for post in posts)
    return [f"{tag} was sent {count} times" for tag, count in tags.items() if count > 1]


def _fills(run: House, ledger: dict[str, Any]) -> list[str]:
    theirs = {t["trade_id"]: t["quantity"] for t in ledger["trades"]}
    fills = run.records(schema.FILLS)
    ours = {f.trade_id: f.last_qty for f in fills}
    out = [f"{len(fills) - len(ours)} fills were booked twice"] if len(ours) != len(fills) else []
    if ours != theirs:
        out.append(f"{len(theirs.keys() - ours.keys())} fills lost, {len(ours.keys() - theirs.keys())} invented")
    counted = int(run.store.fetch(Role.DERIVED, schema.PORTFOLIO.key()).get("fills", 0))
    return out if counted == len(theirs) else [*out, f"the portfolio counts {counted} fills, the simulator {len(theirs)} trades"]


def _positions(run: House, ledger: dict[str, Any]) -> list[str]:
    theirs: Counter[str] = Counter()
    for row in ledger["positions"]:
        theirs[row["instrument_token"]] += row["quantity"]
    out = []
    for paper in run.papers:
        held = int(run.store.fetch(Role.DERIVED, schema.POSITION.key(paper.symbol)).get("qty", 0))
        if held != theirs[paper.instrument_key]:
            out.append(f"{paper.symbol}: the portfolio holds {held}, the simulator {theirs[paper.instrument_key]}")
    return out


def _forbidden(run: House, posts: list[dict[str, Any]]) -> list[str]:
    """Find entries that came of a proposal made while halted, and those that arrived when they had no right to."""
    numbers = {intent.tag: int(intent.reason.removeprefix("R")) for intent in run.records(schema.INTENTS) if intent.purpose == "entry"}
    entries = [(tag, numbers[tag], post) for post in posts if (tag := tag_of_post(post)).startswith("tt-")]
    out = []
    for tag, number, post in entries:
        late_s = post["at_s"] - run.confirmed[number]
        if late_s > STALE_S + GRACE_S:
            out.append(f"{tag} (R{number}) was sent {late_s:.2f} s after its confirmation")
    for span in run.spans:
        begins = span.began_s + GRACE_S + (STALE_S if span.kind == "stale" else 0.0)
        for tag, number, post in entries:
            if begins < post["at_s"] < span.ended_s or (span.kind == "halted" and span.first < number <= span.last):
                out.append(f"{tag} (R{number}) was sent {post['at_s'] - span.began_s:.2f} s into {span.kind}")
    return out
