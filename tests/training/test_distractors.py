"""What lies beside a document, or in its place, and the pictures that scenes are laid on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training import distractors
from models.training.backgrounds import Assets, background
from models.training.bound import ajar, folded, thick
from models.training.face import Face
from models.training.fetch_assets import _is_scenery
from models.training.printed_matter import _figures, book, cheque

WOOD = np.random.default_rng(1).integers(60, 200, (300, 300, 3)).astype(np.uint8)


def drawn_over(image: np.ndarray, value: tuple[int, int, int], share: float) -> np.ndarray:
    """The picture with one colour over that share of it."""
    changed = image.copy()
    changed[: int(image.shape[0] * share)] = value
    return changed


def test_a_surface_is_taken_as_background() -> None:
    assert _is_scenery(Path("pack/textures/wood.jpg"), WOOD)


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("pack/textures/stk_generic_Book_a.jpg", WOOD),
        ("pack/karts/tux/wood.jpg", WOOD),
        ("pack/textures/wood.jpg", drawn_over(WOOD, (255, 255, 255), 0.3)),
        ("pack/textures/wood.jpg", (WOOD // 40 + np.array([225, 126, 126])).astype(np.uint8)),
    ],
    ids=["a sheet by its name", "parts of a model", "a drawing", "a map of normals"],
)
def test_what_is_no_surface_is_left_out(name: str, image: np.ndarray) -> None:
    assert not _is_scenery(Path(name), image)


def test_only_what_lies_on_tables_is_turned_freely() -> None:
    """A sign or plate that lies turned on a table could as well be a document."""
    kinds = {lying for _patch, lying in (distractors._patch(seed) for seed in range(40))}
    assert kinds == {True, False}
    patch = np.full((60, 200, 4), 255, np.uint8)
    for lying, freely in ((True, True), (False, False)):
        turns = []
        for seed in range(60):
            canvas = np.zeros((320, 320, 3), np.uint8)
            distractors._place(canvas, np.random.default_rng(seed), patch, 0.6, lying)
            if not (canvas[[0, -1]].any() or canvas[:, [0, -1]].any()) and canvas.any():
                points = cv2.findNonZero(np.ascontiguousarray(canvas[..., 0]))
                vx, vy, _x, _y = cv2.fitLine(points, cv2.DIST_L2, 0, 0.01, 0.01).ravel()
                turns.append(abs(np.degrees(np.arctan2(vy, vx))) % 180)
        steep = [turn for turn in turns if 35 < turn < 145]
        assert len(turns) > 15
        assert bool(steep) is freely


@pytest.mark.parametrize("bind", [ajar, thick])
@pytest.mark.parametrize("seed", range(12))
def test_pages_look_out_beside_a_cover_that_keeps_its_outline(
    seed: int, bind: Callable[[np.random.Generator, Face], Face]
) -> None:
    rng = np.random.default_rng(seed)
    closed = book(rng, ())
    opened = bind(rng, closed)
    sides = [np.linalg.norm(f.outline_px[1] - f.outline_px[0]) for f in (closed, opened)]
    assert sides[0] == pytest.approx(sides[1])
    h, w = opened.bgra.shape[:2]
    assert (opened.outline_px >= 0).all()
    assert (opened.outline_px <= (w, h)).all()
    assert (opened.bgra[..., 3] > 0).sum() >= (closed.bgra[..., 3] > 0).sum()


def test_a_folded_sheet_is_lit_differently_beside_its_crease_but_hardly_as_a_whole() -> None:
    sheet = np.zeros((300, 200, 4), np.uint8)
    lights = [folded(np.random.default_rng(seed), sheet) for seed in range(60)]
    assert all(light.shape == (300, 200) for light in lights)
    assert np.mean([float(light.mean()) for light in lights]) == pytest.approx(1, abs=0.05)
    assert sum(float(np.ptp(light)) > 0.05 for light in lights) > 30
    assert all(float(light.min()) > 0.3 and float(light.max()) < 2 for light in lights)


def test_of_some_cheques_the_foot_stays_white() -> None:
    bare = 0
    for seed in range(40):
        paper = cheque(np.random.default_rng(seed), ()).bgra[..., :3]
        last = paper[-2:].reshape(-1, 3)
        bare += bool((np.ptp(last, axis=0) == 0).all() and last.min() > 190)
    assert 10 < bare < 30


def test_figures_stand_on_the_paper_itself() -> None:
    for seed in range(20):
        paper = np.full((400, 280, 3), 240, np.uint8)
        _figures(np.random.default_rng(seed), paper)
        changed = (paper != 240).any(2)
        assert 0.01 < changed.mean() < 0.6
        assert changed.any(0).mean() > 0.4, "from side to side"
        assert not changed[:, 0].all(), "paper goes on around them"


def test_outdoors_a_photograph_is_likelier() -> None:
    photograph = np.zeros((400, 400, 3), np.uint8)
    photograph[..., 2] = 200
    assets = Assets(photographs=(photograph,))
    red = []
    for outdoors in (False, True):
        drawn = [
            background(np.random.default_rng(seed), assets, 64, outdoors) for seed in range(120)
        ]
        red.append(
            sum(bool((image[..., 2] > 2 * image[..., 0] + 40).mean() > 0.7) for image in drawn)
        )
    assert red[1] > 1.5 * red[0]
