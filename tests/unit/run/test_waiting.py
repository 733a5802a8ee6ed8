import pytest

from pipeline.core.errors import Ambiguous, Corrupt
from pipeline.run.waiting import await_store


class Store:
    def __init__(self, failures, error=Ambiguous):
        self.failures, self.error, self.asked = failures, error, 0

    def ask(self):
        self.asked += 1
        if self.asked <= self.failures:
            raise self.error("away")


def test_it_asks_until_there_is_an_answer_and_works_meanwhile():
    store, idled = Store(2), []
    assert await_store("x", store.ask, lambda: False, lambda: idled.append(1))
    assert store.asked == 3
    assert len(idled) >= 3


def test_a_stop_ends_the_wait():
    store, asked = Store(1000), iter([False, False, True, True, True])
    assert not await_store("x", store.ask, lambda: next(asked))
    assert store.asked <= 1


def test_any_other_error_is_the_callers():
    with pytest.raises(Corrupt):
        await_store("x", Store(1, Corrupt).ask, lambda: False)
