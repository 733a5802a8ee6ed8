"""Each check alone must stand whatever it is shown: the first of the order may be taken out. The truth table is in test_risk.py."""

from dataclasses import replace
from itertools import product

import pytest

from pipeline.core.types import Side
from pipeline.engine.checks import CHECKS
from tests.fakes.gates import QUOTE, exit_gate, gate

QUOTES = [
    None,
    *(replace(QUOTE, bid_paise=bid, ask_paise=ask, ltp_paise=ltp) for bid, ask, ltp in product((0, 99_95), (0, 100_05), (0, 100_00))),
]


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.code)
def test_no_quote_breaks_a_check(one):
    for quote, side in product(QUOTES, Side):
        assert isinstance(one.stops(gate(side, market__quote=quote)), str)
        assert isinstance(one.stops(exit_gate(market__quote=quote)), str)
