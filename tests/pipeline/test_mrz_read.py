"""Drawn specimens, seen through a camera, read back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import ModelNotFound, MrzNotFound
from core.settings import MrzSettings
from models.training.mrz_lines import SpecimenFields
from models.training.specimen import Specimen, draw_specimen
from models.training.specimen_scene import Phases, SpecimenScene
from pipeline.mrz.glyphs import GlyphMatcher
from pipeline.mrz.grid import place
from pipeline.mrz.locate import find_bands
from pipeline.mrz.reader import MrzReader
from pipeline.mrz.recognize import text_of
from pipeline.mrz.tesseract import TesseractReader
from pipeline.types import CheckResult, ImageU8, MrtdFormat

HELD = Phases(0, 0, 9, 0, 0)
PAGE_WIDTH_PX = 1500
MODELS = Path(__file__).resolve().parents[2] / "models"

HARD = {
    MrtdFormat.TD3: SpecimenFields("PO", "D", "OBOIO SZ", "QUODO", "C01X00T47", "D", "001108", "<"),
    MrtdFormat.TD1: SpecimenFields("ID", "UTO", "VADIS", "QUO", "S0002O685", sex="M"),
    MrtdFormat.TD2: SpecimenFields("I", "XXA", "GCGC", "", "B8B8S5S5Z", optional_data="7T1I"),
    MrtdFormat.MRVA: SpecimenFields("VI", "USA", "TRAVELER", "HAPPY", "555123ABC", "GBR"),
    MrtdFormat.MRVB: SpecimenFields("V", "UTO", "KSKCXE", "K", "0O0QD5S", "XXX", optional_data=""),
}
"""Look-alikes, one-letter states, no given name."""


@pytest.fixture(scope="module")
def reader() -> MrzReader:
    return MrzReader(MrzSettings())


def seen(
    drawn: Specimen, seed: int, frames: Iterable[int] = (0,), share: float = 0.64, turn_deg: int = 0
) -> list[ImageU8]:
    """Rectified pages of a 720p scene: tremor, noise, softness, strong compression, and
    corners that are about 1% off."""
    rng = np.random.default_rng(seed)
    upside_down = turn_deg == 180
    scene = SpecimenScene(
        page=drawn.bgr, seed=seed, phases=HELD, scale=share, noise=4, upside_down=upside_down
    )
    pages = []
    for index in frames:
        shown = scene.frame(index)
        assert shown.quad_px is not None
        soft = cv2.GaussianBlur(shown.bgr, (0, 0), 0.9)
        coded = cv2.imencode(".jpg", soft, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
        received = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
        diagonal = float(np.linalg.norm(shown.quad_px[2] - shown.quad_px[0]))
        quad = shown.quad_px + rng.normal(0, 0.005 * diagonal, (4, 2))
        pages.append(rectified(received, np.roll(quad, turn_deg // 90, axis=0), drawn))
    return pages


def rectified(
    frame: ImageU8, quad: np.ndarray[tuple[int, ...], np.dtype[np.float64]], drawn: Specimen
) -> ImageU8:
    height = round(PAGE_WIDTH_PX * drawn.bgr.shape[0] / drawn.bgr.shape[1])
    target = np.array(
        [[0, 0], [PAGE_WIDTH_PX, 0], [PAGE_WIDTH_PX, height], [0, height]], np.float32
    )
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), target)
    flat = cv2.warpPerspective(
        frame, matrix, (PAGE_WIDTH_PX, height), borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(flat, np.uint8)


@pytest.mark.parametrize("mrtd_format", list(MrtdFormat))
def test_every_format_through_a_camera(reader: MrzReader, mrtd_format: MrtdFormat) -> None:
    for seed, fields in ((1, None), (2, HARD[mrtd_format])):
        drawn = draw_specimen(mrtd_format, fields, 1000)
        read = reader.read(seen(drawn, seed))
        assert read.lines == drawn.lines
        assert read.format is mrtd_format
        assert CheckResult.FAIL not in read.check_digits.values()
        assert [len(row) for row in read.confidences] == [len(line) for line in drawn.lines]
        assert all(0.2 < share <= 1 for row in read.confidences for share in row)


@pytest.mark.parametrize("mrtd_format", [MrtdFormat.TD3, MrtdFormat.TD1])
def test_upside_down(reader: MrzReader, mrtd_format: MrtdFormat) -> None:
    drawn = draw_specimen(mrtd_format, width_px=1000)
    [page] = seen(drawn, 3)
    assert (
        reader.read([np.asarray(cv2.rotate(page, cv2.ROTATE_180), np.uint8)]).lines == drawn.lines
    )


@pytest.mark.parametrize("turn", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE])
def test_on_its_side(reader: MrzReader, turn: int) -> None:
    drawn = draw_specimen(MrtdFormat.TD3, width_px=1000)
    [page] = seen(drawn, 4)
    assert reader.read([np.asarray(cv2.rotate(page, turn), np.uint8)]).lines == drawn.lines


def test_open_booklet(reader: MrzReader) -> None:
    """Both pages of a passport, the data page the lower one."""
    drawn = draw_specimen(MrtdFormat.TD3, width_px=1000)
    upper = np.full_like(drawn.bgr, 205)
    both = np.asarray(cv2.GaussianBlur(np.vstack([upper, drawn.bgr]), (0, 0), 1.2), np.uint8)
    assert reader.read([both]).lines == drawn.lines


def test_luma_alone_will_do(reader: MrzReader) -> None:
    drawn = draw_specimen(MrtdFormat.TD2, width_px=1000)
    grey = np.asarray(cv2.cvtColor(drawn.bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    assert reader.read([grey]).lines == drawn.lines


@pytest.mark.parametrize("tilt_deg", [-3.0, 2.5])
def test_tilted_page(reader: MrzReader, tilt_deg: float) -> None:
    drawn = draw_specimen(MrtdFormat.TD3, width_px=1200)
    height, width = drawn.bgr.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), tilt_deg, 0.93)
    page = cv2.warpAffine(drawn.bgr, matrix, (width, height), borderValue=(60, 80, 90))
    assert reader.read([np.asarray(page, np.uint8)]).lines == drawn.lines


def test_a_clear_page_needs_no_other(reader: MrzReader) -> None:
    drawn = draw_specimen(MrtdFormat.TD3, width_px=1000)
    assert reader.read([drawn.bgr] * 3).frames_fused == 1


def test_frames_are_fused_where_one_is_not_enough(reader: MrzReader) -> None:
    """Each page hides another part of the lines; together they show all."""
    drawn = draw_specimen(MrtdFormat.TD3, width_px=1200)
    pages = []
    for part in range(3):
        page = drawn.bgr.copy()
        left = 100 + part * 330
        page[-230:-80, left : left + 60] = cv2.GaussianBlur(
            page[-230:-80, left : left + 60], (0, 0), 7
        )
        pages.append(page)
    assert reader.read(pages[:1]).lines != drawn.lines
    read = reader.read(pages)
    assert read.lines == drawn.lines
    assert read.frames_fused == 2, "two pages hide different parts: the third is not needed"


def test_a_zone_with_wrong_check_digits_is_returned_as_printed(reader: MrzReader) -> None:
    """Another date of birth with the old check digit: nothing is rewritten to make it pass."""
    drawn = draw_specimen(MrtdFormat.TD3, width_px=1200)
    other = draw_specimen(
        MrtdFormat.TD3, SpecimenFields(date_of_birth="651225", sex="M"), width_px=1200
    )
    page = drawn.bgr.copy()
    px_per_mm = drawn.px_per_mm
    left, right = (round((6.6 + column * 2.54 - 0.2) * px_per_mm) for column in (13, 19))
    page[-110:-60, left:right] = other.bgr[-110:-60, left:right]
    read = reader.read([page])
    assert read.lines == (drawn.lines[0], drawn.lines[1][:13] + "651225" + drawn.lines[1][19:])
    assert read.corrections == ()
    assert read.check_digits["date_of_birth"] is CheckResult.FAIL
    assert read.check_digits["composite"] is CheckResult.FAIL
    assert read.check_digits["document_number"] is CheckResult.PASS


def text_page() -> ImageU8:
    page = np.full((1000, 1500, 3), 238, np.uint8)
    for row in range(24):
        text = f"the quick brown fox jumps over the lazy dog, row {row:02d} of many such rows"
        place = (60, 60 + 40 * row)
        cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.9, (40, 40, 40), 2, cv2.LINE_AA)
    return page


def typewriter_page() -> ImageU8:
    """Rows at a fixed pitch, with the zone's own typeface, that are no zone."""
    drawn = draw_specimen(MrtdFormat.TD3, width_px=1000)
    page = np.full((800, 1000, 3), 240, np.uint8)
    line = drawn.bgr[-150:-108]
    for row in range(12):
        page[40 + 60 * row : 82 + 60 * row] = line if row % 2 else line[:, ::-1]
    return page


def no_zone() -> ImageU8:
    page = draw_specimen(MrtdFormat.TD3, width_px=1500).bgr.copy()
    page[-300:] = page[-330]
    return page


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(text_page, id="text"),
        pytest.param(typewriter_page, id="typewriter"),
        pytest.param(no_zone, id="document without zone"),
        pytest.param(lambda: np.zeros((900, 1500, 3), np.uint8), id="black"),
        pytest.param(lambda: np.full((1, 1, 3), 255, np.uint8), id="one pixel"),
        pytest.param(lambda: np.full((16, 16), 90, np.uint8), id="tiny"),
        pytest.param(lambda: np.zeros((0, 0, 3), np.uint8), id="no pixel"),
        pytest.param(lambda: np.zeros((0, 40), np.uint8), id="no row"),
        pytest.param(
            lambda: np.random.default_rng(1).integers(0, 255, (900, 1400, 3)).astype(np.uint8),
            id="noise",
        ),
        pytest.param(lambda: SpecimenScene(no_document=True).frame(30).bgr, id="lobby"),
    ],
)
def test_no_zone(reader: MrzReader, page: Callable[[], ImageU8]) -> None:
    with pytest.raises(MrzNotFound):
        reader.read([page()])


def test_no_page(reader: MrzReader) -> None:
    with pytest.raises(MrzNotFound):
        reader.read([])


def test_the_deadline_ends_reading() -> None:
    """A clock that jumps past the deadline after the first page."""
    ticks = iter([0.0, *([10.0] * 20)])
    late = MrzReader(MrzSettings(), clock=lambda: next(ticks))
    drawn = draw_specimen(MrtdFormat.TD3, width_px=1000)
    blurred = np.asarray(cv2.GaussianBlur(drawn.bgr, (0, 0), 5), np.uint8)
    assert late.read([blurred, drawn.bgr], deadline_ms=2000).frames_fused == 1


def test_the_deadline_ends_the_search_where_there_is_no_zone() -> None:
    """Each look at the clock costs a second, so that few steps are left after it has run out."""
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return float(looks)

    hurried = MrzReader(MrzSettings(), clock=clock)
    with pytest.raises(MrzNotFound):
        hurried.read([typewriter_page()] * 3, deadline_ms=2500)
    within = looks
    looks = 0
    with pytest.raises(MrzNotFound):
        hurried.read([typewriter_page()], deadline_ms=60_000)
    assert within <= 8 < looks


def test_own_language_data_that_were_changed_are_refused(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "tessdata").mkdir(parents=True)
    shutil.copy(MODELS / "manifest.toml", models)
    (models / "tessdata" / "mrz.traineddata").write_bytes(b"another file")
    with pytest.raises(ModelNotFound, match="tessdata"):
        TesseractReader.load(MrzSettings(), models)


def test_missing_data_is_named(tmp_path: Path) -> None:
    glyphs_alone = tmp_path / "models"
    (glyphs_alone / "mrz").mkdir(parents=True)
    shutil.copy(MODELS / "mrz" / "glyphs.npz", glyphs_alone / "mrz")
    with pytest.raises(
        ModelNotFound, match=rf"in {tmp_path}: .*tesseract-ocr-eng, .* \(pipeline\.mrz\.tess"
    ):
        MrzReader(MrzSettings(tessdata=tmp_path), models=glyphs_alone)
    with pytest.raises(ModelNotFound, match="mrz_glyphs"):
        MrzReader(MrzSettings(), models=tmp_path)
    (tmp_path / "eng.traineddata").write_bytes(b"no language data")
    with pytest.raises(ModelNotFound, match="cannot use"):
        MrzReader(MrzSettings(tessdata=tmp_path), models=glyphs_alone)
    (tmp_path / "mrz").mkdir()
    (tmp_path / "mrz" / "glyphs.npz").write_bytes(b"no glyphs")
    with pytest.raises(ModelNotFound, match="damaged"):
        MrzReader(MrzSettings(), models=tmp_path)


def test_threads_may_share_a_reader(reader: MrzReader) -> None:
    drawn = [draw_specimen(mrtd_format, width_px=1000) for mrtd_format in MrtdFormat]
    blurred = [np.asarray(cv2.GaussianBlur(d.bgr, (0, 0), 2.5), np.uint8) for d in drawn]
    with ThreadPoolExecutor(3) as pool:
        reads = list(pool.map(lambda page: reader.read([page]), blurred))
    assert [read.lines for read in reads] == [specimen.lines for specimen in drawn]


def test_tesseract_offers_an_opinion(reader: MrzReader) -> None:
    """Fillers are not Tesseract's strength; letters and digits are mostly right and in place."""
    drawn = draw_specimen(MrtdFormat.TD3, width_px=1500)
    luma = np.asarray(cv2.cvtColor(drawn.bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    zone = place(luma, find_bands(luma)[0], GlyphMatcher(MODELS))
    assert zone is not None
    settings = MrzSettings()
    tesseract = TesseractReader(settings.tessdata, settings.language)
    for strip, line in zip(zone.strips, drawn.lines, strict=True):
        scores = tesseract.scores(strip)
        assert scores.shape == (44, 37)
        assert np.exp(scores).sum(axis=1) == pytest.approx(np.ones(44), abs=1e-4)
        read = text_of(scores)
        known = [at for at, character in enumerate(line) if character != "<"]
        right = sum(read[at] == line[at] for at in known)
        assert right >= 0.7 * len(known)
