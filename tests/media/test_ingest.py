"""Pictures of the decoder as frames: nothing set up for each, nothing kept with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest

from media.ingest import colour_source, to_frame
from pipeline.types import ImageU8


def drawn(width: int, height: int, seed: int = 1) -> av.VideoFrame:
    """A decoder's picture of soft shapes: scalers may differ at hard edges."""
    noise = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    rows, columns = np.arange(height) * 6 // height, np.arange(width) * 8 // width
    bgr = np.ascontiguousarray(noise[rows][:, columns])
    return av.VideoFrame.from_ndarray(bgr, format="bgr24").reformat(format="yuv420p")


def native_threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def own_conversion(picture: av.VideoFrame, width_px: int) -> ImageU8:
    """By the picture's own scaler, as PyAV offers it."""
    height_px = round(picture.height * width_px / picture.width)
    method = "FAST_BILINEAR" if width_px != picture.width else None
    own = picture.reformat(width=width_px, height=height_px, format="bgr24", interpolation=method)
    return np.asarray(own.to_ndarray(), np.uint8)


@pytest.mark.parametrize("width_px", [640, 320, 224])
def test_colour_is_what_the_pictures_own_scaler_gives(width_px: int) -> None:
    picture = drawn(640, 360)
    ours = colour_source(picture)(width_px)
    assert ours.shape == (round(360 * width_px / 640), width_px, 3)
    theirs = own_conversion(picture, width_px).astype(int)
    assert np.abs(ours.astype(int) - theirs).max() <= 2


def test_the_whole_picture_without_a_width() -> None:
    picture = drawn(640, 360)
    whole = colour_source(picture)(None)
    assert whole.shape == (360, 640, 3)
    assert np.abs(whole.astype(int) - picture.to_ndarray(format="bgr24").astype(int)).max() <= 2


def test_no_thread_is_made_for_a_picture() -> None:
    frames = [to_frame(drawn(1280, 720, seed), seed, None) for seed in range(8)]
    before = native_threads()
    kept = [(frame, frame.bgr(440), frame.bgr()) for frame in frames]
    # Their own scalers would have made as many as there are processors, for each that is kept.
    assert native_threads() == before
    assert len(kept) == 8


def test_threads_do_not_share_a_scaler() -> None:
    pictures = [drawn(1280, 720, seed) for seed in range(24)]
    sizes = [None, 440, 640]
    expected = [colour_source(picture)(sizes[n % 3]) for n, picture in enumerate(pictures)]
    with ThreadPoolExecutor(4) as threads:
        found = list(
            threads.map(
                lambda each: colour_source(each[1])(sizes[each[0] % 3]), enumerate(pictures)
            )
        )
    for ours, theirs in zip(found, expected, strict=True):
        assert np.array_equal(ours, theirs)
