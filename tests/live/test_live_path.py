"""The whole path without a browser: a real peer plays the specimen scene to the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from io import BytesIO

import pytest
from pypdf import PdfReader

from core.settings import PipelineSettings
from examples.client import CaptureClient
from examples.scene_track import SceneTrack
from models.training.specimen_scene import Phases, SpecimenScene
from pipeline.engine import Engine
from tests.conftest import Serve

SPECIMEN = {
    "primary_identifier": "ERIKSSON",
    "secondary_identifier": "ANNA MARIA",
    "document_number": "L898902C3",
    "nationality": "UTO",
    "date_of_birth": "1974-08-12",
    "sex": "F",
    "date_of_expiry": "2012-04-15",
}
PHASES = Phases(empty=0.5, moving_in=1.0, held=60)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(PipelineSettings())
    yield made
    made.close()


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_a_passport_is_read_and_a_card_comes_out(
    serve: Serve, engine: Engine, codec: str
) -> None:
    server = await serve(engine)
    client = CaptureClient(server.url, SceneTrack(SpecimenScene(phases=PHASES)), codec=codec)
    await client.open()
    capture = await client.wait_for("capture", timeout_s=40)
    result = await client.wait_for("result", timeout_s=20)
    read = {name: result["fields"][name]["value"] for name in SPECIMEN}
    assert (capture["trigger"], result["status"], read) == ("auto", "complete", SPECIMEN)
    assert result["fields"]["primary_identifier"]["status"] == "read"
    assert result["fields"]["document_number"]["status"] == "checksum"
    assert result["checks"]["expiry"] == "fail", "expired in 2012: told, not refused"
    client.send(
        {
            "type": "confirm",
            "document_id": result["document_id"],
            "fields": {**read, "address": "Łódź, ul. Żółta 1"},
        }
    )
    confirmed = await client.wait_for("confirmed")
    text = PdfReader(BytesIO(await client.fetch(confirmed["card"]))).pages[0].extract_text()
    for wanted in ("ERIKSSON", "ANNA MARIA", "L898902C3", "Łódź, ul. Żółta 1"):
        assert wanted in text
    await client.close()


async def test_an_upside_down_passport_is_read(serve: Serve, engine: Engine) -> None:
    server = await serve(engine)
    scene = SpecimenScene(phases=PHASES, upside_down=True)
    client = CaptureClient(server.url, SceneTrack(scene))
    await client.open()
    result = await client.wait_for("result", timeout_s=50)
    assert {name: result["fields"][name]["value"] for name in SPECIMEN} == SPECIMEN
    await client.close()


async def test_an_empty_desk_is_no_document(serve: Serve, engine: Engine) -> None:
    server = await serve(engine)
    client = CaptureClient(server.url, SceneTrack(SpecimenScene(no_document=True)))
    await client.open()
    guidance = await client.wait_for("guidance")
    assert guidance["code"] == "NO_DOCUMENT" and guidance["text"]
    overlays = [await client.wait_for("overlay") for _ in range(40)]
    assert not any(overlay["detected"] for overlay in overlays)
    await client.close()


async def test_the_outline_is_where_the_document_is(serve: Serve, engine: Engine) -> None:
    server = await serve(engine)
    scene = SpecimenScene(phases=PHASES)
    client = CaptureClient(server.url, SceneTrack(scene))
    await client.open()
    await client.wait_for("capture", timeout_s=40)
    truth = scene.quad_px(60)
    assert truth is not None
    overlay = await client.wait_for("overlay", detected=True)
    for (x, y), (true_x, true_y) in zip(overlay["corners"], truth.tolist(), strict=True):
        # 2 % of the frame covers the tremor of the hand and the detector's own error.
        assert abs(x - true_x / 1280) < 0.02 and abs(y - true_y / 720) < 0.03
    await client.close()


async def test_the_manual_shutter_reads_too(serve: Serve, engine: Engine) -> None:
    server = await serve(engine)
    client = CaptureClient(server.url, SceneTrack(SpecimenScene(phases=PHASES)))
    await client.open()
    await client.wait_for("ready")
    client.send({"type": "configure", "stable_required": 60})
    await client.wait_for("overlay", timeout_s=20, detected=True)
    await asyncio.sleep(1.5)
    client.send({"type": "capture"})
    assert (await client.wait_for("capture", timeout_s=20))["trigger"] == "manual"
    result = await client.wait_for("result", timeout_s=20)
    assert result["fields"]["document_number"]["value"] == "L898902C3"
    await client.close()
