from pipeline.core.broker import LEVELS, Control, Word
from web.halted import MEANS, TITLES, Said, halted, said

CALM = {"refusal": ""}


def controls(*words):
    return [Control(1000 + n, word, "page", f"who{n}") for n, word in enumerate(words)]


def test_every_level_has_its_words():
    assert set(TITLES) == set(MEANS) == {"", *LEVELS}


def test_the_one_who_brought_the_word_is_named():
    known = said(controls(Word.HALT, Word.FLATTEN, Word.HALT), {"word": "flatten"}, is_alive=True)
    shown = halted(known, None, CALM)
    assert (shown["level"], shown["title"], shown["ts"], shown["who"], shown["is_taken"]) == (3, "HALTED · FLATTEN", 1001, "who1", True)


def test_what_was_lifted_does_not_hold():
    shown = halted(said(controls(Word.KILL, Word.RESUME), {"word": ""}, is_alive=True), None, CALM)
    assert (shown["level"], shown["title"], shown["source"], shown["ts"]) == (0, "", "", None)
    again = said(controls(Word.KILL, Word.RESUME, Word.PAUSE), {}, is_alive=True)
    assert (again.word, again.control.ts) == ("pause", 1002)


def test_an_order_process_that_is_gone_has_taken_nothing():
    known = said(controls(Word.HALT), {"word": "halt"}, is_alive=False)
    assert not halted(known, None, CALM)["is_taken"]
    assert not halted(said(controls(Word.HALT), {"word": "pause"}, is_alive=True), None, CALM)["is_taken"]


def test_the_file_and_the_order_process_may_hold_more_than_the_stream():
    by_file = halted(Said(), (Word.FLATTEN, "page 127.0.0.1"), CALM)
    assert (by_file["level"], by_file["source"], by_file["who"], by_file["has_file"], by_file["ts"]) == (
        3,
        "file",
        "page 127.0.0.1",
        True,
        None,
    )
    by_itself = halted(Said(taken="halt", is_alive=True), None, CALM)
    assert (by_itself["level"], by_itself["source"], by_itself["is_taken"]) == (2, "orders", True)
