"""The exposition: each family once with its help and type, numbers only, labels escaped."""

from __future__ import annotations

import re

from pipeline.core.session import Phase
from tests.fakes.day_in_redis import FEED, NOW, hops
from web import feed, latency, metrics, views

SAMPLE = re.compile(r'(ticktick_[a-z0-9_]+)(?:\{([a-z]+="[^"\\\n]*"(?:,[a-z]+="[^"\\\n]*")*)\})? (-?\d+(?:\.\d+)?(?:e-?\d+)?)')


def words(fields: dict) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}


def board(**given) -> dict:
    beat = {"at_ms": "1", "entries": "1200", "lag_p50_ms": "0.8", "lag_p99_ms": "3.2"}
    base = {
        "store": {"is_up": True, "error": ""}, "clock": views.clock(NOW, 0, Phase.CONTINUOUS, {}, None), "feed": feed.feed(words(FEED)),
        "health": [views.health("ticks", beat, 2), views.health("live", {}, 2)], "latency": latency.latency({"ticks": words(hops("ticks", 0).fields())}),
    }  # fmt: skip
    return base | given


def samples(text: str) -> dict[str, str]:
    """Read the exposition strictly: HELP, TYPE, then that family's samples, each family once."""
    out: dict[str, str] = {}
    family, seen = "", set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in seen
            seen.add(family)
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == family
            assert line.split(" ")[3] in {"counter", "gauge", "untyped"}
        else:
            match = SAMPLE.fullmatch(line)
            assert match is not None, line
            assert match[1] == family
            key = line.rpartition(" ")[0]
            assert key not in out
            out[key] = match[3]
    assert text.endswith("\n")
    return out


def test_the_old_names_stay():
    found = samples(metrics.exposition(board(), 3))
    assert found["ticktick_page_sockets"] == "3"
    assert found["ticktick_redis_up"] == "1"
    assert found["ticktick_feed_ts_ms"] == str(NOW)
    assert found["ticktick_feed_gaps"] == "0"
    assert found['ticktick_process_up{process="ticks"}'] == "1"
    assert found['ticktick_process_up{process="live"}'] == "0"


def test_latency_lag_and_entries():
    state = board()
    found = samples(metrics.exposition(state, 0))
    hop = state["latency"]["rows"][0]["hops"]["decode"]
    for quantile, us in zip(("0.5", "0.99", "0.999"), hop, strict=True):
        assert found[f'ticktick_latency_microseconds{{process="ticks",hop="decode",quantile="{quantile}"}}'] == str(us)
    assert found['ticktick_lag_milliseconds{process="ticks",quantile="0.5"}'] == "0.8"
    assert found['ticktick_lag_milliseconds{process="ticks",quantile="0.99"}'] == "3.2"
    assert found['ticktick_process_entries{process="ticks"}'] == "1200"
    assert not any('process="live"' in key for key in found if not key.startswith("ticktick_process_up"))


def test_every_number_of_the_feed_is_there_and_no_text():
    found = samples(metrics.exposition(board(), 0))
    numeric = {name: value for name, value in FEED.items() if isinstance(value, int)}
    assert len(numeric) >= 18
    assert {f"ticktick_feed_{name}": str(value) for name, value in numeric.items()}.items() <= found.items()
    assert not any(word in key for key in found for word in ("state", "mode", "links", "names", "error"))


def test_the_feed_is_up_only_while_its_process_beats():
    def up(fields: dict, **given: bool) -> str:
        return samples(metrics.exposition(board(feed=feed.feed(fields, **given)), 0))["ticktick_feed_up"]

    assert up({"state": "connected"}) == "1"
    assert up({"state": "connected"}, has_beat=False) == "0"
    assert up({"state": "login needed"}) == "0"


def test_absent_is_no_sample_and_no_family():
    text = metrics.exposition(board(feed=feed.feed({}), latency=latency.latency({}), health=[]), 0)
    assert set(samples(text)) == {
        "ticktick_page_sockets", "ticktick_redis_up", "ticktick_feed_ts_ms", "ticktick_feed_up", "ticktick_feed_gaps", "ticktick_feed_refused_frames", "ticktick_latency_budget_microseconds",
    }  # fmt: skip


def test_no_outside_text_gets_in():
    evil = '"} 1\nticktick_redis_up 0\n#'
    hostile = feed.feed({evil: "1", "frames": evil, "state": evil, f"repairs_{evil}": "3", "gaps": "1e400"})
    told = latency.latency({"ticks": {evil: "5", "inputs": "3", "worst": evil, "total_p50_us": evil}})
    found = samples(
        metrics.exposition(board(feed=hostile, latency=told, health=[views.health("ticks", {"at_ms": "1", "entries": evil}, 2)]), 0)
    )
    assert found["ticktick_redis_up"] == "1"
    assert found["ticktick_feed_gaps"] == "0"


def test_labels_are_escaped():
    assert metrics.escaped('a\\b"c\nd') == 'a\\\\b\\"c\\nd'
