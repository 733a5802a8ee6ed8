import pytest

from pipeline.engine import checks
from pipeline.engine.checks import check


@pytest.fixture
def register(monkeypatch):
    monkeypatch.setattr(checks, "CHECKS", [])
    return checks


def test_checks_are_asked_by_place_then_as_defined(register):
    for code, place in (("b", 2), ("c", 1), ("a", 2)):

        @check(code, place=place)
        def rule(_gate):
            """Say what it is for.

            More.
            """
            return ""

    assert [(one.code, one.place, one.exits, one.about) for one in register.CHECKS] == [
        ("c", 1, False, "Say what it is for."),
        ("b", 2, False, "Say what it is for."),
        ("a", 2, False, "Say what it is for."),
    ]


@pytest.mark.parametrize(("code", "place"), [("a", 1), ("new", 0), ("new", 15)])
def test_a_code_twice_or_no_place_stops_the_import(register, code, place):
    check("a", place=1)(_rule)
    with pytest.raises(ValueError, match="has no place, or its code is taken"):
        check(code, place=place)(_rule)


def _rule(_gate):
    """Say nothing."""
    return ""
