"""What the frames of a video tell together that the best of them does not tell alone."""

from __future__ import annotations

import time

import pytest

from benchmarks import mrz_video
from core.settings import MrzSettings
from pipeline.mrz.reader import MrzReader

SCENES = range(4)
"""A card, a TD2, a passport and a visa."""
FRAMES, KBITS, WIDTH_PX = 3, 100, 368
"""So small and coarse that single frames are misread."""


def test_frames_of_a_coded_video_read_better_together_than_the_best_of_them() -> None:
    reader = MrzReader(MrzSettings(deadline_ms=60_000), clock=time.process_time)
    alone, fused = [], []
    for seed in SCENES:
        taken = mrz_video.take(seed, FRAMES, WIDTH_PX)
        seen = mrz_video.pages(taken, KBITS)
        assert len(seen) == FRAMES
        wrong = list(mrz_video.by_frames(reader, taken.drawn, seen))
        alone.append(wrong[0])
        fused.append(wrong[-1])
    assert sum(alone) > 0, "the scenes are too easy to tell anything"
    assert sum(fused) < sum(alone)


def test_a_reading_that_is_not_there_is_all_wrong() -> None:
    taken = mrz_video.take(0, 1, 320)
    assert mrz_video.errors(None, taken.drawn) == sum(len(line) for line in taken.drawn.lines)


@pytest.mark.parametrize("kbits", [100, 1000])
def test_every_frame_comes_back_from_the_codec(kbits: int) -> None:
    taken = mrz_video.take(1, 1, 320)
    frames = [frame.bgr for frame in taken.shown]
    received = mrz_video.coded(frames, kbits)
    assert [frame.shape for frame in received] == [frame.shape for frame in frames]
