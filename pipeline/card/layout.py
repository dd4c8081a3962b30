"""Where everything lies on the registration card: A4, points, origin bottom-left (PDF's own).

A grid of twelve columns. Each field is a cell: a caption, room for the value, a hairline. The
captions follow the passport's habit of naming each field twice, in English and in French.
"""

from __future__ import annotations

from dataclasses import dataclass

PAGE_WIDTH_PT = 595.28
PAGE_HEIGHT_PT = 841.89
MARGIN_PT = 58.0
GUTTER_PT = 18.0
COLUMNS = 12

FIELD_HEIGHT_PT = 21.0
ROW_PITCH_PT = 44.0
_CAPTION_RISE_PT = 4.0
"""From a field's upper edge to the baseline of its caption."""


@dataclass(frozen=True, slots=True)
class Caption:
    """The same words in English and in French."""

    english: str
    french: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One field: its hairline runs from ``left_pt`` for ``width_pt`` at ``bottom_pt``.

    ``name`` is the form field's name; None for a cell that is only ever written on by hand.
    """

    name: str | None
    caption: Caption
    left_pt: float
    bottom_pt: float
    width_pt: float
    height_pt: float = FIELD_HEIGHT_PT
    size_pt: float = 11.0
    multiline: bool = False

    @property
    def caption_pt(self) -> float:
        """Baseline of the caption."""
        rise = _MULTILINE_CAPTION_PT if self.multiline else 0
        return self.bottom_pt + self.height_pt + _CAPTION_RISE_PT + rise


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's title; ``baseline_pt`` is that of its text."""

    caption: Caption
    baseline_pt: float


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole card, top to bottom. ``title_pt`` and ``declaration_pt`` are baselines."""

    cells: tuple[Cell, ...]
    headings: tuple[Heading, ...]
    title_pt: float
    declaration_pt: float


_Row = tuple[tuple[str | None, str, str, int], ...]

_SECTIONS: tuple[tuple[Caption, tuple[_Row, ...]], ...] = (
    (
        Caption("Guest", "Client"),
        (
            (("primary_identifier", "Surname", "Nom", 12),),
            (("secondary_identifier", "Given names", "Prénoms", 12),),
            (
                ("nationality", "Nationality", "Nationalité", 5),
                ("date_of_birth", "Date of birth", "Date de naissance", 5),
                ("sex", "Sex", "Sexe", 2),
            ),
        ),
    ),
    (
        Caption("Travel document", "Document de voyage"),
        (
            (
                ("document_code", "Type", "Type", 2),
                ("document_number", "Number", "Numéro", 4),
                ("issuing_state", "Issued by", "État émetteur", 3),
                ("date_of_expiry", "Expires", "Expire le", 3),
            ),
        ),
    ),
    (
        Caption("Home address and contact", "Adresse et coordonnées"),
        (
            (("address", "Address", "Adresse", 12),),
            (("email", "Email", "Courriel", 7), ("phone", "Telephone", "Téléphone", 5)),
        ),
    ),
    (
        Caption("Stay", "Séjour"),
        (
            (
                ("arrival_date", "Arrival", "Arrivée", 3),
                ("departure_date", "Departure", "Départ", 3),
                ("room", "Room", "Chambre", 2),
                ("vehicle_plate", "Vehicle plate", "Immatriculation", 4),
            ),
        ),
    ),
)

_SIGNATURE: _Row = (
    (None, "Date", "Date", 4),
    (None, "Guest\u2019s signature", "Signature du client", 8),
)

_MULTILINE_PT = {"address": 48.0}
_MULTILINE_CAPTION_PT = 4.0
"""A text set from the top needs its caption this much farther up."""
_SIGNING_PT = 40.0
_HOTEL_BOTTOM_PT = 762.0
_TITLE_PT = 714.0
_FIRST_HEADING_PT = 676.0
_HEADING_TO_ROW_PT = 47.0
_ROW_TO_HEADING_PT = 36.0
_SIGNATURE_PT = 76.0


def card_layout() -> Layout:
    """The card that comes with the project."""
    width = PAGE_WIDTH_PT - 2 * MARGIN_PT
    hotel = Cell(
        "hotel_name", Caption("Hotel", "Hôtel"), MARGIN_PT, _HOTEL_BOTTOM_PT, width, size_pt=13.0
    )
    cells = [hotel]
    headings = []
    baseline = _FIRST_HEADING_PT
    for caption, rows in _SECTIONS:
        headings.append(Heading(caption, baseline))
        bottom = baseline - _HEADING_TO_ROW_PT + ROW_PITCH_PT
        for row in rows:
            bottom -= ROW_PITCH_PT + _extra_height_pt(row)
            cells.extend(_row_cells(row, bottom))
        baseline = bottom - _ROW_TO_HEADING_PT
    cells.extend(_row_cells(_SIGNATURE, _SIGNATURE_PT))
    return Layout(tuple(cells), tuple(headings), _TITLE_PT, _SIGNATURE_PT + _SIGNING_PT + 24)


def _extra_height_pt(row: _Row) -> float:
    """What a row with a field of several lines needs beyond ``ROW_PITCH_PT``."""
    heights = [_MULTILINE_PT[name] for name, *_ in row if name in _MULTILINE_PT]
    return max(heights) - FIELD_HEIGHT_PT + _MULTILINE_CAPTION_PT if heights else 0


def _row_cells(row: _Row, bottom_pt: float) -> list[Cell]:
    column = (PAGE_WIDTH_PT - 2 * MARGIN_PT - (COLUMNS - 1) * GUTTER_PT) / COLUMNS
    cells = []
    first = 0
    for name, english, french, span in row:
        plain_height = _SIGNING_PT if name is None else FIELD_HEIGHT_PT
        cells.append(
            Cell(
                name,
                Caption(english, french),
                left_pt=MARGIN_PT + first * (column + GUTTER_PT),
                bottom_pt=bottom_pt,
                width_pt=span * column + (span - 1) * GUTTER_PT,
                height_pt=_MULTILINE_PT.get(name or "", plain_height),
                multiline=name in _MULTILINE_PT,
            )
        )
        first += span
    return cells
