"""While no document is in view, every other frame is decoded, of a stream in layers."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.films import FilmTrack, Shape, read_film, write_film
from core.metrics import Metrics
from core.settings import MediaSettings
from examples.client import CaptureClient
from media.lanes import Spots
from media.layers import ALL_LAYERS
from media.looks import Looks
from media.profiles import ProfileChooser
from media.punctuality import FrameClock
from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine
from tests.pipeline.posed import as_frame

SMALL = Shape(320, 180, 24, 200)
LEFT_OUT = "lobbylens_frames_thinned_total"


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    path = tmp_path_factory.mktemp("films") / "layers"
    write_film(path, SMALL, "VP8", "empty")
    return read_film(path)


class Guest:
    """A peer that sends the film, in layers or without them, and hears of each frame looked at."""

    def __init__(self, server: RunningServer, coded: list[bytes], layered: bool = True) -> None:
        film = FilmTrack(coded, SMALL.fps)
        self.client = CaptureClient(server.url, film, codec="VP8")
        if layered:
            film.heeds(self.client.pc.getSenders()[0])
        self._last: int | None = None

    async def step(self) -> int:
        """By how many frames the next overlay is further on than the last."""
        index: int = (await self.client.wait_for("overlay"))["frame"]["index"]
        before, self._last = self._last, index
        return 0 if before is None else index - before

    async def goes_on_by(self, step: int, times: int = 6) -> None:
        """Wait until overlays come each ``step`` frames, ``times`` in a row."""
        row = 0
        async with asyncio.timeout(10):
            while row < times:
                row = row + 1 if await self.step() == step else 0


async def test_at_rest_every_other_frame_is_decoded(serve: Serve, coded: list[bytes]) -> None:
    engine = FakeEngine(sees_document=False)
    server = await serve(engine)
    guest = Guest(server, coded)
    await guest.client.open()
    await guest.goes_on_by(1)
    assert server.metric(LEFT_OUT) == 0
    engine.resting = True
    await guest.goes_on_by(2)
    assert server.metric(LEFT_OUT) >= 6
    engine.resting = False
    await guest.goes_on_by(1)
    await guest.client.close()


async def test_without_layers_nothing_is_left_out(serve: Serve, coded: list[bytes]) -> None:
    engine = FakeEngine(sees_document=False)
    engine.resting = True
    server = await serve(engine)
    guest = Guest(server, coded, layered=False)
    await guest.client.open()
    await guest.goes_on_by(1, times=12)
    assert server.metric(LEFT_OUT) == 0
    await guest.client.close()


@pytest.mark.parametrize(
    ("resting", "allowed", "unthinned", "under_load", "layers"),
    [
        (False, True, False, ALL_LAYERS, ALL_LAYERS),
        (True, True, False, ALL_LAYERS, 2),
        (True, False, False, ALL_LAYERS, ALL_LAYERS),
        (True, True, True, ALL_LAYERS, ALL_LAYERS),
        (True, True, False, 1, 1),
        (True, False, False, 1, 1),
    ],
)
async def test_how_many_layers(
    lane: ThreadPoolExecutor,
    resting: bool,
    allowed: bool,
    unthinned: bool,
    under_load: int,
    layers: int,
) -> None:
    engine = FakeEngine(sees_document=False)
    engine.resting = resting
    around: Any = SimpleNamespace(
        metrics=Metrics(),
        frames=lane,
        on_the_spot=Spots(),
        settings=MediaSettings(rest=allowed),
        load=SimpleNamespace(analyse_every=1, layers=under_load),
    )
    looks = Looks(
        around,
        engine.live_reader(),
        ProfileChooser(MediaSettings(), 0.0),
        unthinned=lambda: unthinned,
        report=lambda seen, received_ms: None,
    )
    assert looks.layers() == (ALL_LAYERS if unthinned else under_load), "nothing seen so far"
    await looks.look(as_frame(np.zeros((90, 160, 3), np.uint8), 0, 0.0))
    assert looks.layers() == layers
    looks.begin_anew(FrameClock())
    assert looks.layers() == (ALL_LAYERS if unthinned else under_load), "another scene"
