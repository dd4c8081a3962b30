"""Where everything lies on a card: A4, points, origin bottom-left (PDF's own).

A grid of twelve columns. Each field is a cell: a caption, room for the value, a hairline.
``form.json`` in a card's folder lists sections, rows and captions; from there to points it is
the same for every card. Captions stand in one to three languages, the first one darker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ConfigDict, with_config

from core.errors import SettingsError
from pipeline.card.reading import read_json

PAGE_WIDTH_PT = 595.28
PAGE_HEIGHT_PT = 841.89
MARGIN_PT = 58.0
COLUMNS = 12

_CAPTION_RISE_PT = 4.0
"""From a field's upper edge to the baseline of its caption."""
_MULTILINE_CAPTION_PT = 4.0
"""A text set from the top needs its caption this much farther up."""
_LINE_PT = 13.5
_SIGNING_PT = 40.0
_HOTEL_BOTTOM_PT = 762.0
_HOTEL_TO_TITLE_PT = 48.0
_TITLE_TO_HEADING_PT = 38.0
_SUBTITLE_PT = 12.0
_DECLARATION_LINE_PT = 11.0
_NOTE_LINE_PT = 9.0
_NOTES_PT = 30.0
_WIDE_PITCH_PT = 40.0

Caption = tuple[str, ...]
"""The same words in each of the card's languages, in their order."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class CellPlan:
    """A cell as ``form.json`` has it; ``name`` None for one that is only written on by hand.

    ``label`` says more than the caption, for a form that asks for the value by itself.
    """

    caption: Mapping[str, str]
    span: int
    name: str | None = None
    lines: int = 1
    label: Mapping[str, str] = field(default_factory=dict)


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class SectionPlan:
    caption: Mapping[str, str]
    rows: tuple[tuple[CellPlan, ...], ...]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class FormPlan:
    """``form.json``: captions are keyed by language, ``languages`` gives their order."""

    languages: tuple[str, ...]
    title: Mapping[str, str]
    hotel: tuple[tuple[CellPlan, ...], ...]
    sections: tuple[SectionPlan, ...]
    declaration: Mapping[str, str]
    signing: tuple[CellPlan, ...]
    subtitle: str = ""
    notes: tuple[str, ...] = ()
    row_pitch_pt: float = 44.0
    gutter_pt: float = 18.0

    @property
    def labels(self) -> dict[str, dict[str, str]]:
        """Words by form name and language, for whoever asks for the values elsewhere."""
        rows = [*self.hotel, *(row for section in self.sections for row in section.rows)]
        named = ((cell.name, cell) for row in rows for cell in row)
        return {name: {**cell.caption, **cell.label} for name, cell in named if name}


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
    height_pt: float
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
    """The whole card, top to bottom; all ``_pt`` are baselines.

    ``signing`` are the cells to sign on; the last of them, if it has a name, takes a drawn
    signature.
    """

    cells: tuple[Cell, ...]
    signing: tuple[Cell, ...]
    headings: tuple[Heading, ...]
    title: Caption
    title_pt: float
    subtitle: str
    declaration: tuple[tuple[str, float], ...]
    notes: tuple[tuple[str, float], ...]
    languages: tuple[str, ...]


def load_plan(path: Path) -> FormPlan:
    """Read a ``form.json``. Raises SettingsError that says what is wrong with it."""
    return read_json(FormPlan, path, "the card layout")


def card_layout(plan: FormPlan) -> Layout:
    """Where everything of a plan lies. Raises SettingsError when it does not fit on the page."""
    cells: list[Cell] = []
    hotel_bottom = _HOTEL_BOTTOM_PT
    for index, row in enumerate(plan.hotel):
        hotel_bottom = _HOTEL_BOTTOM_PT - index * (plan.row_pitch_pt - 4)
        cells.extend(_row_cells(plan, row, hotel_bottom, 13.0 if index == 0 else None))
    title = hotel_bottom - _HOTEL_TO_TITLE_PT
    baseline = title - _TITLE_TO_HEADING_PT - (_SUBTITLE_PT if plan.subtitle else 0)
    headings = []
    bottom = baseline
    for section in plan.sections:
        headings.append(Heading(_in_order(plan, section.caption), baseline))
        bottom = baseline - 3
        for row in section.rows:
            bottom -= plan.row_pitch_pt + _extra_height_pt(plan, row)
            cells.extend(_row_cells(plan, row, bottom))
        baseline = bottom - plan.row_pitch_pt + 8
    notes_pt = _NOTES_PT + _NOTE_LINE_PT * len(plan.notes)
    signing_pt = max(76.0, notes_pt + 18) if plan.notes else 76.0
    signing = _row_cells(plan, plan.signing, signing_pt, height_pt=_SIGNING_PT)
    texts = _in_order(plan, plan.declaration)
    first = signing_pt + _SIGNING_PT + 24 + _DECLARATION_LINE_PT * (len(texts) - 1)
    if len(texts) <= 2:
        first = signing_pt + _SIGNING_PT + 24
    if bottom < first + 14:
        raise SettingsError("the card's rows do not fit on the page: lower row_pitch_pt")
    return Layout(
        tuple(cells),
        tuple(signing),
        tuple(headings),
        _in_order(plan, plan.title),
        title,
        plan.subtitle,
        tuple((text, first - i * _DECLARATION_LINE_PT) for i, text in enumerate(texts)),
        tuple((note, notes_pt - i * _NOTE_LINE_PT) for i, note in enumerate(plan.notes)),
        plan.languages,
    )


def _in_order(plan: FormPlan, caption: Mapping[str, str]) -> Caption:
    """The caption in the plan's languages, without repeating a word that two share."""
    try:
        return tuple(dict.fromkeys(caption[language] for language in plan.languages))
    except KeyError as error:
        raise SettingsError(f"a caption of the card lacks its language {error}") from None


def _height_pt(plan: FormPlan, cell: CellPlan) -> float:
    single = 21.0 if plan.row_pitch_pt >= _WIDE_PITCH_PT else 17.0
    return single if cell.lines == 1 else cell.lines * _LINE_PT + 7.5


def _extra_height_pt(plan: FormPlan, row: tuple[CellPlan, ...]) -> float:
    """What a row with a field of several lines needs beyond the pitch."""
    tallest = max(_height_pt(plan, cell) for cell in row)
    single = _height_pt(plan, CellPlan({}, 1))
    return tallest - single + _MULTILINE_CAPTION_PT if tallest > single else 0


def _row_cells(
    plan: FormPlan,
    row: tuple[CellPlan, ...],
    bottom_pt: float,
    size_pt: float | None = None,
    height_pt: float | None = None,
) -> list[Cell]:
    if row and sum(cell.span for cell in row) > COLUMNS:
        raise SettingsError("a row of the card spans more than twelve columns")
    column = (PAGE_WIDTH_PT - 2 * MARGIN_PT - (COLUMNS - 1) * plan.gutter_pt) / COLUMNS
    size = size_pt or (11.0 if plan.row_pitch_pt >= _WIDE_PITCH_PT else 10.0)
    cells = []
    first = 0
    for cell in row:
        cells.append(
            Cell(
                cell.name,
                _in_order(plan, cell.caption),
                left_pt=MARGIN_PT + first * (column + plan.gutter_pt),
                bottom_pt=bottom_pt,
                width_pt=cell.span * column + (cell.span - 1) * plan.gutter_pt,
                height_pt=height_pt or _height_pt(plan, cell),
                size_pt=size,
                multiline=cell.lines > 1,
            )
        )
        first += cell.span
    return cells
