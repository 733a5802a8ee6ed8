"""The schema table keeps its own laws: one writer, one role, no two keys alike."""

from __future__ import annotations

import string
from collections import defaultdict
from itertools import product

import pytest

from pipeline.core import schema as s
from pipeline.core.types import TICK, TIMEFRAMES

FAMILIES = [*s.SERIES, *s.HASHES]
# Symbols chosen to look like other parts of keys; a real one has no colon.
SYMBOLS = ("RELIANCE", "M&M", "check", "pnl", "minutes", "status", "mid", "1m", "close", "terminal", "instruments")
VALUES = {
    "symbol": SYMBOLS,
    "timeframe": tuple(s.timeframe_label(m) for m in TIMEFRAMES),
    "metric": tuple(s.METRIC_NAME.values()),
    "field": s.CANDLE_FIELDS,
    "column": ("ema_9", "rsi_14", "close"),
    "process": ("live", "ticks"),
    "job": ("live", "ticks"),
    "segment": ("NSE_EQ", "NSE_FO"),
    "account": ("paper", "simulated"),
}


def test_stream_names_are_unique_across_roles() -> None:
    names = [stream.name for stream in s.STREAMS]
    assert len(names) == len(set(names)) == len(s.STREAMS)


def test_no_two_keys_of_the_house_are_alike() -> None:
    owner: dict[str, str] = {one.name: one.name for one in (*s.STREAMS, *s.LISTS)}
    for family in FAMILIES:
        for values in product(*(VALUES[label] for label in family.labels)):
            key = family.key(*values)
            assert owner.setdefault(key, family.template) == family.template, key


@pytest.mark.parametrize("stream", s.STREAMS, ids=lambda stream: stream.name)
def test_every_stream_has_one_writer_a_meaning_and_a_retention(stream: s.Stream) -> None:
    assert stream.writer.isidentifier()
    assert stream.about != ""
    assert stream.keep >= 0
    assert stream.is_durable == (stream.keep == s.FOREVER)


def test_a_writer_commits_to_one_role_and_knows_the_stream_by_the_record() -> None:
    roles: dict[str, set[s.Role]] = defaultdict(set)
    records: dict[tuple[str, type], list[str]] = defaultdict(list)
    for stream in s.STREAMS:
        roles[stream.writer].add(stream.role)
        records[stream.writer, stream.record].append(stream.name)
    assert {writer: found for writer, found in roles.items() if len(found) != 1} == {}
    assert {pair: names for pair, names in records.items() if len(names) != 1} == {}


def test_what_the_money_depends_on_is_never_trimmed() -> None:
    durable = {stream.name for stream in s.STREAMS if stream.is_durable}
    assert {"recommendations", "intents", "orders", "fills", "confirmations:terminal", "confirmations:page"} <= durable


def test_packed_streams_carry_arrays() -> None:
    for stream in s.STREAMS:
        assert stream.packed == bool({"rows", "body"} & set(stream.record.__dataclass_fields__)), stream.name


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.template)
def test_labels_name_the_holes_of_the_template_in_order(family: s.Series | s.HashKey) -> None:
    assert tuple(hole for _, hole, _, _ in string.Formatter().parse(family.template) if hole is not None) == family.labels
    assert family.about != ""


def test_keys_that_people_type() -> None:
    assert s.LTP.key("RELIANCE") == "symbol:RELIANCE"
    assert s.METRIC.key("RELIANCE", "spread") == "symbol:RELIANCE:spread"
    assert s.CANDLE_FIELD.key("RELIANCE", "5m", "close") == "candle:RELIANCE:5m:close"
    assert s.INDICATOR_LATEST_1M.key("RELIANCE") == "indicators:RELIANCE"
    assert s.PORTFOLIO.key() == "portfolio"


@pytest.mark.parametrize("values", [(), ("A",), ("A", "b", "c")])
def test_a_key_filled_with_the_wrong_number_of_values_is_a_bug(values: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="needs"):
        s.METRIC.key(*values)


def test_roles_have_their_own_databases() -> None:
    assert sorted(s.DEFAULT_DATABASE.values()) == [0, 1, 2]
    assert set(s.DEFAULT_DATABASE) == set(s.Role)


def test_the_metrics_of_series_are_fields_of_a_tick() -> None:
    assert set(s.TICK_SERIES_METRICS) <= set(TICK.names)
    assert set(s.METRIC_NAME) == set(s.TICK_SERIES_METRICS)
    assert len(set(s.METRIC_NAME.values())) == len(s.METRIC_NAME)


def test_timeframe_labels() -> None:
    assert [s.timeframe_label(m) for m in TIMEFRAMES] == ["1m", "3m", "5m", "10m", "15m", "60m"]
