"""A line of text as runs of glyphs, left to right as they are printed.

What the card's own font sets letter by letter stays as it is. The rest is shaped by HarfBuzz in
a font of the shelf: letters join, marks find their places, and text from right to left is brought
into visual order by the Unicode Bidirectional Algorithm (UAX 9, by python-bidi).
"""

from __future__ import annotations

import functools
import itertools
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import uharfbuzz as hb
from bidi import algorithm as bidi
from bidi.mirror import MIRRORED

from core.errors import MissingGlyph
from pipeline.card.font import CardFont
from pipeline.card.fonts import FontShelf, ShelfFont
from pipeline.card.glyphs import JOINERS, code_point, is_complex

_SHARED = frozenset({"Zyyy", "Zinh", "Zzzz"})


@dataclass(frozen=True, slots=True)
class Glyph:
    """One glyph, with the text that it stands for ("" where the glyph before it says all).

    Lengths are in thousandths of the font size; y goes up.
    """

    number: int
    text: str
    advance: float
    right: float = 0.0
    up: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """Glyphs of one font, as printed from left to right; ``font`` None is the card's own.

    ``text`` is in reading order; a plain run has no glyphs, its text is set as it is.
    """

    text: str
    font: ShelfFont | None
    glyphs: tuple[Glyph, ...]
    width: float
    from_right: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """Characters of one level, script and font, in reading order."""

    text: str
    level: int
    script: str
    font: ShelfFont | None


class Shaper:
    """Sets lines in the card's own font and, beyond it, in those of a shelf.

    ``state`` (ISO 3166-1 alpha-3) chooses how Chinese characters are drawn. Not for several
    threads at once: make one for each card.
    """

    def __init__(self, own: CardFont, shelf: FontShelf | None, state: str = "") -> None:
        self._own = own
        self._shelf = shelf
        self._state = state
        self._lines: dict[str, tuple[Run, ...]] = {}

    def width_pt(self, text: str, size_pt: float) -> float:
        """Length of a line in points."""
        return sum(run.width for run in self.runs(text)) * size_pt / 1000

    def runs(self, line: str) -> tuple[Run, ...]:
        """The line's runs, left to right as printed. Raises MissingGlyph, without a field."""
        if self._shelf is None:
            return (Run(line, None, (), self._own.width_pt(line, 1000)),)
        if line not in self._lines:
            parts = self._parts(line)
            ordered = _visual([part.level for part in parts])
            self._lines[line] = tuple(self._shaped(parts[index]) for index in ordered)
        return self._lines[line]

    def _parts(self, line: str) -> list[_Part]:
        scripts = _scripts(line)
        fonts = self._fonts(line, scripts)
        if all(font is None for font in fonts):
            return [_Part(line, 0, "Latn", None)]
        keys = zip(_levels(line), scripts, fonts, strict=True)
        parts = []
        start = 0
        for (level, script, font), group in itertools.groupby(keys):
            end = start + len(list(group))
            parts.append(_Part(line[start:end], level, script, font))
            start = end
        return parts

    def _fonts(self, line: str, scripts: list[str]) -> list[ShelfFont | None]:
        """The font of each character; a letter and its marks share one."""
        fonts: list[ShelfFont | None] = []
        state = self._state
        for cluster, script in _clusters(line, scripts):
            before = fonts[-1] if fonts else None
            if before is not None and _goes_along(cluster) and before.covers(cluster):
                fonts.append(before)
                continue
            if self._is_plain(cluster):
                fonts.append(None)
                continue
            shared = script_of(cluster[0]) in _SHARED
            font = self._covering(cluster, [script, "Latn", "Hani"] if shared else [script], state)
            if font is None:
                raise MissingGlyph(code_point(self._first_missing(cluster, script, state)))
            fonts.extend([font] * len(cluster))
        return _whole_words(line, fonts)

    def _is_plain(self, cluster: str) -> bool:
        """Whether the card's own font sets it truly by itself."""
        return len(cluster) == 1 and self._own.covers(cluster) and not is_complex(cluster)

    def _covering(self, cluster: str, scripts: list[str], state: str) -> ShelfFont | None:
        """The first of the scripts' fonts that has every character of the cluster."""
        if self._shelf is None:
            return None
        fonts = (self._shelf.find(script, state) for script in scripts)
        needed = [character for character in cluster if character not in JOINERS]
        return next((f for f in fonts if f and all(map(f.covers, needed))), None)

    def _first_missing(self, cluster: str, script: str, state: str) -> str:
        font = self._shelf.find(script, state) if self._shelf else None
        return next((c for c in cluster if not (font or self._own).covers(c)), cluster[-1])

    def _shaped(self, part: _Part) -> Run:
        if part.font is None:
            text = _mirrored(part.text) if part.level % 2 else part.text
            return Run(text, None, (), self._own.width_pt(text, 1000))
        buffer = hb.Buffer()
        buffer.cluster_level = hb.BufferClusterLevel.MONOTONE_CHARACTERS
        buffer.add_str(part.text)
        buffer.direction = "rtl" if part.level % 2 else "ltr"
        buffer.script = part.script if part.script not in _SHARED else "Latn"
        buffer.guess_segment_properties()
        with part.font.lock:
            hb.shape(part.font.font, buffer)
        glyphs = _glyphs(part, buffer)
        width = sum(glyph.advance for glyph in glyphs)
        return Run(part.text, part.font, glyphs, width, bool(part.level % 2))


def _glyphs(part: _Part, buffer: Any) -> tuple[Glyph, ...]:
    assert part.font is not None
    scale = 1000 / part.font.upem
    starts = sorted({info.cluster for info in buffer.glyph_infos})
    ends = dict(zip(starts, [*starts[1:], len(part.text)], strict=True))
    told: set[int] = set()
    glyphs = []
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        text = part.text[info.cluster : ends[info.cluster]]
        if info.codepoint == 0:
            raise MissingGlyph(code_point(text[0]))
        glyphs.append(
            Glyph(
                info.codepoint,
                "" if info.cluster in told else text,
                place.x_advance * scale,
                place.x_offset * scale,
                place.y_offset * scale,
            )
        )
        told.add(info.cluster)
    return tuple(glyphs)


def han_state(texts: Iterable[str], nationality: str) -> str:
    """Whose way of drawing Chinese characters a card follows (ISO 3166-1 alpha-3).

    Kana or hangul anywhere on the card tell; else the guest's nationality.
    """
    scripts = {script_of(character) for text in texts for character in text}
    if scripts & {"Hira", "Kana"}:
        return "JPN"
    return "KOR" if "Hang" in scripts else nationality.strip().upper()


@functools.lru_cache(4096)
def script_of(character: str) -> str:
    """ISO 15924 code: ``Latn``, ``Arab``; ``Zyyy`` for what many scripts share."""
    buffer = hb.Buffer()
    buffer.add_str(character)
    buffer.guess_segment_properties()
    return str(buffer.script or "Zyyy")


def _scripts(line: str) -> list[str]:
    """Each character's script; what is shared belongs to the letter before, else the next."""
    scripts = [script_of(character) for character in line]
    letters = [script for script in scripts if script not in _SHARED]
    current = letters[0] if letters else "Zyyy"
    for index, script in enumerate(scripts):
        if script in _SHARED:
            scripts[index] = current
        else:
            current = script
    return scripts


def _clusters(line: str, scripts: list[str]) -> list[tuple[str, str]]:
    """A character with the marks and joiners after it, and the script of the first."""
    clusters: list[tuple[str, str]] = []
    for character, script in zip(line, scripts, strict=True):
        follows = unicodedata.category(character).startswith("M") or character in JOINERS
        if clusters and follows:
            clusters[-1] = (clusters[-1][0] + character, clusters[-1][1])
        else:
            clusters.append((character, script))
    return clusters


def _goes_along(cluster: str) -> bool:
    """Spaces, digits, hyphens: set in the font of the letters before. Brackets stay a pair."""
    shared = len(cluster) == 1 and script_of(cluster) in _SHARED
    return shared and unicodedata.category(cluster) not in ("Ps", "Pe")


def _whole_words(line: str, fonts: list[ShelfFont | None]) -> list[ShelfFont | None]:
    """A word that needs one font of the shelf is set in it whole, where that has every letter."""
    start = 0
    for word in line.split(" "):
        end = start + len(word)
        used = {font for font in fonts[start:end] if font is not None}
        if len(used) == 1:
            (font,) = used
            if all(font.covers(c) or c in JOINERS for c in word):
                fonts[start:end] = [font] * len(word)
        start = end + 1
    return fonts


def _mirrored(text: str) -> str:
    """Signs and digits as they stand in text from right to left (UAX 9, rules L2 and L4)."""
    return "".join(MIRRORED.get(character, character) for character in reversed(text))


def _levels(line: str) -> list[int]:
    """Embedding levels (UAX 9); the line holds no explicit embedding, joiners at most."""
    whole, line = line, "".join(c for c in line if c not in JOINERS)
    storage = bidi.get_empty_storage()
    storage["base_level"] = bidi.get_base_level(line)
    storage["base_dir"] = "R" if storage["base_level"] else "L"
    bidi.get_embedding_levels(line, storage)
    bidi.explicit_embed_and_overrides(storage)
    bidi.resolve_weak_types(storage)
    bidi.resolve_neutral_types(storage, False)
    bidi.resolve_implicit_levels(storage, False)
    found = iter(character["level"] for character in storage["chars"])
    levels: list[int] = []
    for character in whole:  # a joiner has the level of what it follows (UAX 9, 5.2)
        joined = character in JOINERS
        levels.append((levels[-1] if levels else 0) if joined else next(found))
    return levels


def _visual(levels: list[int]) -> list[int]:
    """Order of runs from left to right (UAX 9, rule L2)."""
    order = list(range(len(levels)))
    for level in range(max(levels, default=0), 0, -1):
        start = 0
        while start < len(order):
            end = start
            while end < len(order) and levels[order[end]] >= level:
                end += 1
            order[start:end] = reversed(order[start:end])
            start = max(end, start + 1)
    return order
