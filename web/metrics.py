"""The board's figures in Prometheus' text exposition format 0.0.4.

Reads   the state of the board
Gives   families with HELP and TYPE, each only when it has a sample
Never   gives a text that came from outside: values are numbers, names and labels are those this house knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from web import feed

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
QUANTILES = ("0.5", "0.99", "0.999")

Sample = tuple[Mapping[str, str], float | int | None]


def exposition(state: Mapping[str, Any], sockets: int) -> str:
    """All families, in a fixed order."""
    health, shown = state["health"], state["feed"]
    families = [
        _family("page_sockets", "gauge", "Pages that look on", [({}, sockets)]),
        _family("redis_up", "gauge", "1 when Redis answered the last poll", [({}, int(state["store"]["is_up"]))]),
        *_processes(health),
        *_latency(state["latency"]),
        _family("feed_ts_ms", "gauge", "The newest instant that the feed has told, epoch milliseconds", [({}, state["clock"]["ts"])]),
        _family("feed_up", "gauge", "1 when the feed is connected and its process beats", [({}, int(_is_up(shown)))]),
        *(_family(f"feed_{name}", "counter", words, [({}, shown[name])]) for name, words in feed.COUNTERS.items()),
        *(_family(f"feed_{name}", "gauge", words, [({}, shown[name])]) for name, words in feed.GAUGES.items()),
        *(
            _family(f"feed_{name}", "untyped", f"Spoiled minutes, {name.removeprefix('repairs_').replace('_', ' ')}", [({}, count)])
            for name, count in shown["repairs"].items()
        ),
    ]
    return "".join(families)


def _is_up(shown: Mapping[str, Any]) -> bool:
    return bool(shown["has_beat"]) and shown["state"] == "connected"


def _processes(health: Iterable[Mapping[str, Any]]) -> list[str]:
    rows = list(health)
    up = [({"process": row["name"]}, int(row["state"] in {"alive", "done"})) for row in rows]
    entries = [({"process": row["name"]}, row["entries"]) for row in rows]
    lag = [
        ({"process": row["name"], "quantile": quantile}, row[field])
        for row in rows
        for quantile, field in zip(QUANTILES, ("lag_ms", "lag_p99_ms"), strict=False)
    ]
    return [
        _family("process_up", "gauge", "1 when the process beats, or has done its work", up),
        _family("process_entries", "counter", "Entries written to streams", entries),
        _family("lag_milliseconds", "gauge", "From the commit of an input, or the receipt of a frame, to our commit", lag),
    ]


def _latency(shown: Mapping[str, Any]) -> list[str]:
    samples = [
        ({"process": row["process"], "hop": hop, "quantile": quantile}, us)
        for row in shown["rows"]
        for hop, parts in row["hops"].items()
        for quantile, us in zip(QUANTILES, parts, strict=True)
    ]
    inputs = [({"process": row["process"]}, row["inputs"]) for row in shown["rows"]]
    return [
        _family("latency_microseconds", "gauge", "Time of each hop of an input, over the day", samples),
        _family("latency_inputs", "counter", "Inputs that were measured", inputs),
        _family("latency_budget_microseconds", "gauge", "What the p99 of the whole chain may be", [({}, shown["chain"]["budget_us"])]),
    ]


def _family(name: str, kind: str, words: str, samples: Iterable[Sample]) -> str:
    lines = [f"ticktick_{name}{_labels(labels)} {value}\n" for labels, value in samples if value is not None]
    return f"# HELP ticktick_{name} {words}\n# TYPE ticktick_{name} {kind}\n{''.join(lines)}" if lines else ""


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items()) + "}" if labels else ""


def escaped(value: str) -> str:
    """A label's value as the format wants it: backslash, quote and line feed escaped."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
