"""Specimens and the scene they are shown in."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import ModelNotFound
from models.training import mrz_glyphs, specimen
from models.training.mrz_lines import DEFAULT_FIELDS, SpecimenFields, compose_lines, mrz_name
from models.training.specimen import PAGE_SIZES, draw_specimen
from models.training.specimen_scene import (
    SPECIMEN_PAGE,
    Phases,
    SpecimenScene,
    specimen_page,
    write_y4m,
)
from pipeline.mrz.check_digits import ALPHABET
from pipeline.mrz.formats import LAYOUTS
from pipeline.types import MrtdFormat

SMALL = (320, 180)
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mrtd_format", list(MrtdFormat))
def test_true_sizes(mrtd_format: MrtdFormat) -> None:
    drawn = draw_specimen(mrtd_format, width_px=600)
    size, layout = PAGE_SIZES[mrtd_format], LAYOUTS[mrtd_format]
    height, width = drawn.bgr.shape[:2]
    assert drawn.bgr.dtype == np.uint8
    assert width == 600
    assert height == round(600 * size.height_mm / size.width_mm)
    assert drawn.px_per_mm == pytest.approx(600 / size.width_mm)
    assert [len(line) for line in drawn.lines] == [layout.line_length] * layout.line_count
    left, top = drawn.mrz_quad_px[0]
    right, bottom = drawn.mrz_quad_px[2]
    assert 0 < left < right < width
    assert height - 23.2 * drawn.px_per_mm < top < bottom < height
    pitch_mm = (right - left) / drawn.px_per_mm / layout.line_length
    assert pitch_mm == pytest.approx(2.54, rel=0.03)


def test_print_is_inside_the_quad_only() -> None:
    drawn = draw_specimen(MrtdFormat.TD3, width_px=800)
    dark = drawn.bgr.max(axis=2) < 90
    (left, top), (right, bottom) = drawn.mrz_quad_px[0], drawn.mrz_quad_px[2]
    inside = dark[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
    assert inside.mean() > 0.05
    below = dark[int(800 * (88 - 22.5) / 125) :].copy()
    assert inside.sum() == below.sum()


def test_the_same_fields_give_the_same_pixels() -> None:
    first, second = (draw_specimen(MrtdFormat.TD1, width_px=500) for _ in range(2))
    assert np.array_equal(first.bgr, second.bgr)


def test_default_is_the_published_example() -> None:
    assert draw_specimen(width_px=300).lines == (
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    )


@pytest.mark.parametrize(
    ("primary", "secondary", "zone"),
    [
        ("VAN DER MUELLEN", "MARIE-ROSE", "VAN<DER<MUELLEN<<MARIE<ROSE<<<<"),
        ("D'ARTAGNAN", "", "DARTAGNAN<<<<<<<<<<<<<<<<<<<<<<"),
        ("NILAVADHANANANDA", "CHAYAPA DEJTHAMRONG", "NILAVADHANANANDA<<CHAYAPA<DEJTH"),
    ],
)
def test_names_in_the_zone(primary: str, secondary: str, zone: str) -> None:
    fields = SpecimenFields(primary_identifier=primary, secondary_identifier=secondary)
    assert mrz_name(fields, 31) == zone


def test_a_field_too_long_is_named() -> None:
    fields = replace(DEFAULT_FIELDS[MrtdFormat.TD3], optional_data="X" * 15)
    with pytest.raises(ValueError, match="optional_data"):
        compose_lines(MrtdFormat.TD3, fields)


def test_missing_fonts_name_their_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    specimen._font.cache_clear()
    monkeypatch.setattr(specimen, "_OCR_B", tmp_path / "OCRB.otf")
    with pytest.raises(ModelNotFound, match="fonts-ocr-b"):
        draw_specimen(width_px=200)
    monkeypatch.setattr(specimen, "_DEJAVU", tmp_path)
    with pytest.raises(ModelNotFound, match="fonts-dejavu-core"):
        draw_specimen(width_px=200)
    monkeypatch.setattr(mrz_glyphs, "_FONTS", tmp_path)
    with pytest.raises(ModelNotFound, match="fonts-ocr-b"):
        mrz_glyphs.draw_glyphs()


def test_the_shipped_glyphs_are_what_the_command_draws() -> None:
    drawn = mrz_glyphs.draw_glyphs()
    with np.load(ROOT / "models" / "mrz" / "glyphs.npz") as file:
        shipped = file["glyphs"]
    assert shipped.shape == drawn.shape == (3, len(ALPHABET), 112, 80)
    assert np.abs(shipped.astype(int) - drawn.astype(int)).mean() < 1


def test_the_command_draws_the_page_that_is_shown(tmp_path: Path) -> None:
    out = tmp_path / "drawn" / "passport.png"
    command = [sys.executable, "-m", "models.training.specimen", str(out)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=60)
    drawn = cv2.imread(str(out), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert drawn.shape == specimen_page().shape == (704, 1000, 3)
    assert np.abs(drawn.astype(int) - specimen_page()).mean() < 3
    assert SPECIMEN_PAGE.stat().st_size < 400_000


def test_phases_of_the_scene() -> None:
    scene = SpecimenScene(SMALL, fps=10, phases=Phases(1, 1, 2, 1, 1))
    assert scene.frame_count == 60
    visible = [scene.quad_px(index) is not None for index in range(scene.frame_count)]
    assert not any(visible[:10])
    assert all(visible[14:44])
    assert not any(visible[50:])
    assert scene.frame(5).quad_px is None


def test_held_document_trembles_but_stays() -> None:
    scene = SpecimenScene((1280, 720), phases=Phases(0, 0, 4, 0, 0))
    quads = [scene.quad_px(index) for index in range(96)]
    held = np.stack([quad for quad in quads if quad is not None])
    assert len(held) == 96
    stray = np.linalg.norm(held - held.mean(axis=0), axis=2)
    assert 0.3 < stray.max() < 6
    width = np.linalg.norm(held[:, 1] - held[:, 0], axis=1).mean()
    assert width == pytest.approx(0.72 * 1280, rel=0.06)
    assert held.min() > 0
    assert held[..., 0].max() < 1280
    assert held[..., 1].max() < 720


def test_the_quad_is_where_the_page_is() -> None:
    """A page with one bright quarter at its own top-left, upright and upside down."""
    page = np.full((176, 250, 3), 20, np.uint8)
    page[:88, :125] = 250
    for upside_down in (False, True):
        scene = SpecimenScene(
            (640, 360), page=page, phases=Phases(0, 0, 2, 0, 0), upside_down=upside_down
        )
        shown = scene.frame(20)
        assert shown.quad_px is not None
        centre = shown.quad_px.mean(axis=0)
        levels = [
            float(shown.bgr[round(float(y)), round(float(x))].mean())
            for x, y in centre + 0.4 * (shown.quad_px - centre)
        ]
        assert levels[0] > 180
        assert max(levels[1:]) < 70


def test_frames_are_the_same_each_time_and_differ_by_seed() -> None:
    first, again, other = (SpecimenScene(SMALL, seed=seed).frame(60).bgr for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (180, 320, 3)
    assert first.dtype == np.uint8


def test_an_empty_scene() -> None:
    scene = SpecimenScene(SMALL, no_document=True)
    assert all(scene.quad_px(index) is None for index in range(scene.frame_count))
    assert scene.frame(60).bgr.std() > 5


def test_y4m(tmp_path: Path) -> None:
    path = tmp_path / "scene.y4m"
    scene = SpecimenScene(SMALL, fps=12)
    write_y4m(path, scene, seconds=0.25)
    header, rest = path.read_bytes().split(b"\n", 1)
    assert header == b"YUV4MPEG2 W320 H180 F12000:1000 Ip A1:1 C420"
    frames = rest.split(b"FRAME\n")[1:]
    assert [len(frame) for frame in frames] == [320 * 180 * 3 // 2] * 3
    planes = np.frombuffer(frames[0], np.uint8).reshape(270, 320)
    decoded = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
    assert np.abs(decoded.astype(int) - scene.frame(0).bgr).mean() < 4


def test_the_scene_needs_no_font_and_loads_fast() -> None:
    """It plays in the demo and the benchmarks, on machines without fonts."""
    code = (
        "import sys; import models.training.specimen_scene as scene;"
        "assert not {'PIL', 'torch', 'tesserocr'} & set(sys.modules);"
        "scene.SpecimenScene((320, 180)).frame(70)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)
