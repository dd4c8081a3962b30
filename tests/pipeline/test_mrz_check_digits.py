"""Check digits against the worked examples of Doc 9303 Part 3, section 4.9."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.mrz.check_digits import ALPHABET, DIGITS, character_value, check_digit, digit_matches


@pytest.mark.parametrize(
    ("data", "digit"),
    [
        ("520727", "3"),
        ("AB2134<<<", "5"),
        ("HA672242<658022549601086<<<<<<<<<<<<<<0", "8"),
        ("L898902C3", "6"),
        ("740812", "2"),
        ("ZE184226B<<<<<", "1"),
        ("", "0"),
        ("<<<<<<<<<", "0"),
    ],
)
def test_published_examples(data: str, digit: str) -> None:
    assert check_digit(data) == digit
    assert digit_matches(data, digit)


@pytest.mark.parametrize(
    ("character", "value"), [("0", 0), ("9", 9), ("A", 10), ("Z", 35), ("<", 0)]
)
def test_character_values(character: str, value: int) -> None:
    assert character_value(character) == value


def test_filler_stands_for_the_check_digit_of_nothing_only() -> None:
    assert digit_matches("<<<<", "<")
    assert not digit_matches("A<<<", "<")
    assert not digit_matches("0000", "<")


@pytest.mark.parametrize(("data", "printed"), [("a", "0"), ("Ä", "0"), ("12", "A"), ("12", "")])
def test_what_is_no_check_digit_never_matches(data: str, printed: str) -> None:
    assert not digit_matches(data, printed)


def test_characters_outside_the_alphabet_are_refused() -> None:
    with pytest.raises(KeyError):
        check_digit("L89 902C")


@given(st.text(ALPHABET, min_size=1, max_size=40), st.data())
def test_one_wrong_digit_is_always_noticed(data: str, draw: st.DataObject) -> None:
    """Weights 7, 3 and 1 share no factor with 10, so no single digit changes unseen."""
    place = draw.draw(st.integers(0, len(data) - 1))
    if data[place] not in DIGITS:
        return
    other = draw.draw(st.sampled_from([d for d in DIGITS if d != data[place]]))
    assert check_digit(data[:place] + other + data[place + 1 :]) != check_digit(data)
