"""Print that is not whole: half a letter left by wear or a smear is no letter for sure."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.errors import MrzNotFound
from core.settings import MrzSettings
from models.training.mrz_lines import DEFAULT_FIELDS, SpecimenFields, compose_lines
from models.training.specimen import PAGE_SIZES, Specimen, draw_specimen
from pipeline.document import BEYOND_DOUBT, is_complete, is_sure
from pipeline.mrz.glyphs import CellMatch
from pipeline.mrz.reader import MrzReader
from pipeline.mrz.strips import STRIP_HEIGHT_PX, LineStrip, faded
from pipeline.types import CheckResult, ImageU8, MrtdFormat
from tests.pipeline.test_mrz_lookalikes import page

FIELDS = SpecimenFields("P", "UTO", "RITARIKER", "INGRID", "L898902C3", "UTO", sex="F")
PLACES = [
    place for place in range(5, 14) if compose_lines(MrtdFormat.TD3, FIELDS)[0][place] in "RI"
]
"""Where an R or an I stands in the surname: of half of them a P or a T is left."""
SHARP_PX, SOFT_PX = 0.8, 2.2


@pytest.fixture(scope="module")
def reader() -> MrzReader:
    return MrzReader(MrzSettings(deadline_ms=60_000))


@pytest.fixture(scope="module")
def drawn() -> Specimen:
    return draw_specimen(MrtdFormat.TD3, FIELDS, width_px=1200)


def row_px(drawn: Specimen, line: int) -> tuple[int, int]:
    """Rows of the page from the upper to the lower end of a line's capitals."""
    size = PAGE_SIZES[drawn.format]
    foot_mm = size.height_mm - size.first_baseline_mm + 6.35 * line
    return round((foot_mm - 2.5) * drawn.px_per_mm), round(foot_mm * drawn.px_per_mm)


def paled(drawn: Specimen, place: int, soft_px: float) -> ImageU8:
    """The page with the foot of one character of its first line almost gone."""
    left_mm = PAGE_SIZES[drawn.format].mrz_left_mm + place * 2.54
    left, right = round(left_mm * drawn.px_per_mm), round((left_mm + 2.54) * drawn.px_per_mm)
    top, foot = row_px(drawn, 0)
    bgr = drawn.bgr.copy()
    part = bgr[(top + foot) // 2 : foot + 3, left:right].astype(np.float32)
    paper = np.percentile(part.reshape(-1, 3), 90, axis=0)
    bgr[(top + foot) // 2 : foot + 3, left:right] = 0.2 * part + 0.8 * paper
    return np.asarray(cv2.GaussianBlur(bgr, (0, 0), soft_px), np.uint8)


@pytest.mark.parametrize("soft_px", [SHARP_PX, SOFT_PX])
@pytest.mark.parametrize("place", PLACES)
def test_half_a_letter_is_in_doubt(
    reader: MrzReader, drawn: Specimen, place: int, soft_px: float
) -> None:
    read = reader.read([paled(drawn, place, soft_px)])
    assert read.confidences[0][place] < BEYOND_DOUBT
    assert not is_sure(read)
    others = [c for at, c in enumerate(read.confidences[0]) if abs(at - place) > 2]
    assert min(others) >= BEYOND_DOUBT, "only what has paled is in doubt"


@pytest.mark.parametrize(
    "soft_px",
    [0.5, *(pytest.param(px, marks=pytest.mark.thorough) for px in (1.5, 2.5)), 3.2],
)
@pytest.mark.parametrize("mrtd_format", list(MrtdFormat))
def test_soft_print_is_whole(reader: MrzReader, mrtd_format: MrtdFormat, soft_px: float) -> None:
    """No letter that has less ink in one half than in the other is taken for half of one."""
    whole = draw_specimen(mrtd_format, width_px=1200)
    read = reader.read([np.asarray(cv2.GaussianBlur(whole.bgr, (0, 0), soft_px), np.uint8)])
    assert read.lines == whole.lines
    assert is_sure(read)


def test_a_cell_is_faded_where_one_half_is() -> None:
    ink = np.zeros((STRIP_HEIGHT_PX, 240), np.float32)
    ink[10:30, 18:222:20] = 1
    ink[10:30, 19:222:20] = 1
    ink[20:30, 70:90] *= 0.3
    ink[10:20, 150:170] *= 0.3
    ink[:, 190:210] = 0
    strip = LineStrip(ink, np.arange(20, 230, 20, dtype=np.float32))
    assert faded(strip).tolist() == [place in (3, 7) for place in range(11)]
    assert not faded(LineStrip(ink * 0.4, strip.centres_px))[[0, 1, 2]].any(), "pale all over"


def test_a_cell_is_marred_beside_better_ones() -> None:
    likeness = np.full((30, 37), 0.1, np.float32)
    likeness[:, 5] = np.linspace(0.95, 0.6, 30)
    nothing = np.zeros(30, np.int64)
    assert not CellMatch(likeness, nothing, nothing, 0).marred.any(), "worse towards one end"
    likeness[11, 5] -= 0.3
    assert CellMatch(likeness, nothing, nothing, 0).marred.nonzero()[0].tolist() == [11]
    assert CellMatch(likeness[:1], nothing[:1], nothing[:1], 0).marred.tolist() == [False]


@pytest.mark.parametrize("tone", [40, pytest.param(230, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("mrtd_format", list(MrtdFormat))
def test_a_zone_with_a_covered_line_is_never_sure(
    reader: MrzReader, mrtd_format: MrtdFormat, tone: int
) -> None:
    whole = draw_specimen(mrtd_format, width_px=1200)
    for line in range(len(whole.lines)):
        top, foot = row_px(whole, line)
        bgr = whole.bgr.copy()
        bgr[top - 6 : foot + 8] = tone
        try:
            read = reader.read([bgr])
        except MrzNotFound:
            continue
        assert not is_sure(read)
        if any(check.value == "fail" for check in read.check_digits.values()):
            continue
        assert read.lines[:line] + read.lines[line + 1 :] == (
            whole.lines[:line] + whole.lines[line + 1 :]
        ), "only where no check digit covers the line do all of them pass"


@pytest.mark.parametrize(
    "lines",
    [
        ("<" * 44, "<" * 44),
        ("<" * 30,) * 3,
        ("P" + "<" * 43, "<" * 44),
        ("I" + "<" * 35, "<" * 36),
        ("V<UTOERIKSSON<<ANNA<MARIA".ljust(44, "<"), "<" * 44),
    ],
)
def test_rows_of_fillers_are_no_zone(reader: MrzReader, lines: tuple[str, ...]) -> None:
    with pytest.raises(MrzNotFound):
        reader.read([page(lines)])


def test_only_empty_optional_data_may_have_a_filler_for_its_check_digit(
    reader: MrzReader,
) -> None:
    """A passport whose dates are covered has no date of birth that a check digit proves."""
    upper, lower = compose_lines(MrtdFormat.TD3, DEFAULT_FIELDS[MrtdFormat.TD3])
    read = reader.read([page((upper, lower[:13] + "<" * 15 + lower[28:]))])
    assert read.check_digits["document_number"] is CheckResult.PASS
    assert read.check_digits["date_of_birth"] is CheckResult.FAIL
    assert read.check_digits["date_of_expiry"] is CheckResult.FAIL
    assert not is_complete(read)
