import numpy as np

from pipeline.broker.heard import Heard, hear_k
from pipeline.core.types import NO_SYMBOL, TICK, TickKind


def rows(*triples):
    out = np.zeros(len(triples), TICK)
    for at, (sid, kind, ltp, vtt) in enumerate(triples):
        out["sid"][at], out["kind"][at], out["ltp"][at], out["vtt"][at] = sid, kind, ltp, vtt
    return out


def test_each_symbol_has_its_newest():
    heard = Heard(3)
    heard.hear(rows((0, TickKind.SNAPSHOT, 10.0, 5), (2, TickKind.LIVE, 20.0, 7)), 1_000)
    heard.hear(rows((0, TickKind.LIVE, 11.0, 0)), 2_000)
    assert heard.at_ms.tolist() == [2_000, 0, 1_000]
    assert heard.ltp.tolist() == [11.0, 0.0, 20.0]
    assert heard.vtt.tolist() == [5, 0, 7]  # a row without a volume says nothing of it
    assert heard.is_confirmed.tolist() == [True, False, True]


def test_marks_and_repairs_are_not_heard():
    heard = Heard(2)
    heard.hear(rows((NO_SYMBOL, TickKind.GAP, 0.0, 0), (0, TickKind.GAP, 0.0, 0), (1, TickKind.REPAIR, 5.0, 5)), 1_000)
    assert heard.at_ms.tolist() == [0, 0]
    assert not heard.is_confirmed.any()


def test_the_kernel_is_its_python_twin():
    given = rows((1, TickKind.LIVE, 3.5, 9), (0, TickKind.GAP, 1.0, 1))
    one, two = Heard(2), Heard(2)
    hear_k(given, 5, one.at_ms, one.ltp, one.vtt, one.is_confirmed)
    hear_k.py_func(given, 5, two.at_ms, two.ltp, two.vtt, two.is_confirmed)
    for name in ("at_ms", "ltp", "vtt", "is_confirmed"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
