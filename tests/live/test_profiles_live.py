"""Profiles with the real engine: sizes change in mid-call, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.settings import PipelineSettings
from examples.client import CaptureClient
from examples.scene_track import SceneTrack
from models.training.specimen_scene import Phases, SpecimenScene
from pipeline.engine import Engine
from tests.conftest import Serve


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(PipelineSettings())
    yield made
    made.close()


async def test_a_passport_is_tracked_small_and_taken_large(serve: Serve, engine: Engine) -> None:
    server = await serve(engine)
    scene = SpecimenScene(phases=Phases(empty=0.4, moving_in=0.2, held=60))
    client = CaptureClient(server.url, SceneTrack(scene))
    await client.open()
    corners: dict[int, list[list[float]]] = {}
    profiles: list[str] = []
    faults: set[str] = set()
    async for message in client.messages():
        match message["type"]:
            case "profile":
                profiles.append(message["name"])
            case "overlay" if message["detected"]:
                corners.setdefault(message["frame"]["width"], message["corners"])
            case "guidance":
                faults.add(message["code"])
            case "capture":
                glyph_px = message["quality"]["glyph_height_px"]
            case "result":
                break
    assert profiles[:2] == ["tracking", "capture"]
    assert message["status"] == "complete"
    assert message["fields"]["document_number"]["value"] == "L898902C3"
    assert glyph_px > 12, "the zone was read in 720p, not in 360p"
    assert not faults & {"MOVE_CLOSER", "BLURRED"}, "a preview is not the guest's fault"
    assert corners.keys() == {640, 1280}
    await client.close()


async def test_the_outline_stays_when_the_size_changes(serve: Serve, engine: Engine) -> None:
    """The document rests; what is told of its corners is the same at both sizes."""
    server = await serve(engine)
    scene = SpecimenScene(phases=Phases(empty=0.05, moving_in=0.05, held=60))
    client = CaptureClient(server.url, SceneTrack(scene))
    await client.open()
    truth = scene.quad_px(60)
    assert truth is not None
    seen: set[int] = set()
    count = 0
    while seen != {640, 1280} or count < 30:
        overlay = await client.wait_for("overlay", timeout_s=20, detected=True)
        seen.add(overlay["frame"]["width"])
        count += 1
        if count <= 6:
            continue  # it has just come to rest, and the shown outline with it
        for (x, y), (true_x, true_y) in zip(overlay["corners"], truth.tolist(), strict=True):
            # 2 % of the frame covers the tremor of the hand and the detector's own error.
            assert abs(x - true_x / 1280) < 0.02 and abs(y - true_y / 720) < 0.03
    await client.close()
