from dataclasses import replace

import pytest

from pipeline.core.rates import Plan, Product
from pipeline.core.types import Side
from pipeline.engine.desk import new_desk
from pipeline.engine.matching import Quote
from pipeline.engine.orders import entry_intent
from pipeline.engine.prompt import BROKER, parse_answer, prompt_lines, round_trip_charges_paise, terms_of
from tests.fakes.trading import PAPERS, PARAMS, at, day, recommendation

NOW = at("10:00") + 5000


def test_the_prompt_shows_what_the_order_will_be():
    rec = recommendation()
    intent = entry_intent(new_desk(PAPERS, day(), PARAMS), rec, NOW)
    quote = Quote(NOW - 400, 99_95, 10, 100_05, 10, 100_10)
    terms = terms_of(rec, PAPERS[0], PARAMS.risk)
    assert (terms.qty, terms.worst_loss_paise) == (intent.qty, intent.worst_loss_paise)
    text = "\n".join(prompt_lines(rec, terms, quote, NOW, PAPERS[0]))
    assert f"BUY {intent.qty} AAA" in text
    assert "limit 100.10" in text
    assert "stop 99.00" in text
    assert "target 101.50" in text
    assert intent.worst_loss_paise == intent.qty * 110
    assert "worst-case loss 548.90" in text
    assert "spread 0.10 (10.0 bps)" in text
    assert "last 100.10 (+10.0 bps since the signal, at most 30)" in text
    assert f"margin about {intent.qty * 100_10 * 0.2 / 100:,.2f} (by our model)" in text
    assert "0.4 s old" in text
    assert "55 s left" in text
    assert "9-EMA crossed above 21-EMA" in text


def test_the_prompt_says_whose_figures_it_shows():
    terms = replace(terms_of(recommendation(), PAPERS[0], PARAMS.risk), margin_paise=77_00, margin_by=BROKER)
    text = "\n".join(prompt_lines(recommendation(), terms, None, NOW, PAPERS[0]))
    assert "margin about 77.00 (charges by our model, margin by the broker)" in text


def test_an_expired_prompt_without_quote_says_so():
    text = "\n".join(prompt_lines(recommendation(), terms_of(recommendation(), PAPERS[0], PARAMS.risk), None, at("11:00"), PAPERS[0]))
    assert "0 s left" in text
    assert "no two-sided quote" in text


def test_a_drift_beyond_the_limit_is_said_before_the_answer():
    quote = Quote(NOW, 100_30, 10, 100_35, 10, 100_31)
    text = "\n".join(prompt_lines(recommendation(), terms_of(recommendation(), PAPERS[0], PARAMS.risk), quote, NOW, PAPERS[0]))
    assert "(+31.0 bps since the signal, more than 30: the order would be denied now)" in text


def test_charges_take_the_sides_as_they_are():
    long, short = recommendation(), recommendation(side=Side.SELL)
    assert round_trip_charges_paise(long, 100, Product.INTRADAY, Plan.NORMAL) > 0
    assert round_trip_charges_paise(long, 100, Product.INTRADAY, Plan.NORMAL) != round_trip_charges_paise(
        short, 100, Product.INTRADAY, Plan.NORMAL
    )
    assert round_trip_charges_paise(long, 0, Product.INTRADAY, Plan.NORMAL) == 0


@pytest.mark.parametrize(
    ("text", "answer"), [("y", "confirm"), (" YES\n", "confirm"), ("n", "reject"), ("No", "reject"), ("", None), ("yy", None), ("1", None)]
)
def test_only_a_clear_answer_counts(text, answer):
    assert parse_answer(text) == answer
