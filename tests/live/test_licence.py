"""A driving licence held to the camera, and sent as a file: read, reviewed, on a card."""

from __future__ import annotations

import io
from collections.abc import Iterator

import aiohttp
import numpy as np
import pytest
from pypdf import PdfReader

from core.settings import PipelineSettings
from examples.client import CaptureClient
from models.training.licence import ISSUER, licence_back, payload
from pipeline.engine import Engine
from pipeline.types import ImageU8
from tests.conftest import Serve
from tests.peer import DrawnTrack
from tests.pipeline.posed import webcam_view
from tests.signaling.pictures import jpeg

BARCODE = {
    "symbology": "PDF417",
    "standard": "AAMVA",
    "version": 10,
    "issuer": ISSUER,
    "document_type": "DL",
}


class LicenceTrack(DrawnTrack):
    """Shows the back of a licence, still, with a sensor's noise."""

    def __init__(self) -> None:
        super().__init__((1280, 720))
        self._view = webcam_view(licence_back(payload()), share=0.6, noise=0)[0].astype(np.int16)
        self._rng = np.random.default_rng(7)

    def draw(self, number: int) -> ImageU8:
        noise = self._rng.integers(-2, 3, self._view.shape, np.int16)
        return np.asarray((self._view + noise).clip(0, 255), np.uint8)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(PipelineSettings())
    yield made
    made.close()


async def test_a_licence_before_the_camera_ends_on_a_card(serve: Serve, engine: Engine) -> None:
    server = await serve(engine)
    client = CaptureClient(server.url, LicenceTrack())
    await client.open()
    result = await client.wait_for("result", timeout_s=60)
    assert (result["status"], result["document"]["format"]) == ("needs_review", "AAMVA")
    assert (result["barcode"], result["mrz"], result["sides"]) == (BARCODE, None, ["back"])
    told = {name: field["status"] for name, field in result["fields"].items()}
    assert told["primary_identifier"] == "read" and told["nationality"] == "missing"
    assert "checksum" not in told.values()
    read = {name: field["value"] for name, field in result["fields"].items() if field["value"]}
    assert result["flat"]["surname"] == "WAYFARER" and read["date_of_birth"] == "1974-08-12"
    fields = {**read, "nationality": "UTO"}
    client.send({"type": "confirm", "document_id": result["document_id"], "fields": fields})
    confirmed = await client.wait_for("confirmed")
    assert confirmed["edited"] == ["nationality"]
    text = PdfReader(io.BytesIO(await client.fetch(confirmed["card"]))).pages[0].extract_text()
    for wanted in ("WAYFARER", "D12345678", "12 HARBOUR LANE"):
        assert wanted in text
    await client.close()


async def test_a_file_of_a_licence_is_read(
    serve: Serve, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve(engine)
    picture = jpeg(webcam_view(licence_back(payload()), share=0.6)[0])
    head = {"Content-Type": "image/jpeg"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{server.url}/api/extract", data=picture, headers=head) as answer,
    ):
        told = await answer.json()
    assert answer.status == 200, told
    assert (told["status"], told["barcode"], told["mrz"]) == ("needs_review", BARCODE, None)
    assert told["data"]["surname"] == "WAYFARER" and told["data"]["sex"] == "F"
    assert told["data"]["address"] == "12 HARBOUR LANE, PORT EXAMPLE, UT 00001"
    for secret in ("WAYFARER", "D12345678", "HARBOUR"):
        assert secret not in caplog.text
