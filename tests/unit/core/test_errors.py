from __future__ import annotations

import inspect

import pytest

from pipeline.core import errors as e


def test_there_are_five_errors_under_one_base() -> None:
    kinds = [v for v in vars(e).values() if inspect.isclass(v)]
    assert {k.__name__ for k in kinds} == {"TickTickError", "Refused", "Ambiguous", "Unauthorised", "Corrupt", "Stopped"}
    assert all(issubclass(k, e.TickTickError) for k in kinds)
    assert not issubclass(e.Ambiguous, e.Refused), "perhaps done must never be handled as not done"


@pytest.mark.parametrize(("error", "code"), [(e.Refused, 4), (e.Unauthorised, 4), (e.Stopped, 3), (e.Ambiguous, 1), (e.Corrupt, 1)])
def test_the_shell_leaves_with_the_error_s_own_code(error: type[e.TickTickError], code: int) -> None:
    assert error.exit_code == code
    assert str(error("one line")) == "one line"
