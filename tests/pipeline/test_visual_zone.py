"""Composed specimen pages whose print is read by Tesseract and compared with their zone."""

from __future__ import annotations

import datetime
import functools
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tesserocr

from core.errors import ModelNotFound
from core.settings import MrzSettings, PipelineSettings, VisualSettings
from models.training.mrz_lines import DEFAULT_FIELDS, SpecimenFields, compose_lines
from models.training.specimen import PAGE_SIZES, draw_specimen
from pipeline.document import failed_document, read_document
from pipeline.engine import Engine, Parts, load_parts
from pipeline.mrz.parse import parse_lines
from pipeline.rectify import rectify
from pipeline.types import (
    Capture,
    CheckResult,
    Detection,
    Document,
    FieldStatus,
    ImageU8,
    MrtdFormat,
    Quality,
    Trigger,
)
from pipeline.visual.compare import corroborated
from pipeline.visual.look import print_of
from pipeline.visual.place import PX_PER_MM, both_ways, upright
from pipeline.visual.words import PrintReader, load_print_reader
from tests.pipeline.posed import as_frame, webcam_view

TODAY = datetime.date(2026, 11, 21)
QUALITY = Quality(80, 50, 60, 20, 2, 0, 16, 81.5)
FIELDS = SpecimenFields()


@functools.cache
def reader() -> PrintReader:
    return PrintReader(MrzSettings().tessdata, "eng")


def capture(page: ImageU8) -> Capture:
    return Capture("d1", (page,), QUALITY, Trigger.AUTO)


def zone(fields: SpecimenFields, mrtd_format: MrtdFormat = MrtdFormat.TD3) -> Document:
    return read_document("d1", parse_lines(compose_lines(mrtd_format, fields)), QUALITY, TODAY)


def compared(document: Document, page: ImageU8) -> Document:
    seen = print_of(capture(page), document, reader(), 20_000)
    return document if seen is None else corroborated(document, [seen], TODAY)


def photographed(mrtd_format: MrtdFormat, fields: SpecimenFields, *, turned: bool) -> ImageU8:
    """A page as the camera shows it and the burst develops it."""
    drawn = draw_specimen(mrtd_format, fields, 1500).bgr
    view, quad_px = webcam_view(drawn, (1920, 1080), share=0.65, turn_deg=-4)
    quad_px = np.roll(quad_px, 2, axis=0) if turned else quad_px
    return rectify(as_frame(view), Detection(quad_px, 0.9), 1500).bgr


@pytest.mark.parametrize("turned", [False, True], ids=["upright", "upside down"])
def test_a_true_page_corroborates_what_no_check_digit_covers(turned: bool) -> None:
    after = compared(zone(FIELDS), photographed(MrtdFormat.TD3, FIELDS, turned=turned))
    for name in ("primary_identifier", "secondary_identifier", "nationality", "issuing_state"):
        assert after.fields[name].status is FieldStatus.CORROBORATED, name
    assert after.fields["date_of_birth"].status is FieldStatus.CHECKSUM
    assert after.fields["date_of_birth"].printed == "12 AUG 74"
    assert after.checks["mrz_viz_match"] is CheckResult.PASS


def test_a_zone_of_another_person_is_a_conflict_on_a_sharp_page() -> None:
    other = replace(FIELDS, document_number="XK4417723", date_of_expiry="311129")
    after = compared(zone(other), draw_specimen(MrtdFormat.TD3, FIELDS, 1500).bgr)
    number = after.fields["document_number"]
    assert (number.status, number.value, number.printed) == (
        FieldStatus.CONFLICT,
        "XK4417723",
        "L898902C3",
    )
    assert after.fields["date_of_expiry"].status is FieldStatus.CONFLICT
    assert after.fields["primary_identifier"].status is FieldStatus.CORROBORATED
    assert after.checks["mrz_viz_match"] is CheckResult.FAIL


def test_the_library_below_keeps_its_complaints_to_itself(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It wrote to the server's standard error, past the log."""
    PrintReader(MrzSettings().tessdata, "eng")
    tessdata = str(MrzSettings().tessdata)
    with tesserocr.PyTessBaseAPI(path=tessdata) as api, pytest.raises(OSError, match="none"):
        api.SetImageFile(str(tmp_path / "none.png"))
    assert capfd.readouterr().err == ""


def test_a_page_that_cannot_be_read_changes_nothing() -> None:
    page = draw_specimen(MrtdFormat.TD3, FIELDS, 1500).bgr.copy()
    page[: round(0.72 * page.shape[0])] = 200
    before = zone(FIELDS)
    assert compared(before, page) is before
    desk = np.full((900, 1500, 3), 128, np.uint8)
    assert print_of(capture(desk), before, reader(), 5000) is None


def test_the_front_of_a_card_agrees_with_the_zone_on_its_back() -> None:
    # The drawing of a TD2 page, in the shape of the smaller card, stands for a front of TD1.
    fields = replace(DEFAULT_FIELDS[MrtdFormat.TD1], secondary_identifier="Anna Maria")
    drawn = draw_specimen(MrtdFormat.TD2, fields, 1500)
    height = round((PAGE_SIZES[MrtdFormat.TD2].height_mm - 23.2) * drawn.px_per_mm)
    front = cv2.resize(drawn.bgr[:height], (1456, 918), interpolation=cv2.INTER_AREA)
    front = cv2.copyMakeBorder(front, 22, 22, 22, 22, cv2.BORDER_REPLICATE)
    back = zone(fields, MrtdFormat.TD1)
    for page in (front, front[::-1, ::-1]):
        failed = failed_document("d1", QUALITY)
        seen = print_of(capture(np.asarray(page, np.uint8)), failed, reader(), 20_000)
        assert seen is not None
        after = corroborated(back, [seen], TODAY)
        assert after.fields["primary_identifier"].status is FieldStatus.CORROBORATED
        assert after.fields["secondary_identifier"].status is FieldStatus.CORROBORATED


@pytest.mark.parametrize("mrtd_format", list(MrtdFormat))
@pytest.mark.parametrize("turned", [False, True], ids=["upright", "upside down"])
def test_a_page_is_laid_upright_to_scale(mrtd_format: MrtdFormat, turned: bool) -> None:
    fields = DEFAULT_FIELDS[mrtd_format]
    page = upright(photographed(mrtd_format, fields, turned=turned), mrtd_format)
    assert page is not None
    height, width = page.shape[:2]
    size = PAGE_SIZES[mrtd_format]
    assert abs(width - size.width_mm * PX_PER_MM) <= 1
    assert abs(height - size.height_mm * PX_PER_MM) <= 1
    drawn = cv2.resize(draw_specimen(mrtd_format, fields, 1500).bgr, (width, height))
    planes = [np.asarray(image[:, :, 1], np.float32) for image in (drawn, page)]
    (dx, dy), response = cv2.phaseCorrelate(*planes)
    assert response > 0.4
    assert max(abs(dx), abs(dy)) < 1.5


def test_a_picture_of_another_shape_is_no_card() -> None:
    assert both_ways(np.zeros((1080, 1920, 3), np.uint8), MrtdFormat.TD1) == ()


def test_the_deadline_ends_a_reading() -> None:
    page = draw_specimen(MrtdFormat.TD3, FIELDS, 1500).bgr
    whole = print_of(capture(page), zone(FIELDS), reader(), 20_000)
    short = print_of(capture(page), zone(FIELDS), reader(), 1)
    assert whole is not None and short is not None
    assert len(short.words) < len(whole.words)


def test_an_upload_comes_back_compared_and_a_switch_turns_it_off() -> None:
    parts = load_parts(PipelineSettings())
    bgr, _ = webcam_view(draw_specimen(MrtdFormat.TD3, FIELDS, 1500).bgr, (1920, 1080), share=0.65)
    document = Engine(PipelineSettings(), parts, today=lambda: TODAY).read_image(bgr)
    assert document.fields["primary_identifier"].status is FieldStatus.CORROBORATED
    without = Parts(parts.detector, parts.zones, parts.cards)
    engine = Engine(PipelineSettings(), without, today=lambda: TODAY)
    assert engine.read_image(bgr).fields["primary_identifier"].status is FieldStatus.READ
    assert "prints" not in engine.models
    off = PipelineSettings(visual=VisualSettings(enabled=False))
    assert load_print_reader(off) is None


def test_language_data_that_were_named_and_are_missing_are_an_error(tmp_path: Path) -> None:
    empty = PipelineSettings(mrz=MrzSettings(tessdata=tmp_path))
    assert load_print_reader(empty) is None
    named = PipelineSettings(visual=VisualSettings(language="tlh"))
    with pytest.raises(ModelNotFound, match="tlh"):
        load_print_reader(named)
