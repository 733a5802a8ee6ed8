"""Which connection carries which key, in which mode. Pure; the limits are data.

Reads   the wanted keys with their modes, the limits of the account's plan, and the plan in force
Gives   a ``Plan``: for each connection, key -> mode; as few connections as needed. Stable: a key stays where it is as
        long as that fits, so that a change asks the broker for that one key only
Law     a connection with one mode may carry more than one with several; ``full_d30`` is never more than its own limit

Never opens anything; what does not fit is refused in one line.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from pipeline.core.errors import Refused
from pipeline.core.registry import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Limits:
    """What the broker grants one account (Upstox, September 2026)."""

    name: str
    connections: int
    alone: Mapping[str, int]
    """Most keys of a connection that carries this mode only."""
    mixed: Mapping[str, int]
    """Most keys of this mode on a connection that carries several."""

    def most(self, mode: str, *, is_alone: bool) -> int:
        return self.alone.get(mode, 0) if is_alone else min(self.alone.get(mode, 0), self.mixed.get(mode, 0))


_ALONE = {"ltpc": 5_000, "option_greeks": 3_000, "full": 2_000}
_MIXED = {"ltpc": 2_000, "option_greeks": 2_000, "full": 1_500}
NORMAL = Limits("normal", 2, _ALONE, _MIXED)
PLUS = Limits("plus", 5, {**_ALONE, "full_d30": 50}, {**_MIXED, "full_d30": 1_500})
LIMITS = {limits.name: limits for limits in (NORMAL, PLUS)}
MODES = tuple(PLUS.alone)


@dataclass(frozen=True, slots=True)
class Plan:
    """``links[n]`` is what connection ``n`` carries: key -> mode. An empty one need not be open."""

    links: tuple[Mapping[str, str], ...] = ()

    def link_of(self, key: str) -> int | None:
        """Return the connection that carries a key."""
        return next((n for n, keys in enumerate(self.links) if key in keys), None)

    def by_mode(self, link: int) -> dict[str, list[str]]:
        """Return the keys of each mode on one connection, in the order in which they were planned."""
        out: dict[str, list[str]] = {}
        for key, mode in self.links[link].items() if link < len(self.links) else ():
            out.setdefault(mode, []).append(key)
        return out


def plan(wanted: Mapping[str, str], limits: Limits, before: Plan | None = None) -> Plan:
    """Distribute the wanted keys.

    Args:
        wanted: instrument key -> mode.
        limits: of the account.
        before: the plan in force; its keys stay where they are as far as that goes.

    Raises:
        Refused: a mode that the account has not, or more keys than fit; the message names what does not fit.
    """
    for mode in sorted(set(wanted.values())):
        if mode not in limits.alone:
            raise Refused(_no_mode(mode, limits))
    kept = _extended(wanted, limits, before) if before is not None else None
    return kept if kept is not None else _packed(wanted, limits)


def _no_mode(mode: str, limits: Limits) -> str:
    if mode in MODES:
        return f"feed mode {mode} is not in the {limits.name} plan of Upstox: choose another mode, or set feed.plan if yours is plus"
    return f"unknown feed mode {mode!r}{did_you_mean(mode, MODES)}: set it under [feed] in the settings"


def _extended(wanted: Mapping[str, str], limits: Limits, before: Plan) -> Plan | None:
    """Leave every key where it is and put the new ones where there is room; None when that does not go."""
    links: list[dict[str, str]] = [{key: wanted[key] for key in keys if key in wanted} for keys in before.links]
    counts = [Counter(keys.values()) for keys in links]
    if not all(_fits(count, limits) for count in counts):
        return None
    placed = {key for keys in links for key in keys}
    for key, mode in wanted.items():
        if key in placed:
            continue
        at = next((n for n, count in enumerate(counts) if _fits(count + Counter({mode: 1}), limits)), None)
        if at is None:
            if len(links) >= limits.connections:
                return None
            at = len(links)
            links.append({})
            counts.append(Counter())
        links[at][key] = mode
        counts[at][mode] += 1
    while links and not links[-1]:
        links.pop()
    return Plan(tuple(links))


def _fits(count: Counter[str], limits: Limits) -> bool:
    modes = [mode for mode, keys in count.items() if keys > 0]
    return all(count[mode] <= limits.most(mode, is_alone=len(modes) == 1) for mode in modes)


def _packed(wanted: Mapping[str, str], limits: Limits) -> Plan:
    """Begin anew: the fewest connections, each with one mode or with all that is left."""
    need = Counter(wanted.values())
    for connections in range(limits.connections + 1):
        for pure in _splits(len(need), connections):
            rooms = _rooms(dict(zip(sorted(need), pure, strict=True)), connections - sum(pure), limits)
            if all(sum(room[mode] for room in rooms) >= keys for mode, keys in need.items()):
                return Plan(tuple(_filled(wanted, rooms)))
    told = ", ".join(f"{keys} {mode} (at most {limits.alone[mode]} a connection)" for mode, keys in sorted(need.items()))
    raise Refused(f"{told} do not fit {limits.connections} connections of the {limits.name} plan: shorten the watchlist or choose ltpc")


def _splits(modes: int, connections: int) -> Iterator[tuple[int, ...]]:
    """Yield how many connections each mode may have to itself, the fewest mixed ones first."""
    found = [pure for pure in product(range(connections + 1), repeat=modes) if sum(pure) <= connections]
    yield from sorted(found, key=lambda pure: (-sum(pure), pure))


def _rooms(pure: Mapping[str, int], mixed: int, limits: Limits) -> list[Counter[str]]:
    rooms = [Counter({mode: limits.most(mode, is_alone=True)}) for mode, links in pure.items() for _ in range(links)]
    return rooms + [Counter({mode: limits.most(mode, is_alone=False) for mode in pure}) for _ in range(mixed)]


def _filled(wanted: Mapping[str, str], rooms: list[Counter[str]]) -> list[dict[str, str]]:
    links: list[dict[str, str]] = [{} for _ in rooms]
    for key, mode in wanted.items():
        at = next(n for n, room in enumerate(rooms) if room[mode] > 0)
        rooms[at][mode] -= 1
        links[at][key] = mode
    return links
