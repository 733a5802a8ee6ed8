from dataclasses import MISSING, fields

import pytest

from pipeline.core.trading import TradingState
from pipeline.engine.gate import Activity, Conditions, Gate, paper_conditions
from pipeline.engine.risk import deny_reason
from tests.fakes.gates import NOW, exit_gate, gate


@pytest.mark.parametrize("record", [Activity, Conditions, Gate])
def test_nothing_that_a_check_rests_on_has_a_default(record):
    assert all(f.default is MISSING and f.default_factory is MISSING for f in fields(record))


def test_the_paper_venue_has_no_token_no_other_clock_and_no_other_book():
    paper = paper_conditions(TradingState.ACTIVE, NOW, 100_000_000)
    assert deny_reason(gate(conditions=paper)) == ""
    assert deny_reason(gate(conditions=paper_conditions(TradingState.ACTIVE, NOW, 100))) == "margin_short"
    halted = paper_conditions(TradingState.HALTED, NOW, 0, is_flattening=True)
    assert deny_reason(gate(conditions=halted)) == "halted"
    assert deny_reason(exit_gate(conditions=halted)) == ""
