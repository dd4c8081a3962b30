"""Signs are negatives: drawn whole, put into the picture, never counted as documents."""

from __future__ import annotations

import numpy as np
import pytest

from models.training.scenes import FacePool
from models.training.signs import sign, stand


@pytest.mark.parametrize("seed", range(40))
def test_a_sign_has_a_front_with_something_on_it(seed: int) -> None:
    front = sign(np.random.default_rng(seed))
    assert front.dtype == np.uint8
    assert max(front.shape[:2]) == 300
    solid = front[..., 3] == 255
    assert solid.mean() > 0.8, "rounded corners take little of a sign"
    assert front[..., :3][solid].std() > 3


def test_standing_signs_change_the_picture_and_stay_within_it() -> None:
    for seed in range(20):
        canvas = np.full((200, 200, 3), 90, np.uint8)
        stand(canvas, np.random.default_rng(seed))
        assert canvas.shape == (200, 200, 3)
        assert (canvas != 90).any(2).mean() > 0.01


def test_pools_of_faces_do_not_overlap() -> None:
    pool = FacePool(0, 900)
    assert pool.part(0).first == 0
    assert pool.part(3).first == 2700
    assert pool.part(1000).first + pool.count < 1_000_000, "validation begins there"
