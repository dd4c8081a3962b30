"""The filters: off means untouched, each does what it says, and the reader is given the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import cv2
import numpy as np
import pytest

from core.settings import EnhanceSettings, PipelineSettings, load_settings
from pipeline.engine import Engine, Parts
from pipeline.enhance import enhance
from pipeline.mrz.parse import parse_lines
from pipeline.types import Capture, ImageU8, MrzRead, Trigger
from tests.fakes import LINES, QUALITY
from tests.pipeline.posed import ScriptedDetector

RNG = np.random.default_rng(7)


def text_page(width: int = 900) -> ImageU8:
    page = np.full((width * 2 // 3, width, 3), 200, np.uint8)
    cv2.putText(page, "P<UTOERIKSSON<<ANNA", (40, 300), cv2.FONT_HERSHEY_PLAIN, 3, (60, 60, 60), 3)
    return page


def sharpness(page: ImageU8) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(page, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


def test_off_is_the_page_itself() -> None:
    page = text_page()
    assert enhance(page, EnhanceSettings()) is page
    assert not EnhanceSettings().active and not PipelineSettings().enhance.active


def test_upscaling_reaches_the_width_and_never_shrinks() -> None:
    wanted = EnhanceSettings(enable_upscaling=True, target_width=1800)
    assert enhance(text_page(900), wanted).shape == (1200, 1800, 3)
    wide = text_page(2100)
    assert enhance(wide, wanted) is wide
    tall = np.zeros((9000, 450, 3), np.uint8)
    assert enhance(tall, wanted) is tall, "no page grows beyond all bounds"


def test_sharpening_sharpens_by_its_amount() -> None:
    page = np.asarray(cv2.GaussianBlur(text_page(), (0, 0), 1.5), np.uint8)
    amounts = [sharpness(page)] + [
        sharpness(enhance(page, EnhanceSettings(enable_sharpening=True, sharpen_amount=amount)))
        for amount in (0.3, 1.0, 3.0)
    ]
    assert amounts == sorted(amounts) and amounts[-1] > 2 * amounts[0]


def test_local_contrast_is_raised_and_colours_stay() -> None:
    page = np.asarray(text_page() * 0.2 + 120, np.uint8)
    page[:, :, 0] += 20
    after = enhance(page, EnhanceSettings(enable_contrast=True, clahe_clip_limit=4))
    assert after.std() > page.std() and after.shape == page.shape
    tint = after[:, :, 0].astype(int) - after[:, :, 2]
    assert 5 < tint.mean() < 40


def test_noise_falls_and_print_stays() -> None:
    clean = text_page(450)
    noisy = np.clip(clean + RNG.normal(0, 8, clean.shape), 0, 255).astype(np.uint8)
    after = enhance(noisy, EnhanceSettings(enable_denoise=True, denoise_strength=12))
    blank = np.s_[:100]
    luma = [cv2.cvtColor(page, cv2.COLOR_BGR2GRAY) for page in (noisy, after)]
    assert luma[1][blank].std() < 0.4 * luma[0][blank].std()
    assert luma[1].min() < 100, "strokes are not smoothed away"


class Zones:
    """Notes the widths of the pages that it is given."""

    def __init__(self) -> None:
        self.widths: list[int] = []

    def read(self, pages: Sequence[ImageU8], deadline_ms: float) -> MrzRead:
        self.widths = [page.shape[1] for page in pages]
        return parse_lines(LINES)

    def hunt(self, pages: Sequence[ImageU8]) -> NoReturn:
        raise AssertionError("one capture is read at once")


class NoCards:
    """No card to choose from: none is asked for."""

    def get(self, name: str | None) -> NoReturn:
        raise AssertionError("no card is filled here")

    def form(self, name: str | None) -> NoReturn:
        raise AssertionError("no card is filled here")


@pytest.mark.parametrize(
    ("settings", "asked", "width"),
    [
        (EnhanceSettings(), None, 600),
        (EnhanceSettings(enable_upscaling=True, target_width=1000), None, 1000),
        (EnhanceSettings(), EnhanceSettings(enable_upscaling=True, target_width=1200), 1200),
        (EnhanceSettings(enable_upscaling=True), EnhanceSettings(), 600),
    ],
)
def test_a_capture_s_own_filters_outweigh_the_settings(
    settings: EnhanceSettings, asked: EnhanceSettings | None, width: int
) -> None:
    zones = Zones()
    parts = Parts(ScriptedDetector(None), zones, NoCards())
    engine = Engine(PipelineSettings(enhance=settings), parts)
    capture = Capture("c", (text_page(600),) * 2, QUALITY, Trigger.MANUAL)
    engine.read(replace(capture, enhance=asked))
    assert zones.widths == [width] * 2
    engine.close()


def test_filters_are_settings() -> None:
    arguments = ["--pipeline.enhance.enable-contrast"]
    assert load_settings(arguments).pipeline.enhance.active
