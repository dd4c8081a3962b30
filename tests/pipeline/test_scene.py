"""An empty desk is searched seldom; whatever comes in is seen at once."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.scene import StillScene
from pipeline.types import CaptureState, ImageU8
from tests.pipeline.guest import DESK, HELD, SHARP, Guest
from tests.pipeline.posed import as_frame


def noisy(bgr: ImageU8, seed: int, sigma: float = 4.0) -> ImageU8:
    noise = np.random.default_rng(seed).normal(0, sigma, bgr.shape)
    return np.clip(bgr + noise, 0, 255).astype(np.uint8)


def test_noise_is_no_change_and_half_a_second_is_the_longest() -> None:
    scene = StillScene()
    known = [scene.is_known(as_frame(noisy(DESK, n), n, 1000 + n * 83.0)) for n in range(14)]
    assert known == [False, *[True] * 6, False, *[True] * 6]


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (160, 90), (33, 21)])
def test_a_hand_at_the_edge_is_a_change(size: tuple[int, int]) -> None:
    width, height = size
    desk = np.full((height, width, 3), 90, np.uint8)
    scene = StillScene()
    assert not scene.is_known(as_frame(desk, 0, 0.0)) and scene.is_known(as_frame(desk, 1, 42.0))
    hand = desk.copy()
    hand[-height // 8 :, : width // 8] = 150
    assert not scene.is_known(as_frame(hand, 2, 84.0))
    assert scene.is_known(as_frame(hand, 3, 126.0))
    assert not scene.is_known(as_frame(desk, 4, 168.0)), "and so is one that goes"


def test_slow_changes_add_up() -> None:
    scene = StillScene()
    looked = [
        not scene.is_known(as_frame(np.full_like(DESK, 90 + n), n, n * 10.0)) for n in range(15)
    ]
    assert looked == [n in (0, 7, 14) for n in range(15)]


def test_the_same_desk_in_another_size_is_known_and_in_another_form_is_not() -> None:
    scene = StillScene()
    assert not scene.is_known(as_frame(DESK, 0, 0.0))
    assert scene.is_known(as_frame(np.full((720, 1280, 3), 90, np.uint8), 1, 10.0))
    assert not scene.is_known(as_frame(np.full((480, 640, 3), 90, np.uint8), 2, 20.0))


def test_an_empty_desk_is_searched_twice_a_second_and_a_document_at_once() -> None:
    guest = Guest()
    guest.away(24 * 3)
    assert guest.detector.calls == 72, "somebody has just left: every frame"
    guest.away(24 * 4)
    assert guest.detector.calls - 72 <= 9
    calls = guest.detector.calls
    seen = guest.show(3, HELD, SHARP)
    assert seen[0].detection is not None and seen[0].state is CaptureState.ALIGNING
    assert guest.detector.calls == calls + 3
    guest.away(24)
    assert guest.detector.calls == calls + 27


def test_a_reset_looks_again() -> None:
    guest = Guest()
    guest.away(24 * 4)
    calls = guest.detector.calls
    guest.live.reset()
    guest.away(3)
    assert guest.detector.calls == calls + 3


def test_a_second_without_a_document_is_rest_whatever_moves() -> None:
    guest = Guest()
    leaving = guest.away(24)
    assert not any(seen.resting for seen in leaving), "one was there a moment ago"
    assert all(seen.resting for seen in guest.away(24 * 4))
    hand = DESK.copy()
    hand[:60, :60] = 200
    calls = guest.detector.calls
    assert guest.show(1, None, hand)[0].resting and guest.away(1)[0].resting
    assert guest.detector.calls == calls + 2, "what moves is searched all the same"
    assert not guest.show(1, HELD, SHARP)[0].resting
    again = guest.away(25)
    assert not any(seen.resting for seen in again[:24]) and again[24].resting


def test_a_reset_is_no_rest() -> None:
    guest = Guest()
    assert guest.away(24 * 4)[-1].resting
    guest.live.reset()
    assert not guest.away(1)[0].resting


def test_nobody_knows_who_came_while_no_frame_did() -> None:
    guest = Guest()
    assert guest.away(24 * 4)[-1].resting
    guest.index += 24
    assert guest.away(1)[0].resting, "a second without a frame is no news"
    guest.index += 24 * 2
    calls = guest.detector.calls
    assert not any(seen.resting for seen in guest.away(24))
    assert guest.detector.calls == calls + 24
