"""The figures that the money checks rest on; their truth table is in test_risk.py."""

from pipeline.core.types import Side
from pipeline.engine.checks_account import loss_paise, value_paise
from tests.fakes.gates import gate


def test_value_and_loss_are_of_the_whole_order():
    assert value_paise(gate()) == 499 * 100_10
    assert (loss_paise(gate()), loss_paise(gate(Side.SELL))) == (499 * 110, 500 * 110)


def test_the_larger_loss_counts():
    assert loss_paise(gate(intent__worst_loss_paise=1)) == 499 * 110
    assert loss_paise(gate(intent__worst_loss_paise=60_000)) == 60_000
