"""From character scores to the lines of a format, with every substitution on record.

A character that its place cannot hold (Doc 9303 Part 3, section 4.3, and the tables of Parts 4
to 7) gives way to its look-alike. A failing check digit may settle what the print leaves open,
where the scores hold both readings likely and every date it touches exists (section 4.8). Of a
letter O and a zero that are about as likely in a number, the zero is taken, and listed. Nothing
else is changed: a zone whose printed check digit is wrong is returned as printed, with the check
digit reported as failing, and a printed date that does not exist is returned as well, in doubt.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.mrz import dates
from pipeline.mrz.check_digits import ALPHABET, DIGITS, FILLER
from pipeline.mrz.formats import CharacterSet, MrzLayout, Span, layout_of, layouts_of_shape
from pipeline.mrz.parse import PASSING_BY_CHANCE, check_passes, check_results
from pipeline.mrz.recognize import INDEX, CharacterScores, log_softmax
from pipeline.mrz.states import CODES
from pipeline.types import CheckResult, Correction

_ALIKE = ("0ODQ", "1I", "2Z", "5S", "6G", "8B", "UV", "CG")
_FORMAT_GAP = 18.0
"""How much less likely (nats) the character that the place demands may be."""
_ALIKE_GAP = 45.0
_OPEN_GAP = 4.0
_ALIKE_OPEN_GAP = 12.0
"""Readings closer than this are both possible; a check digit may decide between them."""
_OPEN_TOTAL = 18.0
_OPEN_CODE = 6.0
"""How much less likely the code of a state may be than a code that does not exist."""
_MARGIN = 3.0
"""A repair counts only if no other one comes as close as this."""
_MOST_OPEN = 10
_MOST_CHANGES = 3
_LETTER_O_PENALTY = 3.0
"""Numbers rarely hold the letter O, since readers and people take it for a zero."""
_DIGIT_IN_CODE_PENALTY = 6.0
"""Document codes are letters but for a few issuers' own."""

_UNLIKELY = 0.5
"""The most that is believed of a state or document code that is in no list, and of a date that no
calendar has: they are misread more often than printed."""

_STATES = ("issuing_state", "nationality")

_WHY_FORMAT = "format"
_WHY_CHECK_DIGIT = "check_digit"
_WHY_RARE = "rare"


@dataclass(frozen=True, slots=True)
class Decoded:
    """Lines in the layout's shape; confidences 0 to 1 per character; what was substituted.

    ``legible``: confidence of the weakest character by its print alone, 0 to 1, whatever is
    doubted because of what it says.
    """

    layout: MrzLayout
    lines: tuple[str, ...]
    confidences: tuple[tuple[float, ...], ...]
    corrections: tuple[Correction, ...]
    legible: float

    @property
    def passing(self) -> int:
        """How many check digits pass."""
        results = check_results(self.layout, self.lines).values()
        return sum(result is CheckResult.PASS for result in results)

    @property
    def complete(self) -> bool:
        """Whether every check digit of the format passes."""
        return self.passing == len(self.layout.check_digits)

    @property
    def empty(self) -> bool:
        """Whether all that a check digit covers is fillers: rows of chevrons, or a zone whose
        line of numbers is covered."""
        checks = self.layout.check_digits
        return not any(check.data_of(self.lines).strip(FILLER) for check in checks)

    @property
    def misfits(self) -> float:
        """Share of the characters that their places cannot hold."""
        sets = self.layout.character_sets()
        bound = [
            character in allowed.value
            for line, row in zip(self.lines, sets, strict=True)
            for character, allowed in zip(line, row, strict=True)
            if allowed is not CharacterSet.ANY
        ]
        return 1 - sum(bound) / len(bound)


def decode(
    scores: Sequence[CharacterScores], tolerance: float = 1.0, temperature: float = 1.0
) -> Decoded | None:
    """The best reading among the formats of this shape; None if no format has it.

    ``scores``: one n×37 array of log-probabilities per line. ``tolerance``: how far the format
    may go against them, 1 for those of the glyph matcher alone, less for calibrated ones.
    ``temperature``: what the scores are divided by before they are told as confidences.
    """
    shape = (len(scores), len(scores[0]))
    layouts = layouts_of_shape(*shape)
    if not layouts:
        return None
    readings = [
        _decode_as(layout, scores, tolerance, temperature)
        for layout in layouts
        if not layout.prefix
    ]
    first = scores[0][0]
    best = max(
        readings,
        key=lambda reading: max(first[INDEX[c]] for c in reading.layout.first_letters),
    )
    for layout in layouts:
        printed = layout is layout_of(best.layout.format, best.lines)
        if layout.prefix and (printed or _begins(scores, layout.prefix)):
            national = _decode_as(layout, scores, tolerance, temperature)
            # Where the prefix is only nearly as likely, its check digits have to speak for it.
            if printed or national.complete:
                return national
    return best


def _begins(scores: Sequence[CharacterScores], prefix: str) -> bool:
    """Whether the first line begins with ``prefix``, or nearly as likely so."""
    gaps = [
        float(cell.max() - cell[INDEX[character]])
        for cell, character in zip(scores[0], prefix, strict=False)
    ]
    return max(gaps) <= _OPEN_GAP


def starts_well(decoded: Decoded) -> bool:
    """Whether the document code begins with a letter that the format allows."""
    return decoded.lines[0][:1] in tuple(decoded.layout.first_letters)


def _decode_as(
    layout: MrzLayout, scores: Sequence[CharacterScores], tolerance: float, temperature: float
) -> Decoded:
    sets = layout.character_sets()
    weighed = [_weighed(row, allowed) for row, allowed in zip(scores, sets, strict=True)]
    grid = [
        [_fitting(cell, chars.value, tolerance) for cell, chars in zip(row, allowed, strict=True)]
        for row, allowed in zip(weighed, sets, strict=True)
    ]
    grid[0][0] = _fitting(weighed[0][0], layout.first_letters, tolerance)
    grid[0][: len(layout.prefix)] = layout.prefix
    for zone in layout.zones:
        if zone.name in _STATES:
            span = zone.span
            cells = weighed[span.line][span.start : span.stop]
            code = _listed("".join(grid[span.line][span.start : span.stop]), cells)
            grid[span.line][span.start : span.stop] = code
    changes = _changes(layout, grid, weighed)
    for (line, position), character in changes.items():
        grid[line][position] = character
    lines = tuple("".join(row) for row in grid)
    corrections = tuple(
        Correction(
            line,
            position,
            read,
            text[position],
            _why(sets[line][position], (line, position) in changes),
        )
        for line, (text, row) in enumerate(zip(lines, scores, strict=True))
        for position, read in enumerate(ALPHABET[index] for index in row.argmax(axis=1))
        if read != text[position]
    )
    confidences = tuple(
        _confidences(
            row / np.float32(temperature),
            chars,
            text,
            {place for at, place in changes if at == line},
        )
        for line, (row, chars, text) in enumerate(zip(weighed, sets, lines, strict=True))
    )
    legible = min(map(min, confidences))
    confidences = _doubting(layout, lines, confidences)
    return Decoded(layout, lines, confidences, corrections, legible)


def _why(characters: CharacterSet, settled: bool) -> str:
    if settled:
        return _WHY_CHECK_DIGIT
    return _WHY_RARE if characters is CharacterSet.ANY else _WHY_FORMAT


def _weighed(row: CharacterScores, allowed: Sequence[CharacterSet]) -> CharacterScores:
    """Scores with what is known beforehand about numbers."""
    weighed = row.copy()
    free = [place for place, characters in enumerate(allowed) if characters is CharacterSet.ANY]
    weighed[free, INDEX["O"]] -= _LETTER_O_PENALTY
    codes = [place for place, characters in enumerate(allowed) if characters is CharacterSet.CODE]
    for digit in DIGITS:
        weighed[codes, INDEX[digit]] -= _DIGIT_IN_CODE_PENALTY
    return weighed


def _alike(a: str, b: str) -> bool:
    return any(a in group and b in group for group in _ALIKE)


def _fitting(cell: CharacterScores, allowed: str, tolerance: float) -> str:
    """The likeliest character, or what the place demands where that is nearly as likely."""
    read = ALPHABET[int(cell.argmax())]
    if read in allowed:
        return read
    demanded = max(allowed, key=lambda character: cell[INDEX[character]])
    gap = float(cell.max() - cell[INDEX[demanded]])
    limit = _ALIKE_GAP if _alike(read, demanded) else _FORMAT_GAP
    return demanded if gap <= limit * tolerance else read


def _listed(code: str, cells: CharacterScores) -> str:
    """A state's code that exists, where the print leaves it open and no other comes close.

    It stays in doubt: its characters are not the likeliest ones.
    """
    if code.rstrip(FILLER) in CODES:
        return code
    found = []
    for other in CODES:
        padded = other.ljust(len(code), FILLER)
        gaps = [
            float(cell[INDEX[read]] - cell[INDEX[character]])
            for cell, read, character in zip(cells, code, padded, strict=True)
        ]
        found.append((sum(gaps), max(gaps), padded))
    (total, widest, nearest), (next_total, _, _) = sorted(found)[:2]
    if widest > _OPEN_GAP or total > _OPEN_CODE or next_total < total + _MARGIN:
        return code
    return nearest


_Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Open:
    """A place with a second reading, ``gap`` nats less likely.

    ``near``: close enough to be chosen; others only contest a choice.
    """

    place: _Place
    character: str
    gap: float
    near: bool


def _changes(
    layout: MrzLayout, grid: list[list[str]], scores: Sequence[CharacterScores]
) -> dict[_Place, str]:
    """The likeliest change among open readings that repairs the failing check digits.

    None where another one does so nearly as well: "8" and "S", for one, have the same weight.
    """
    lines = ["".join(row) for row in grid]
    failing = [check for check in layout.check_digits if not check_passes(layout, check, lines)]
    if not failing:
        return {}
    covered = {
        (span.line, position)
        for check in failing
        for span in (*check.over, check.digit)
        for position in range(span.start, span.stop)
    }
    chosen: tuple[_Open, ...] = ()
    for change in _candidates(_open_readings(layout, grid, scores, covered)):
        if chosen and _total(change) > _total(chosen) + _MARGIN:
            break
        changed = [list(row) for row in grid]
        for reading in change:
            changed[reading.place[0]][reading.place[1]] = reading.character
        if _repairs(layout, ["".join(row) for row in changed], change):
            if chosen or not all(reading.near for reading in change):
                return {}
            chosen = change
    return {reading.place: reading.character for reading in chosen}


def _total(change: tuple[_Open, ...]) -> float:
    return sum(reading.gap for reading in change)


def _open_readings(
    layout: MrzLayout,
    grid: list[list[str]],
    scores: Sequence[CharacterScores],
    covered: set[_Place],
) -> list[_Open]:
    sets = layout.character_sets()
    found = []
    for line, position in covered:
        cell = scores[line][position]
        here = float(cell[INDEX[grid[line][position]]])
        for character in sets[line][position].value:
            gap = here - float(cell[INDEX[character]])
            limit = _ALIKE_OPEN_GAP if _alike(character, grid[line][position]) else _OPEN_GAP
            if character != grid[line][position] and gap <= limit + _MARGIN:
                gap = max(gap, 0.0)
                found.append(_Open((line, position), character, gap, gap <= limit))
    return sorted(found, key=lambda reading: (reading.gap, reading.place))[:_MOST_OPEN]


def _candidates(readings: list[_Open]) -> Iterator[tuple[_Open, ...]]:
    """Sets of changes, likeliest first, at most one to a place."""
    sets = [
        chosen
        for count in range(1, _MOST_CHANGES + 1)
        for chosen in itertools.combinations(readings, count)
        if len({reading.place for reading in chosen}) == count and _total(chosen) <= _OPEN_TOTAL
    ]
    return iter(sorted(sets, key=_total))


def _repairs(layout: MrzLayout, lines: list[str], change: tuple[_Open, ...]) -> bool:
    """Whether every check digit that covers a changed place passes now, and its date exists."""
    places = [reading.place for reading in change]
    spans = [
        zone.span
        for zone in layout.zones
        if zone.characters is CharacterSet.DATE and _touches(zone.span, places)
    ]
    return all(dates.exists(span.of(lines)) for span in spans) and all(
        check_passes(layout, check, lines)
        for check in layout.check_digits
        if any(_touches(span, places) for span in (*check.over, check.digit))
    )


def _touches(span: Span, places: Sequence[_Place]) -> bool:
    return any(line == span.line and span.start <= at < span.stop for line, at in places)


_Shares = tuple[tuple[float, ...], ...]


def _doubting(layout: MrzLayout, lines: Sequence[str], confidences: _Shares) -> _Shares:
    """Less confidence in document codes and states that do not exist, which no check digit
    covers, and in dates that do not: a check digit passes by chance once in ten times."""
    rows = [list(row) for row in confidences]
    doubtful = [
        zone.span
        for zone in layout.zones
        if (zone.name in _STATES and zone.span.of(lines).rstrip(FILLER) not in CODES)
        or (zone.characters is CharacterSet.DATE and not dates.exists(zone.span.of(lines)))
    ]
    if lines[0][0] not in layout.first_letters:
        doubtful.append(Span(0, 0, 1))
    for span in doubtful:
        for place in range(span.start, span.stop):
            rows[span.line][place] = min(rows[span.line][place], _UNLIKELY)
    return tuple(tuple(row) for row in rows)


def _confidences(
    row: CharacterScores, allowed: Sequence[CharacterSet], text: str, settled: set[int]
) -> tuple[float, ...]:
    """The probability of each character among those that its place may hold.

    ``settled``: places that a check digit decided; a wrong choice passes it once in ten times.
    """
    masked = np.full_like(row, -60.0)
    for place, (characters, chosen) in enumerate(zip(allowed, text, strict=True)):
        places = [INDEX[c] for c in {*characters.value, chosen}]
        masked[place, places] = row[place, places]
    shares = np.exp(log_softmax(masked))
    chosen_shares = [float(shares[place, INDEX[c]]) for place, c in enumerate(text)]
    return tuple(
        share / (share + (1 - share) * PASSING_BY_CHANCE) if place in settled else share
        for place, share in enumerate(chosen_shares)
    )
