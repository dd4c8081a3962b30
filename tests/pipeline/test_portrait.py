"""The portrait by the layout of the page, on composed specimens."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from core.settings import PipelineSettings, VisualSettings
from models.training.mrz_lines import DEFAULT_FIELDS
from models.training.specimen import CARD_PORTRAIT_MM, draw_card_front, draw_specimen
from pipeline.document import failed_document
from pipeline.engine import Engine, Parts
from pipeline.portrait import _BOXES_MM, front_portrait_of, portrait_of
from pipeline.rectify import rectify
from pipeline.types import Detection, ImageU8, MrtdFormat
from pipeline.visual.look import print_of
from pipeline.visual.place import PX_PER_MM
from pipeline.visual.words import Print
from tests.pipeline.posed import ScriptedDetector, as_frame, webcam_view
from tests.pipeline.test_engine import RecordingCards, ScriptedZones
from tests.pipeline.test_visual_zone import QUALITY, capture, photographed, reader, zone

DRAWN_MM = {
    MrtdFormat.TD3: (6.0, 16.8, 6.0 + 44.0 * 35 / 45, 16.8 + 44.0),
    MrtdFormat.TD2: (6.0, 16.8, 6.0 + 32.3 * 35 / 45, 16.8 + 32.3),
}
"""Where `models/training/specimen.py` draws the portrait: left, top, right and lower edge."""


def page(mrtd_format: MrtdFormat, *, turned: bool = False) -> ImageU8:
    return photographed(mrtd_format, DEFAULT_FIELDS[mrtd_format], turned=turned)


@pytest.mark.parametrize("mrtd_format", [MrtdFormat.TD3, MrtdFormat.TD2])
def test_the_box_covers_the_drawn_portrait(mrtd_format: MrtdFormat) -> None:
    box, drawn = _BOXES_MM[mrtd_format], DRAWN_MM[mrtd_format]
    width = min(box[2], drawn[2]) - max(box[0], drawn[0])
    height = min(box[3], drawn[3]) - max(box[1], drawn[1])
    assert width * height >= 0.9 * (drawn[2] - drawn[0]) * (drawn[3] - drawn[1])


@pytest.mark.parametrize("mrtd_format", [MrtdFormat.TD3, MrtdFormat.TD2])
@pytest.mark.parametrize("turned", [False, True], ids=["upright", "upside down"])
def test_the_crop_holds_the_portrait_upright(mrtd_format: MrtdFormat, turned: bool) -> None:
    found = portrait_of([page(mrtd_format, turned=turned)], mrtd_format)
    assert found is not None
    box, drawn = _BOXES_MM[mrtd_format], DRAWN_MM[mrtd_format]
    wanted = draw_specimen(mrtd_format, DEFAULT_FIELDS[mrtd_format], 1500)
    scale = wanted.px_per_mm
    left, top, right, foot = (round(edge * scale) for edge in drawn)
    portrait = Image.fromarray(wanted.bgr[top:foot, left:right])
    size = (round((drawn[2] - drawn[0]) * PX_PER_MM), round((drawn[3] - drawn[1]) * PX_PER_MM))
    x, y = (round((drawn[i] - box[i]) * PX_PER_MM) for i in (0, 1))
    crop = found[y : y + size[1], x : x + size[0]]
    assert crop.shape[:2] == (size[1], size[0]), "the whole portrait lies within the crop"
    drawn_px = np.asarray(portrait.resize(size), np.float64).ravel()
    assert np.corrcoef(drawn_px, np.asarray(crop, np.float64).ravel())[0, 1] > 0.95


def test_a_page_without_its_zone_and_other_formats_give_none() -> None:
    assert portrait_of([np.full((900, 1500, 3), 128, np.uint8)], MrtdFormat.TD3) is None
    assert portrait_of([page(MrtdFormat.TD1)], MrtdFormat.TD1) is None
    assert portrait_of([], MrtdFormat.TD3) is None


def card_front(*, turned: bool, size: tuple[int, int] = (1920, 1080)) -> ImageU8:
    """A card's front as the camera shows it and the burst develops it."""
    view, quad_px = webcam_view(draw_card_front(width_px=1500), size, share=0.6, turn_deg=-4)
    quad_px = np.roll(quad_px, 2, axis=0) if turned else quad_px
    return rectify(as_frame(view), Detection(quad_px, 0.9), 1500).bgr


def print_on(page: ImageU8) -> Print:
    seen = print_of(capture(page), failed_document("d1", QUALITY), reader(), 20_000)
    assert seen is not None
    return seen


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720)], ids=["1080p", "720p"])
@pytest.mark.parametrize("turned", [False, True], ids=["upright", "upside down"])
def test_a_card_gives_it_from_its_front_whichever_way_up(
    turned: bool, size: tuple[int, int]
) -> None:
    page = card_front(turned=turned, size=size)
    seen = print_on(page)
    assert seen.turned is turned
    found = front_portrait_of(page, seen)
    assert found is not None
    assert found.shape == (430, 340, 3)
    left, top, width, height = CARD_PORTRAIT_MM
    drawn = draw_card_front(width_px=1500)
    scale = 1500 / 85.6
    wanted = drawn[
        round(top * scale) : round((top + height) * scale),
        round(left * scale) : round((left + width) * scale),
    ]
    place = slice(round((top - 9) * 10), None), slice(round((left - 2) * 10), None)
    crop = found[place][: round(height * 10), : round(width * 10)]
    small = Image.fromarray(wanted).resize((crop.shape[1], crop.shape[0]))
    alike = np.corrcoef(np.asarray(small, np.float64).ravel(), crop.astype(np.float64).ravel())
    assert alike[0, 1] > 0.95


def test_a_front_without_legible_print_and_another_shape_give_none() -> None:
    page = card_front(turned=False)
    blank = Print((), lambda box: ("", 0.0))
    assert front_portrait_of(page, blank) is None, "nobody knows which way up it is"
    seen = print_on(page)
    assert front_portrait_of(page[:, :900], seen) is None


def test_the_engine_gives_a_front_s_portrait_where_the_settings_ask_for_it() -> None:
    page = card_front(turned=True)
    seen, front = print_on(page), failed_document("d1", QUALITY)
    document = zone(DEFAULT_FIELDS[MrtdFormat.TD3])
    assert document.mrz is not None
    parts = Parts(ScriptedDetector(), ScriptedZones(document.mrz), RecordingCards())
    assert Engine(PipelineSettings(), parts).portrait(capture(page), front, seen) is None
    engine = Engine(PipelineSettings(visual=VisualSettings(portrait=True)), parts)
    jpeg = engine.portrait(capture(page), front, seen)
    assert jpeg is not None
    assert Image.open(io.BytesIO(jpeg)).size == (340, 430)
    assert engine.portrait(capture(page), front, None) is None
    back = zone(DEFAULT_FIELDS[MrtdFormat.TD1], MrtdFormat.TD1)
    assert engine.portrait(capture(page_of_back()), back, None) is None


def page_of_back() -> ImageU8:
    return page(MrtdFormat.TD1)


def test_the_portrait_is_given_only_where_the_settings_ask_for_it() -> None:
    document = zone(DEFAULT_FIELDS[MrtdFormat.TD3])
    assert document.mrz is not None
    parts = Parts(ScriptedDetector(), ScriptedZones(document.mrz), RecordingCards())
    shown = capture(page(MrtdFormat.TD3))
    assert Engine(PipelineSettings(), parts).portrait(shown, document, None) is None
    asked = PipelineSettings(visual=VisualSettings(portrait=True))
    jpeg = Engine(asked, parts).portrait(shown, document, None)
    assert jpeg is not None
    assert Image.open(io.BytesIO(jpeg)).size == (410, 508)
