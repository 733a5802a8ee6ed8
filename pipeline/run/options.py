"""The shape of the settings: one frozen model per section, with types and ranges. No value lives here.

Every default stands in ``config/*.toml``, next to its comment; ``run/settings.py`` reads them. The
parameters of the pure half (``pipeline/core/params.py``) get their checks here too, by rules on their
names: a number is above zero, a ratio is at most one, unless listed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from pipeline.core.params import CandleParams, FilterParams, OrderParams, Params, RiskParams, RolloutParams, StopParams, TickParams
from pipeline.core.schema import Role
from pipeline.store.address import of_socket, roles_at

Mode = Literal["paper", "replay", "simulated", "live-sandbox", "live-real"]
_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
_HTTP = r"^https?://\S+$"
_CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"
_DAY = r"^(\d{4}-\d{2}-\d{2})?$"
FORMS = {_HTTP: "must be an address: http(s)://host", _CLOCK: "must be a time of day: HH:MM", _DAY: "must be a date: YYYY-MM-DD"}
"""What to say when a text does not have the form that its pattern asks for."""


class Section(BaseModel):
    """Frozen, and strict: a text is not a number, an unknown key is an error."""

    model_config = _STRICT


class RedisOptions(Section):
    """Where the three roles live. An empty URL means the default database at the ``socket``, or without one at ``host:port``."""

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    socket: str
    candles_url: str
    ticks_url: str
    derived_url: str
    embedded: bool

    def urls(self) -> dict[Role, str]:
        """Return the URL of each role."""
        given = {Role.CANDLES: self.candles_url, Role.TICKS: self.ticks_url, Role.DERIVED: self.derived_url}
        usual = roles_at(of_socket(self.socket) if self.socket else f"redis://{self.host}:{self.port}")
        return {role: url or usual[role] for role, url in given.items()}


class UpstoxOptions(Section):
    """Hosts and time-outs of the broker; the simulator puts itself in place of all of them."""

    rest_url: str = Field(pattern=_HTTP)
    order_url: str = Field(pattern=_HTTP)
    feed_url: str = Field(pattern=_HTTP)
    login_url: str = Field(pattern=_HTTP)
    assets_url: str = Field(pattern=_HTTP)
    redirect_uri: str = Field(pattern=_HTTP)
    connect_timeout_s: float = Field(gt=0)
    total_timeout_s: float = Field(gt=0)


class PathOptions(Section):
    """Absolute once loaded. ``root`` is where relative paths start."""

    root: Path
    logs: Path
    runtime: Path
    symbols: Path
    holidays: Path
    credentials: Path
    token: Path
    data: Path
    recordings: Path
    archive: Path
    audit: Path


class FeedOptions(Section):
    mode: Literal["ltpc", "full", "option_greeks", "full_d30"]
    plan: Literal["normal", "plus"]
    client: Literal["picows", "websockets"]
    confirm_s: float = Field(gt=0)
    symbol_silence_s: float = Field(gt=0)
    max_backlog_mb: float = Field(gt=0)
    repair: bool
    hold_s: float = Field(gt=0)
    liveness_s: float = Field(gt=0)
    backoff_min_s: float = Field(gt=0)
    backoff_max_s: float = Field(gt=0)


class RecorderOptions(Section):
    enabled: bool
    level: int = Field(ge=1, le=19)


class HistoryOptions(Section):
    """How many candles of each timeframe are fetched at start, and how fast."""

    candles: int = Field(ge=0)
    candles_3m: int = Field(ge=0)
    candles_5m: int = Field(ge=0)
    candles_10m: int = Field(ge=0)
    candles_15m: int = Field(ge=0)
    candles_60m: int = Field(ge=0)
    reads_per_s: float = Field(gt=0)
    backfill_reads_per_s: float = Field(gt=0, le=1.1)
    pace: float = Field(ge=1)

    def depth(self, needed: Callable[[int], int]) -> dict[int, int]:
        """Return timeframe in minutes -> candles wanted; ``needed`` says how many where a setting is 0."""
        longer = {3: self.candles_3m, 5: self.candles_5m, 10: self.candles_10m, 15: self.candles_15m, 60: self.candles_60m}
        return {minutes: count if count > 0 else needed(minutes) for minutes, count in ({1: self.candles} | longer).items()}


class DashboardOptions(Section):
    host: str = Field(min_length=1)
    port: int = Field(ge=0, le=65535)


class EmergencyOptions(Section):
    """``kill_s`` stays below engine/protect.py:HANDS_OFF_MS: our own orders keep still for so long."""

    kill_s: float = Field(gt=0, le=35)
    drill_last_order_ms: float = Field(gt=0)
    drill_flat_s: float = Field(gt=0)


class LoggingOptions(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    rotate_mb: float = Field(gt=0)
    keep: int = Field(ge=1)


class Settings(Section):
    """All settings, handed down as an argument. ``sources`` says where each value came from."""

    mode: Mode
    maker: str
    session_date: str = Field(pattern=_DAY)
    redis: RedisOptions
    upstox: UpstoxOptions
    paths: PathOptions
    feed: FeedOptions
    recorder: RecorderOptions
    history: HistoryOptions
    dashboard: DashboardOptions
    emergency: EmergencyOptions
    logging: LoggingOptions
    params: Params
    sources: dict[str, str] = Field(repr=False)


_ZERO_OK = frozenset(
    {
        "auto_delay_ms",
        "paper_latency_ms",
        "slippage_bps",
        "max_hold_s",
        "cooldown_s",
        "min_gap_s",
        "grace_ms",
        "min_score",
        "trail_atr",
        "trail_ratio",
        "trail_step_bps",
        "near_bps",
    }
)
_AT_MOST_ONE = frozenset(
    {
        "min_score",
        "risk_per_trade",
        "max_position_ratio",
        "max_order_ratio",
        "margin_ratio",
        "price_band_ratio",
        "stop_ratio",
        "target_ratio",
        "trail_ratio",
        "position_ratio",
        "daily_loss_stop_ratio",
        "daily_loss_alert_ratio",
        "drawdown_stop_ratio",
    }
)
_CLOCKS = frozenset({"square_off_cas", "square_off", "no_entry_after"})


def _limits(name: str, hint: Any) -> Any:
    if name in _CLOCKS:
        return Field(pattern=_CLOCK)
    if name == "since":
        return Field(pattern=_DAY)
    if name == "stage":
        return Field(ge=0, le=2)
    if hint not in (int, float):
        return Field()
    top = 1 if name in _AT_MOST_ONE else None
    return Field(ge=0, le=top) if name in _ZERO_OK else Field(gt=0, le=top)


DERIVED = frozenset({"strategy_params", "plan"})
"""Fields of parameter records that stand elsewhere in the settings."""


def _checked(kind: type) -> type[BaseModel]:
    """Make a strict model with the fields of one parameter record; it checks, the record is what travels."""
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind) if f.name not in DERIVED]
    hints |= {"confirm": Literal["ask", "auto"], "profile": Literal["atr", "fixed"], "exits": Literal["stop", "pair", "gtt"]}
    shape: dict[str, Any] = {name: (hints[name], _limits(name, hints[name])) for name in names}
    return create_model(kind.__name__, __config__=_STRICT, **shape)


PARAMETER_SECTIONS: dict[str, type[BaseModel]] = {
    "ticks": _checked(TickParams),
    "candles": _checked(CandleParams),
    "orders": _checked(OrderParams),
    "risk": _checked(RiskParams),
    "filter": _checked(FilterParams),
    "stops": _checked(StopParams),
    "rollout": _checked(RolloutParams),
}
OPTION_SECTIONS: dict[str, type[BaseModel]] = {
    "redis": RedisOptions,
    "upstox": UpstoxOptions,
    "paths": PathOptions,
    "recorder": RecorderOptions,
    "feed": FeedOptions,
    "history": HistoryOptions,
    "dashboard": DashboardOptions,
    "emergency": EmergencyOptions,
    "logging": LoggingOptions,
}
SECTIONS = {**OPTION_SECTIONS, **PARAMETER_SECTIONS}
TOP_KEYS = ("mode", "maker", "session_date")


def keys_of(section: str) -> tuple[str, ...]:
    """Return the keys that may stand in a section of a settings file (``paths.root`` is derived, not set)."""
    return tuple(name for name in SECTIONS[section].model_fields if (section, name) != ("paths", "root"))
