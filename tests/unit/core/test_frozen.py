import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace
from inspect import signature

import pytest

from pipeline.core.broker import BrokerReport
from pipeline.core.frozen import quick
from pipeline.engine.lifecycle import Order
from pipeline.engine.matching import VenueEvent


@dataclass(frozen=True, slots=True)
class Plain:
    a: int
    b: str = "x"
    c: float = 0.5


Quick = quick(dataclass(frozen=True, slots=True)(type("Plain", (), {"__annotations__": Plain.__annotations__, "b": "x", "c": 0.5})))


@pytest.mark.parametrize("given", [((1,), {}), ((1, "y"), {}), ((1, "y", 2.0), {}), ((), {"a": 1, "c": 2.0}), ((1,), {"c": 3.0})])
def test_a_quick_record_is_the_plain_one(given):
    positional, named = given
    plain, made = Plain(*positional, **named), Quick(*positional, **named)
    assert (made.a, made.b, made.c) == (plain.a, plain.b, plain.c)
    assert type(made) is Quick
    assert hash(made) == hash(plain)
    assert made == Quick(*positional, **named)
    assert made != Quick(7)
    assert repr(made) == repr(plain)


@pytest.mark.parametrize("given", [((), {}), ((1, "y", 2.0, 4), {}), ((1,), {"d": 4}), ((1,), {"a": 2})])
def test_wrong_arguments_are_refused_as_before(given):
    positional, named = given
    for kind in (Plain, Quick):
        with pytest.raises(TypeError):
            kind(*positional, **named)


def test_it_is_frozen_and_has_no_other_fields():
    made = Quick(1)
    with pytest.raises(FrozenInstanceError):
        made.a = 2
    with pytest.raises(FrozenInstanceError):
        del made.a
    with pytest.raises((AttributeError, TypeError)):
        made.other = 2
    assert not hasattr(made, "__dict__")


@pytest.mark.parametrize("kind", [BrokerReport, Order, VenueEvent])
def test_records_of_the_house_copy_replace_and_pickle(kind):
    values = [f"v{at}" for at in range(len(signature(kind).parameters))]
    made = kind(*values)
    assert copy.deepcopy(made) == copy.copy(made) == pickle.loads(pickle.dumps(made)) == replace(made) == made
    assert [getattr(made, name) for name in signature(kind).parameters] == values


def test_what_is_no_plain_record_is_refused():
    @dataclass(frozen=True, slots=True)
    class Factory:
        a: list[int] = field(default_factory=list)

    @dataclass(frozen=True, slots=True)
    class Afterwards:
        a: int

        def __post_init__(self):
            pass

    @dataclass(frozen=True)
    class Open:
        a: int

    for kind in (Factory, Afterwards, Open):
        with pytest.raises(TypeError, match="leave @quick away"):
            quick(kind)
