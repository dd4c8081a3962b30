"""Lines at their places on a page, and the content-stream operators that print them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, IndirectObject, NameObject

from pipeline.card.font import CardFont, encode
from pipeline.card.fonts import ShelfFont, Subset
from pipeline.card.glyphs import LEADING, FittedText
from pipeline.card.shaping import Run, Shaper
from pipeline.card.widgets import Quadding, Widget

INSET_PT = 1.0
_OWN_FONT = "/CardValue"
_SHELF_FONT = "/CardShelf"
_FIRST_LINE_DROP = 0.98
"""From the top of a field down to its first baseline, in font sizes: room for stacked marks."""


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """Runs of one line; the origin is that of the page's user space."""

    left_pt: float
    baseline_pt: float
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class PlacedText:
    """A widget's text, ready to be printed."""

    widget: Widget
    size_pt: float
    lines: tuple[PlacedLine, ...]


def place(widget: Widget, fitted: FittedText, shaper: Shaper, cap_height: float) -> PlacedText:
    """The text in the widget's rectangle; ``cap_height`` is a share of the font size."""
    baseline = _first_baseline_pt(widget, fitted, cap_height)
    lines = []
    for line in fitted.lines:
        spare = widget.width_pt - 2 * INSET_PT - shaper.width_pt(line, fitted.size_pt)
        shift = {Quadding.LEFT: 0.0, Quadding.CENTRE: spare / 2, Quadding.RIGHT: spare}
        left = widget.left_pt + INSET_PT + shift[widget.quadding]
        lines.append(PlacedLine(left, baseline, shaper.runs(line)))
        baseline -= LEADING * fitted.size_pt
    return PlacedText(widget, fitted.size_pt, tuple(lines))


def _first_baseline_pt(widget: Widget, fitted: FittedText, cap_height: float) -> float:
    if widget.from_top:
        return widget.bottom_pt + widget.height_pt - _FIRST_LINE_DROP * fitted.size_pt
    middle = widget.bottom_pt + widget.height_pt / 2
    if len(fitted.lines) == 1:
        # One baseline for a whole row, whatever had to be set smaller.
        return middle - cap_height * widget.size_pt / 2
    block = (len(fitted.lines) - 1) * LEADING - cap_height
    return middle + block * fitted.size_pt / 2


class Inks:
    """The fonts of one card, embedded with just the glyphs that its texts need."""

    def __init__(self, writer: PdfWriter, own: CardFont, texts: Iterable[PlacedText]) -> None:
        runs = [run for text in texts for line in text.lines for run in line.runs]
        own_text = "".join(run.text for run in runs if run.font is None)
        self._references: dict[str, IndirectObject] = {}
        self._shelf: dict[ShelfFont, tuple[str, Subset]] = {}
        if own_text:
            self._references[_OWN_FONT] = own.embed_subset(writer, own_text)
        for number, (font, glyphs) in enumerate(_glyph_texts(runs).items()):
            name = f"{_SHELF_FONT}{number}"
            self._shelf[font] = (name, font.embed(writer, glyphs))
            self._references[name] = self._shelf[font][1].reference

    def resources(self) -> DictionaryObject:
        """The /Font resources that the operators name."""
        return DictionaryObject(
            {NameObject(name): reference for name, reference in self._references.items()}
        )

    def operators(self, text: PlacedText, origin: tuple[float, float] = (0, 0)) -> bytes:
        """Content-stream operators that print ``text``, relative to ``origin`` in points."""
        out = []
        for line in text.lines:
            left, baseline = line.left_pt - origin[0], line.baseline_pt - origin[1]
            for run in line.runs:
                out.append(self._run(run, text.widget.colour, text.size_pt, left, baseline))
                left += run.width * text.size_pt / 1000
        return b"\n".join(out)

    def _run(self, run: Run, colour: str, size: float, left: float, baseline: float) -> bytes:
        if run.font is None:
            font = f"{colour} {_OWN_FONT} {size:g} Tf".encode("ascii")
            shown = b"1 0 0 1 %.2f %.2f Tm %s Tj" % (left, baseline, encode(run.text))
            return b"\n".join([b"BT", font, shown, b"ET"])
        name, subset = self._shelf[run.font]
        lines = [b"BT", f"{colour} {name} {size:g} Tf".encode("ascii")]
        for glyph in run.glyphs:
            x, y = left + glyph.right * size / 1000, baseline + glyph.up * size / 1000
            lines.append(b"1 0 0 1 %.2f %.2f Tm <%04X> Tj" % (x, y, subset.glyphs[glyph.number]))
            left += glyph.advance * size / 1000
        lines.append(b"ET")
        if not run.from_right:
            # Readers turn text from right to left around by themselves, replacements too.
            told = run.text.encode("utf-16-be").hex().encode("ascii")
            lines = [b"/Span << /ActualText <FEFF%s> >> BDC" % told, *lines, b"EMC"]
        return b"\n".join(lines)


def _glyph_texts(runs: Iterable[Run]) -> Mapping[ShelfFont, dict[int, str]]:
    """For each font, the glyphs used and the text that each stands for."""
    found: dict[ShelfFont, dict[int, str]] = {}
    for run in runs:
        if run.font is not None:
            glyphs = found.setdefault(run.font, {})
            for glyph in run.glyphs:
                glyphs[glyph.number] = glyphs.get(glyph.number) or glyph.text
    return found
