from __future__ import annotations

import dataclasses

import pytest

from pipeline.core import params as p

GROUPS = [v for v in vars(p).values() if dataclasses.is_dataclass(v)]


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.__name__)
def test_no_parameter_has_a_default(group: type) -> None:
    """A limit that is missing from the settings must be an error, not a guess."""
    for field in dataclasses.fields(group):
        assert field.default is dataclasses.MISSING, field.name
        assert field.default_factory is dataclasses.MISSING, field.name
    with pytest.raises(TypeError):
        group()


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.__name__)
def test_parameters_are_frozen_and_plain(group: type) -> None:
    assert group.__dataclass_params__.frozen
    plain = {"int", "float", "str", "bool", "tuple[str, ...]", "tuple[tuple[str, tuple[tuple[str, float], ...]], ...]"}
    names = {g.__name__ for g in GROUPS}
    assert {str(f.type) for f in dataclasses.fields(group)} <= plain | names


def test_params_holds_each_group_once() -> None:
    held = {str(f.type) for f in dataclasses.fields(p.Params)}
    assert held == {g.__name__ for g in GROUPS} - {"Params"}


def test_money_is_whole_paise() -> None:
    fields = {f.name: f.type for f in dataclasses.fields(p.RiskParams)}
    assert fields["capital_paise"] == "int"
