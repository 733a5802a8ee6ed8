"""The shape of the settings."""

from __future__ import annotations

from dataclasses import fields

import pytest
from pydantic import ValidationError

from pipeline.core.params import CandleParams, FilterParams, OrderParams, RiskParams, TickParams
from pipeline.run.options import DERIVED, PARAMETER_SECTIONS, DashboardOptions, RedisOptions, keys_of


@pytest.mark.parametrize(
    ("section", "record"),
    [("ticks", TickParams), ("candles", CandleParams), ("orders", OrderParams), ("risk", RiskParams), ("filter", FilterParams)],
)
def test_parameter_sections_have_exactly_the_fields_of_their_record(section: str, record: type):
    assert set(keys_of(section)) == {f.name for f in fields(record)} - DERIVED


@pytest.mark.parametrize("section", sorted(PARAMETER_SECTIONS))
def test_no_parameter_has_a_default(section: str):
    assert all(field.is_required() for field in PARAMETER_SECTIONS[section].model_fields.values())


def test_options_are_strict():
    with pytest.raises(ValidationError):
        DashboardOptions(host="127.0.0.1", port="8080")
    with pytest.raises(ValidationError):
        DashboardOptions(host="127.0.0.1", port=8080, more=1)


def test_the_root_is_not_a_key_of_a_file():
    assert "root" not in keys_of("paths")


def test_urls_fill_in_the_usual_databases():
    options = RedisOptions(host="h", port=1, socket="", candles_url="", ticks_url="redis://x/9", derived_url="", embedded=False)
    assert sorted(options.urls().values()) == ["redis://h:1/0", "redis://h:1/2", "redis://x/9"]


def test_a_socket_goes_before_host_and_port():
    options = RedisOptions(host="h", port=1, socket="/a b/s", candles_url="", ticks_url="redis://x/9", derived_url="", embedded=False)
    assert sorted(options.urls().values()) == ["redis://x/9", "unix:///a%20b/s?db=0", "unix:///a%20b/s?db=2"]
