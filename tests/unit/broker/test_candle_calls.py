import pytest

from pipeline.broker import candle_calls
from pipeline.broker.candle_calls import CandleCalls
from pipeline.broker.quarantine import Quarantine
from pipeline.broker.quota import Limit, ReadBudget
from pipeline.broker.rest import BadAnswer, Throttled
from pipeline.core.errors import Ambiguous, Refused


class Broker:
    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def get_data(self, path):
        self.asked.append(path)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def ask(tmp_path, *answers):
    broker = Broker(*answers)
    calls = CandleCalls(broker, ReadBudget((Limit(10_000, 1),)), Quarantine(tmp_path))
    return calls, broker


def test_rows_come_out_of_the_answer(tmp_path):
    calls, broker = ask(tmp_path, {"candles": [[1]]})
    assert calls.ask("/x") == [[1]]
    assert (calls.made, broker.asked) == (1, ["/x"])


def test_lost_and_throttled_answers_are_asked_for_twice_more(tmp_path, monkeypatch):
    monkeypatch.setattr(candle_calls, "PAUSES_S", (0.0, 0.0))
    calls, _ = ask(tmp_path, Ambiguous("lost"), Throttled("429"), {"candles": []})
    assert calls.ask("/x") == []
    assert calls.made == 3
    calls, _ = ask(tmp_path, *[Throttled("429")] * 3)
    with pytest.raises(Throttled):
        calls.ask("/x")


@pytest.mark.parametrize("answer", [{"candles": "none"}, {"other": []}, [], BadAnswer("no JSON", b"\x00junk")])
def test_an_answer_of_another_shape_is_refused_at_once_and_kept(tmp_path, answer):
    calls, _ = ask(tmp_path, answer)
    with pytest.raises(Refused):
        calls.ask("/x")
    assert calls.made == 1
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_size > 0


def test_the_budget_is_waited_for():
    calls = CandleCalls(Broker({"candles": []}, {"candles": []}), budget := ReadBudget((Limit(1, 50), Limit(9, 60_000))))
    calls.ask("/x")
    calls.ask("/x")
    assert budget.used == 2
    first, second = budget.instants()
    assert second - first >= 50
