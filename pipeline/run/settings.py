"""TOML and environment -> one frozen ``Settings``. Read once, at start; nothing is read at import.

Layers, later wins: the shipped ``config/*.toml`` -> the folder named by ``TICKTICK_CONFIG`` -> the
environment (``TICKTICK__SECTION__KEY``, and the short names of ``SHORT_NAMES``) -> ``overrides`` of the
caller. ``risk.toml`` is never mixed: it is taken whole from one folder, and live modes take it from the
user's own only. An unknown key, a missing limit or a wrong type is Refused, with file, line and key.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError

from pipeline.core.errors import Refused
from pipeline.core.params import CandleParams, FilterParams, OrderParams, Params, RiskParams, RolloutParams, StopParams, TickParams
from pipeline.core.registry import did_you_mean
from pipeline.engine.rollout import tightened
from pipeline.run.options import FORMS, OPTION_SECTIONS, PARAMETER_SECTIONS, SECTIONS, TOP_KEYS, Settings, keys_of
from pipeline.store.address import LONGEST_SOCKET, is_short_enough

__all__ = ["FILES", "PREFIX", "SHIPPED_ROOT", "SHORT_NAMES", "Settings", "load", "origins"]

SHIPPED_ROOT = Path(__file__).resolve().parents[2]
PREFIX = "TICKTICK__"
FILES: dict[str, tuple[str, ...]] = {
    "settings.toml": (*TOP_KEYS, *OPTION_SECTIONS, "ticks", "candles", "orders"),
    "risk.toml": ("risk", "stops", "rollout"),
    "strategies.toml": ("filter", "strategies"),
}
"""Which file holds which sections; a section in the wrong file is refused too."""
SHORT_NAMES = {
    "REDIS_HOST": ("redis", "host"),
    "REDIS_PORT": ("redis", "port"),
    "REDIS_SOCKET": ("redis", "socket"),
    "UPSTOX_REST_URL": ("upstox", "rest_url"),
    "TICKTICK_CREDENTIALS": ("paths", "credentials"),
}
"""Names that the first briefs promised, or that are too useful to spell in full."""

Place = tuple[str, ...]


@dataclass(slots=True)
class _Layers:
    """Values by their place, and where each came from."""

    values: dict[Place, Any] = field(default_factory=dict)
    sources: dict[Place, str] = field(default_factory=dict)

    def put(self, place: Place, value: Any, source: str) -> None:
        self.values[place] = tuple(value) if isinstance(value, list) else value
        self.sources[place] = source

    def section(self, name: str) -> dict[str, Any]:
        return {place[1]: value for place, value in self.values.items() if len(place) == 2 and place[0] == name}


def load(root: Path | None = None, environ: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read all layers, check every key, and return the settings.

    ``overrides`` may be nested (``{"redis": {"port": 1}}``) or dotted (``{"redis.port": 1}``).

    Raises:
        Refused: anything that is unknown, missing, of the wrong type or out of range.
    """
    env = os.environ if environ is None else environ
    home = (root or Path(env.get("TICKTICK_HOME") or SHIPPED_ROOT)).expanduser().resolve()
    layers = _Layers()
    risk_is_own = _read_folders(layers, home, env)
    _read_environment(layers, env)
    for place, value in _flat(_nested(overrides or {})):
        _accept(layers, place, value, "command line")
    settings = _build(layers, home)
    if settings.mode.startswith("live-") and not risk_is_own:
        raise Refused(
            f"mode {settings.mode} needs risk limits of your own: copy config/risk.toml to a folder, "
            "edit it, and name the folder in TICKTICK_CONFIG"
        )
    return settings


def origins(settings: Settings) -> dict[str, str]:
    """Return, for each dotted key, the file, variable or command line that its value came from."""
    return dict(sorted(settings.sources.items()))


def _read_folders(layers: _Layers, home: Path, env: Mapping[str, str]) -> bool:
    """Read the files of each folder in turn; say whether the risk limits are the user's own."""
    shipped = SHIPPED_ROOT / "config"
    named = env.get("TICKTICK_CONFIG")
    own = Path(named).expanduser().resolve() if named else home / "config"
    if named and not own.is_dir():
        raise Refused(f"TICKTICK_CONFIG names no folder: {own}")
    folders = [shipped] if own == shipped or not own.is_dir() else [shipped, own]
    for name in ("settings.toml", "strategies.toml"):
        for folder in folders:
            _read_file(layers, folder / name, home, is_required=folder == shipped)
    risk = own / "risk.toml"
    has_own = risk.is_file() and own != shipped
    _read_file(layers, risk if has_own else shipped / "risk.toml", home, is_required=True)
    return has_own


def _read_file(layers: _Layers, path: Path, home: Path, *, is_required: bool) -> None:
    shown = str(path.relative_to(home)) if path.is_relative_to(home) else str(path)
    if not path.is_file():
        if is_required:
            raise Refused(f"{shown} is missing: take it from the repository's config folder")
        return
    try:
        text = path.read_text("utf-8")
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{shown}: not valid TOML: {' '.join(str(error).split())}") from error
    for place, value in _flat(tree):
        source = f"{shown}:{_line_of(text, place)}"
        _accept(layers, place, value, source, FILES[path.name])


def _read_environment(layers: _Layers, env: Mapping[str, str]) -> None:
    for name, short in SHORT_NAMES.items():
        if env.get(name):
            layers.put(short, _parse(short, env[name], name), name)
    for name in sorted(env):
        if not name.startswith(PREFIX):
            continue
        place = tuple(name[len(PREFIX) :].lower().split("__"))
        _require_known(place, name)
        layers.put(place, _parse(place, env[name], name), name)


def _parse(place: Place, text: str, name: str) -> Any:
    """Read an environment value: plain text where a text is wanted, a TOML value elsewhere."""
    if len(place) == 1 or (len(place) == 2 and _wants_text(place)):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{name}={text!r}: {'.'.join(place)} takes a number, true/false or a list, written as in TOML") from error


def _wants_text(place: Place) -> bool:
    annotation = SECTIONS[place[0]].model_fields[place[1]].annotation
    return annotation not in (int, float, bool) and get_origin(annotation) is not tuple


def _flat(tree: Mapping[str, Any], above: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield each leaf with its place; an empty table is a leaf."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, (*above, key))
        else:
            yield (*above, key), value


def _nested(overrides: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in overrides.items():
        *above, last = key.split(".")
        spot = tree
        for part in above:
            spot = spot.setdefault(part, {})
        if isinstance(value, Mapping):
            spot.setdefault(last, {}).update(value)
        else:
            spot[last] = value
    return tree


def _accept(layers: _Layers, place: Place, value: Any, source: str, allowed: tuple[str, ...] = ()) -> None:
    """Put one value in its place, when the place is known. Empty tables say nothing, but must be known too."""
    if not isinstance(value, Mapping):
        _require_known(place, source, allowed)
        layers.put(place, value, source)
    elif len(place) > 1 or place[0] not in (*SECTIONS, "strategies"):
        _require_known((*place, "") if place[0] == "strategies" else place, source, allowed)


def _require_known(place: Place, source: str, allowed: tuple[str, ...] = ()) -> None:
    """Refuse a key that nobody reads, with the nearest name that somebody does."""
    first, shown = place[0], ".".join(place)
    tops = allowed or tuple(key for keys in FILES.values() for key in keys)
    if first not in tops:
        home = next((name for name, keys in FILES.items() if first in keys), "")
        hint = f"; it belongs in {home}" if home else did_you_mean(first, tops)
        raise Refused(f"{source}: unknown key '{shown}'{hint}")
    if first == "strategies":
        if len(place) != 3:
            raise Refused(f"{source}: '{shown}': strategies holds one table per strategy, with its parameters")
    elif first in TOP_KEYS or len(place) == 1:
        if len(place) > 1 or first not in TOP_KEYS:
            raise Refused(f"{source}: '{shown}' is not as expected; see config/ for the shape")
    elif len(place) > 2 or place[1] not in keys_of(first):
        raise Refused(f"{source}: unknown key '{shown}'{did_you_mean(place[1], keys_of(first))}")


def _line_of(text: str, place: Place) -> int:
    """Find the line of a key, for the message; the section's own line when the key is written otherwise."""
    section, found = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("["):
            section = line.strip("[] \t").split("]")[0].replace('"', "")
            found = number if section == ".".join(place[:-1]) else found
        elif section == ".".join(place[:-1]) and line.split("=")[0].strip().strip('"') == place[-1]:
            return number
    return max(found, 1)


def _build(layers: _Layers, home: Path) -> Settings:
    for place, value in layers.values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise Refused(f"{layers.sources[place]}: '{'.'.join(place)}' must be a finite number, not {value}")
    checked: dict[str, BaseModel] = {}
    for name, model in SECTIONS.items():
        given = layers.section(name)
        if name == "paths":
            given = {key: _path(value, home) for key, value in given.items()} | {"root": home}
        if name == "redis" and isinstance(given.get("socket"), str) and given["socket"]:
            given["socket"] = str(home / Path(given["socket"]).expanduser())
        checked[name] = _validate(model, given, (name,), layers)
    top = {key: layers.values[(key,)] for key in TOP_KEYS if (key,) in layers.values}
    parts: dict[str, Any] = {name: checked[name] for name in OPTION_SECTIONS}
    sources = {".".join(place): source for place, source in layers.sources.items()}
    settings = _validate(Settings, {**top, **parts, "params": _params(checked, layers), "sources": sources}, (), layers)
    if not isinstance(settings, Settings):  # for the type checker: _validate returns what it was given
        raise TypeError
    _require_sense(settings)
    return settings


def _validate(model: type[BaseModel], given: Mapping[str, Any], above: Place, layers: _Layers) -> BaseModel:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = (*above, *(str(part) for part in first["loc"][:1]))
        shown = ".".join(place)
        if first["type"] == "missing":
            file = next(name for name, keys in FILES.items() if place[0] in keys)
            why = "every limit must be set, none has a default" if file == "risk.toml" else "every key must be set"
            raise Refused(f"{file}: '{shown}' is missing: {why}") from error
        pattern = first.get("ctx", {}).get("pattern", "")
        words = FORMS.get(pattern, first["msg"][0].lower() + first["msg"][1:])
        raise Refused(f"{layers.sources.get(place, 'settings')}: '{shown}': {words}") from error


def _path(value: Any, home: Path) -> Any:
    """Make a path absolute; what the user's root lacks is looked for among the shipped files."""
    if not isinstance(value, str):
        return value
    here = home / Path(value).expanduser()
    shipped = SHIPPED_ROOT / value
    return shipped if value.startswith("config/") and not here.exists() and shipped.exists() else here


def _params(checked: Mapping[str, BaseModel], layers: _Layers) -> Params:
    given = {name: dict(checked[name]) for name in PARAMETER_SECTIONS}
    rollout = RolloutParams(**given["rollout"])
    return Params(
        ticks=TickParams(**given["ticks"]),
        candles=CandleParams(**given["candles"]),
        filter=FilterParams(**given["filter"], strategy_params=_strategies(layers)),
        risk=tightened(RiskParams(**given["risk"], plan=dict(checked["feed"])["plan"]), rollout),
        orders=OrderParams(**given["orders"]),
        stops=StopParams(**given["stops"]),
        rollout=rollout,
    )


def _strategies(layers: _Layers) -> tuple[tuple[str, tuple[tuple[str, float], ...]], ...]:
    tables: dict[str, dict[str, float]] = {}
    for place, value in layers.values.items():
        if place[0] != "strategies":
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Refused(f"{layers.sources[place]}: '{'.'.join(place)}': parameters of strategies are numbers")
        tables.setdefault(place[1], {})[place[2]] = float(value)
    return tuple((name, tuple(sorted(table.items()))) for name, table in sorted(tables.items()))


def _require_sense(settings: Settings) -> None:
    """Refuse values that are fine alone and wrong together."""
    params, source = settings.params, settings.sources
    if settings.session_date:
        try:
            date.fromisoformat(settings.session_date)
        except ValueError as error:
            raise Refused(f"{source['session_date']}: 'session_date': no such day: {settings.session_date}") from error
    wrong = {
        "ticks.vwap_fast": params.ticks.vwap_fast >= params.ticks.vwap_slow and "must be below ticks.vwap_slow",
        "ticks.hysteresis": params.ticks.hysteresis < 1 and "must be at least 1",
        "risk.max_leverage": params.risk.max_leverage < 1 and "must be at least 1",
        "risk.max_net_leverage": params.risk.max_net_leverage > params.risk.max_leverage and "must not be above risk.max_leverage",
        "risk.max_orders_per_hour": params.risk.max_orders_per_hour < params.risk.max_orders_per_minute
        and "must not be below risk.max_orders_per_minute",
        "risk.daily_loss_alert_ratio": params.risk.daily_loss_alert_ratio > params.risk.daily_loss_stop_ratio
        and "must not be above risk.daily_loss_stop_ratio",
        "orders.square_off_cas": params.orders.square_off_cas > params.orders.square_off and "must not be later than orders.square_off",
        "orders.no_entry_after": params.orders.no_entry_after > params.orders.square_off and "must not be later than orders.square_off",
        "orders.confirm": settings.mode.startswith("live-") and params.orders.confirm == "auto" and "auto is for paper and replay only",
        "orders.reply_s": params.orders.reply_s <= settings.upstox.total_timeout_s and "must be above upstox.total_timeout_s",
        "orders.settle_s": params.orders.settle_s <= params.orders.reply_s and "must be above orders.reply_s",
        "stops.exits": params.stops.exits == "gtt"
        and settings.mode in ("paper", "replay")
        and "gtt lies at a broker's server, paper knows stop and pair",
        "orders.rung_s": params.orders.rung_s <= params.orders.settle_s + params.orders.reply_s and "must be above settle_s + reply_s",
        "orders.guard_tries": params.orders.guard_tries < params.orders.refused_alarm and "must not be below orders.refused_alarm",
        "feed.backoff_min_s": settings.feed.backoff_min_s > settings.feed.backoff_max_s and "must not be above feed.backoff_max_s",
        "redis.socket": not is_short_enough(settings.redis.socket)
        and f"is too long for a socket ({LONGEST_SOCKET} bytes at most): put it elsewhere, or use host and port",
        "filter.strategies": not params.filter.strategies and "names no strategy",
    }
    for key, why in wrong.items():
        if why:
            raise Refused(f"{source[key]}: '{key}' {why}")
