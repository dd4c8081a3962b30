"""The parts of training that need no torch: composing, batches, scoring.

The parts that do are run by `make train-smoke`.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.settings import DetectSettings
from models.training import documents, fetch_assets
from models.training.backgrounds import Assets, background, load_assets, part_of
from models.training.batches import make_batch, padded, to_frame, to_padded
from models.training.dataset import finished, read_shard, write_shard
from models.training.evaluate_corners import composed, measure, pictured, report
from models.training.placing import area, image_order, pose
from models.training.scenes import FRAME_PX, FacePool, compose
from pipeline.detect import CornerDetector
from pipeline.weights import Weights

FACES = FacePool(7_000_000, 10)


@pytest.mark.parametrize("seed", range(24))
def test_faces_have_their_outline_on_the_drawing(seed: int) -> None:
    face = documents.draw_face(seed)
    h, w = face.bgra.shape[:2]
    assert face.bgra.dtype == np.uint8
    assert face.bgra.shape[2] == 4
    assert (face.outline_px >= 0).all()
    assert (face.outline_px <= (w, h)).all()
    assert area(face.outline_px) > 0.3 * w * h
    assert 50 < face.width_mm < 320


def test_a_seed_composes_the_same_scene_again() -> None:
    first, second = (compose(11, Assets(), FACES) for _ in range(2))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.quad, second.quad)


def test_scenes_keep_their_promises() -> None:
    scenes = [compose(seed, Assets(), FACES) for seed in range(80)]
    shown = [scene for scene in scenes if scene.present]
    assert 0.45 < len(shown) / len(scenes) < 0.8
    assert any((scene.quad < 0).any() or (scene.quad > 1).any() for scene in shown)
    for scene in scenes:
        assert scene.image.shape == (FRAME_PX, FRAME_PX, 3)
        assert scene.present == (scene.kind >= 0)
        assert not scene.present or area(scene.quad) > 0.02


def test_image_order_begins_at_the_images_top_left() -> None:
    upright = np.array([[0.2, 0.3], [0.8, 0.3], [0.8, 0.7], [0.2, 0.7]], np.float32)
    for places in range(4):
        rolled, back = image_order(np.roll(upright, places, axis=0))
        assert np.array_equal(rolled, upright)
        assert back == places


def test_poses_stay_inside_unless_cut() -> None:
    rng = np.random.default_rng(2)
    for _ in range(40):
        whole, cut = pose(rng, 125, 88, 16 / 9, False), pose(rng, 125, 88, 16 / 9, True)
        assert whole is not None
        assert (whole >= -1e-5).all()
        assert (whole <= 1 + 1e-5).all()
        assert cut is None or ((cut < 0) | (cut > 1)).any()


def test_padding_and_back() -> None:
    quad = np.array([[-0.05, 0.0], [1.0, 0.1], [0.9, 1.05], [0.1, 0.9]], np.float32)
    assert np.allclose(to_frame(to_padded(quad)), quad, atol=1e-6)
    square = padded(np.full((FRAME_PX, FRAME_PX, 3), 255, np.uint8), 256)
    assert square[0, 0, 0] == 127
    assert square[128, 128, 0] == 255


def test_varied_batches_move_picture_and_corners_together() -> None:
    """A white sheet on black: the corners must enclose the white, however it was varied."""
    image = np.zeros((FRAME_PX, FRAME_PX, 3), np.uint8)
    quad = np.array([[0.25, 0.3], [0.7, 0.35], [0.65, 0.75], [0.3, 0.7]], np.float32)
    cv2.fillPoly(image, [np.round(quad * FRAME_PX).astype(np.int32)], (255, 255, 255))
    scene = compose(0, Assets(), FACES)
    sheet = type(scene)(image, quad, True, 2, True)
    batch = make_batch([sheet] * 24, 128, np.random.default_rng(1))
    for place in range(24):
        lit = batch.pictures[place].mean(0)
        grid = batch.mask[place] > 0.5
        small = cv2.resize(lit, (32, 32), interpolation=cv2.INTER_AREA)
        assert small[grid].mean() > small[~grid].max() * 0.5
        assert image_order(batch.quads[place])[1] == 0
    assert set(batch.turn.tolist()) >= {-1, 0}


def test_shards_round_trip(tmp_path: Path) -> None:
    write_shard(tmp_path, 3, 5, Assets(), FACES)
    assert list(finished(tmp_path)) == [3]
    shard = read_shard(tmp_path, 3)
    again = compose(3 * 2000 + 4, Assets(), FACES)
    assert np.array_equal(shard.scene(4).image, again.image)
    assert shard.scene(4).present == again.present


def test_pictures_and_cutouts_are_used_where_there_are_some(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, channels in (("photo-00000.jpg", 3), ("texture-00001.jpg", 3), ("cutout-0.png", 4)):
        cv2.imwrite(str(tmp_path / name), rng.integers(0, 256, (300, 320, channels), np.uint8))
    assets = load_assets(tmp_path)
    assert (len(assets.photographs), len(assets.textures), len(assets.cutouts)) == (1, 1, 1)
    assert background(rng, assets, 64).shape == (64, 64, 3)
    assert part_of(assets, True) == assets
    assert not part_of(assets, False).photographs
    assert compose(1, assets, FACES).image.any()


def test_patterns_of_gimp_are_read(tmp_path: Path) -> None:
    body = np.arange(80 * 70 * 3, dtype=np.uint32).astype(np.uint8).tobytes()
    header = b"".join(value.to_bytes(4, "big") for value in (24, 1, 80, 70, 3, 0))
    path = tmp_path / "weave.pat"
    path.write_bytes(header + body)
    found = dict(fetch_assets._pictures(tmp_path))
    assert found[path].shape == (512, 512, 3)


def test_scoring_composed_scenes_and_a_folder(tmp_path: Path) -> None:
    write_shard(tmp_path / "validation", 0, 10, Assets(), FACES)
    detector = CornerDetector.load(DetectSettings(), Weights())
    results = measure(detector, composed(tmp_path / "validation", tmp_path))
    assert len(results) == 10
    assert "false positives" in report(results)
    image = results[0].sample.image
    cv2.imwrite(str(tmp_path / "one.png"), image)
    corners = [[10, 10], [100, 10], [100, 80], [10, 80]]
    truth = [
        {"file": "one.png", "kind": "page", "corners": corners},
        {"file": "one.png", "kind": "partial_page", "corners": corners},
        {"file": "one.png", "kind": "negative", "corners": None},
    ]
    (tmp_path / "truth.json").write_text(json.dumps({"images": truth}), encoding="utf-8")
    samples = list(pictured(tmp_path))
    assert [sample.kind for sample in samples] == ["page", "negative"]
