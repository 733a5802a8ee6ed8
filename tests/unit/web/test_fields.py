"""Bytes to text, text to numbers: what is no finite number is absent, never zero."""

from __future__ import annotations

import pytest

from web.fields import number, positive, text_of, whole


@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "", "1e999", "abc", "0x10"])
def test_what_is_no_finite_number_is_absent(text):
    assert number({"x": text}, "x") is None
    assert whole({"x": text}, "x") is None
    assert positive({"x": text}, "x") is None


def test_the_first_field_that_is_there_counts():
    assert number({"a": "abc", "b": "2.5", "c": "9"}, "a", "b", "c") == 2.5
    assert whole({"b": "2.6"}, "a", "b") == 3
    assert number({}, "a") is None


def test_zero_is_a_number_but_nothing_positive():
    assert number({"x": "0"}, "x") == 0.0
    assert positive({"x": "0"}, "x") is None


def test_broken_bytes_become_marks():
    assert text_of({b"\xff": b"a\xfe"}) == {"\ufffd": "a\ufffd"}
    assert text_of(None) == {}
