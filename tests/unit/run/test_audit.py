"""The audit: every record once, whoever dies or forgets; what was changed afterwards shows."""

from __future__ import annotations

import random

import pytest

from pipeline.core.errors import Ambiguous, Stopped
from pipeline.core.schema import AUDIT, CONFIRM_PAGE, FILLS, HEALTH, INTENTS, ORDERS, RECOMMENDATIONS, STREAMS, SUBSCRIPTIONS, Role
from pipeline.core.types import Confirmation, Fill, OrderEvent, OrderIntent, Side
from pipeline.run import audit
from pipeline.run.audit import AUDITED, Auditor
from pipeline.store.chainfile import Broken, links, verify
from pipeline.store.memory import MemoryStore
from tests.fakes.context import DAY
from tests.fakes.feed_rows import OPEN
from tests.fakes.frames import SESSION_NAME, commit, end_others, open_session
from tests.fakes.trading import recommendation


def intent(n: int) -> OrderIntent:
    return OrderIntent(OPEN + n, f"i{n}", "c", "ALPHA", Side.BUY, "entry", "LIMIT", 5, 100_10, 99_00, 101_00, 550, f"tt-i{n}", f"R{n}", 0)


def event(n: int, status: str, filled: int = 0, reason: str = "") -> OrderEvent:
    return OrderEvent(OPEN + n, f"O{n}", f"i{n}", "ALPHA", Side.BUY, "entry", status, 5, filled, 0, 100_10, 100.05, reason, f"tt-i{n}", 0)


def fill(n: int) -> Fill:
    return Fill(OPEN + n, f"T{n}", f"O{n}", f"i{n}", "ALPHA", Side.BUY, 5, 100_05, "entry")


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    open_session(made)
    return made


def start(store, folder, **changes) -> Auditor:
    task = audit.task_of(folder, store, SESSION_NAME, until_drained=changes.pop("until_drained", True))
    return Auditor(store, task)


def drain(auditor: Auditor) -> None:
    while auditor.turn(0):
        pass


def audited(auditor: Auditor) -> list[tuple[str, str]]:
    return [(row["stream"], row["id"]) for _, row in links(auditor.writer.path.read_bytes()) if row["kind"] == "record"]


def test_every_durable_stream_of_trading_is_audited():
    assert {s for s in STREAMS if s.is_durable} - set(AUDITED) == {SUBSCRIPTIONS}
    assert {INTENTS, ORDERS, FILLS, RECOMMENDATIONS, CONFIRM_PAGE} <= set(AUDITED)
    assert {s.role for s in AUDITED} == {Role.DERIVED}


def test_records_come_once_oldest_first_with_a_beginning(store, tmp_path):
    commit(store, INTENTS, [intent(1), intent(3)])
    commit(store, FILLS, [fill(4)])
    auditor = start(store, tmp_path)
    drain(auditor)
    commit(store, ORDERS, [event(5, "FILLED", 5)])
    drain(auditor)
    rows = [row for _, row in links(auditor.writer.path.read_bytes())]
    assert auditor.writer.path.name == f"audit-{DAY.date}-paper.jsonl"
    assert (rows[0]["kind"], rows[0]["session"], rows[0]["before"]["file"]) == ("begin", SESSION_NAME, "")
    assert [row["stream"] for row in rows[1:]] == ["intents", "intents", "fills", "orders"]
    assert rows[3]["record"] == {**rows[3]["record"], "trade_id": "T4", "side": "BUY", "last_paise": 100_05}
    told = store.fetch(Role.DERIVED, AUDIT.key())
    assert (told["lines"], told["head"]) == ("5", auditor.writer.head.digest)
    assert store.fetch(Role.DERIVED, HEALTH.key("audit"))["is_done"] == "0"


@pytest.mark.parametrize("seed", range(8))
def test_kills_at_any_byte_double_nothing_and_lose_nothing(store, tmp_path, seed):
    draw = random.Random(seed)
    expected = []
    auditor = start(store, tmp_path)
    for n in range(1, 60):
        stream, record = draw.choice(((INTENTS, intent(n)), (ORDERS, event(n, "ACCEPTED")), (FILLS, fill(n))))
        commit(store, stream, [record])
        expected.append((stream.name, str(store.progress("orders", Role.DERIVED).last[stream.name])))
        if draw.random() < 0.5:
            auditor.turn(0)
        if draw.random() < 0.3:
            auditor.writer.close()
            path = auditor.writer.path
            content = path.read_bytes()
            last = content.splitlines(keepends=True)[-1]
            path.write_bytes(content[: len(content) - draw.randrange(len(last))])  # torn anywhere in its last line
            if not path.read_bytes():
                path.unlink()
            auditor = start(store, tmp_path)
    drain(auditor)
    assert sorted(audited(auditor)) == sorted(expected)
    assert verify(auditor.writer.path.read_bytes()).broken == ""


def test_what_redis_lost_stays_and_what_it_tells_again_is_told(store, tmp_path):
    commit(store, INTENTS, [intent(1), intent(2)])
    auditor = start(store, tmp_path)
    drain(auditor)
    auditor.writer.close()
    behind = MemoryStore()
    open_session(behind)
    commit(behind, INTENTS, [intent(1)])
    again = start(behind, tmp_path)
    commit(behind, INTENTS, [intent(2)])
    drain(again)
    rows = [row for _, row in links(again.writer.path.read_bytes())]
    assert [row["kind"] for row in rows] == ["begin", "record", "record", "note", "record"]
    assert "Redis holds intents up to" in rows[3]["words"]
    assert rows[4]["record"] == rows[2]["record"]


def test_another_run_of_the_day_gets_its_own_file_that_names_the_one_before(store, tmp_path):
    commit(store, INTENTS, [intent(1)])
    first = start(store, tmp_path)
    drain(first)
    first.writer.close()
    other = MemoryStore()
    open_session(other, run="78")
    second = start(other, tmp_path)
    assert second.writer.path.name == f"audit-{DAY.date}-paper-2.jsonl"
    begin = next(row for _, row in links(second.writer.path.read_bytes()))
    assert begin["before"] == {"file": first.writer.path.name, "head": first.writer.head.digest}
    second.writer.close()
    assert start(store, tmp_path).writer.path == first.writer.path


def test_records_of_days_before_are_left_to_their_own_audits(store, tmp_path):
    commit(store, CONFIRM_PAGE, [Confirmation(OPEN - 86_400_000, "R0", "confirm", "page"), Confirmation(OPEN, "R1", "reject", "page")])
    auditor = start(store, tmp_path)
    drain(auditor)
    assert audited(auditor) == [("confirmations:page", f"{OPEN}-0")]


def test_a_changed_file_takes_nothing_more(store, tmp_path):
    auditor = start(store, tmp_path)
    auditor.writer.close()
    content = bytearray(auditor.writer.path.read_bytes())
    content[20] ^= 1
    auditor.writer.path.write_bytes(bytes(content))
    found = start(store, tmp_path)
    assert found.writer.path != auditor.writer.path, "a file that cannot be read is nobody's: another is begun"
    found.writer.close()
    first = bytes(content)
    content[20] ^= 1
    auditor.writer.path.write_bytes(bytes(content) + b'{"n":1}\n')
    with pytest.raises(Broken, match="record 1"):
        start(store, tmp_path)
    assert first


def test_a_drained_run_ends_when_all_have_said_their_last_word(store, tmp_path):
    commit(store, RECOMMENDATIONS, [recommendation(ts=OPEN)])
    auditor = start(store, tmp_path)
    turns = iter(range(10_000))
    store_end = [False]

    def should_stop() -> bool:
        if next(turns) == 3 and not store_end[0]:
            end_others(store)
            commit(store, _frames(), [], is_end=True)
            store_end[0] = True
        return False

    auditor.run(should_stop)
    assert store_end[0]
    assert store.fetch(Role.DERIVED, HEALTH.key("audit"))["is_done"] == "1"
    assert len(audited(auditor)) == 1


def _frames():
    from pipeline.core.schema import FRAMES

    return FRAMES


def test_redis_away_is_waited_for(store, tmp_path, monkeypatch):
    auditor = start(store, tmp_path, until_drained=False)
    fails = iter([True, True, False])
    read = store.read

    def shaky(*args):
        if next(fails, False):
            raise Ambiguous("Redis is away")
        return read(*args)

    monkeypatch.setattr(store, "read", shaky)
    monkeypatch.setattr(audit.time, "sleep", lambda _s: None)
    commit(store, FILLS, [fill(1)])
    stops = iter([False] * 8 + [True] * 10)
    auditor.run(lambda: next(stops))
    assert audited(auditor) == [("fills", f"{OPEN + 1}-0")]


def test_without_a_session_it_waits_for_one(tmp_path):
    with pytest.raises(Stopped, match="is not announced yet"):
        audit.task_of(tmp_path, MemoryStore(), SESSION_NAME, until_drained=False)
