"""Which colours can be read on which (WCAG 2.2, contrast ratio and relative luminance)."""

from __future__ import annotations

TEXT = 4.5
"""Ratio that text of any size needs (success criterion 1.4.3, level AA)."""
_INKS = ("#ffffff", "#08201e")
_DARKEST = "#000000"


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, 0 to 1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours ``#rrggbb``, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def ink_on(ground: str) -> str:
    """The text colour for this ground; always one that can be read.

    On some middling grounds only black is far enough from it.
    """
    best = max(_INKS, key=lambda ink: contrast(ink, ground))
    return best if contrast(best, ground) >= TEXT else _DARKEST


def can_be_read(ink: str, ground: str) -> bool:
    """Is text of this colour legible on this ground, whatever its size?"""
    return contrast(ink, ground) >= TEXT
