"""Check digits of Doc 9303 Part 3, section 4.9: modulus 10, weights 7, 3, 1."""

from __future__ import annotations

FILLER = "<"
DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHABET = DIGITS + LETTERS + FILLER
"""Every character that a machine-readable zone may hold (Part 3, section 4.3)."""

WEIGHTS = (7, 3, 1)
_VALUES = {character: value for value, character in enumerate(DIGITS + LETTERS)} | {FILLER: 0}


def character_value(character: str) -> int:
    """0 to 9 for digits, 10 to 35 for letters, 0 for the filler.

    Raises KeyError for anything outside the MRZ alphabet.
    """
    return _VALUES[character]


def check_digit(data: str) -> str:
    """The check digit of ``data``, "0" to "9"; KeyError outside the MRZ alphabet."""
    total = sum(_VALUES[c] * WEIGHTS[i % 3] for i, c in enumerate(data))
    return DIGITS[total % 10]


def digit_matches(data: str, printed: str) -> bool:
    """Whether ``printed`` is the check digit of ``data``.

    A filler in the check digit's place stands for 0 where the data is nothing but fillers
    (Part 4, section 4.2.2, personal number). Characters outside the alphabet never match.
    """
    if any(c not in _VALUES for c in data):
        return False
    if printed == FILLER:
        return not data.strip(FILLER)
    return printed == check_digit(data)
