"""The portrait by the layout of the page, on composed specimens."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from core.settings import PipelineSettings, VisualSettings
from models.training.mrz_lines import DEFAULT_FIELDS
from models.training.specimen import draw_specimen
from pipeline.engine import Engine, Parts
from pipeline.portrait import _BOXES_MM, portrait_of
from pipeline.types import ImageU8, MrtdFormat
from pipeline.visual.place import PX_PER_MM
from tests.pipeline.posed import ScriptedDetector
from tests.pipeline.test_engine import RecordingCards, ScriptedZones
from tests.pipeline.test_visual_zone import capture, photographed, zone

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


def test_the_portrait_is_given_only_where_the_settings_ask_for_it() -> None:
    document = zone(DEFAULT_FIELDS[MrtdFormat.TD3])
    assert document.mrz is not None
    parts = Parts(ScriptedDetector(), ScriptedZones(document.mrz), RecordingCards())
    shown = capture(page(MrtdFormat.TD3))
    assert Engine(PipelineSettings(), parts).portrait(shown, document) is None
    asked = PipelineSettings(visual=VisualSettings(portrait=True))
    jpeg = Engine(asked, parts).portrait(shown, document)
    assert jpeg is not None
    assert Image.open(io.BytesIO(jpeg)).size == (410, 508)
