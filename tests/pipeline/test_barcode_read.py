"""Symbols drawn, posed before a camera and read; and what is not to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp

from core.errors import BarcodeFormatError, BarcodeNotFound, MrzNotFound
from core.settings import PipelineSettings
from media.reports import result
from models.training.licence import licence_back, payload, symbol
from pipeline.barcode.aamva import AamvaRead
from pipeline.barcode.fields import barcode_document
from pipeline.barcode.reader import read_licence
from pipeline.engine import Engine, Parts
from pipeline.mrz.parse import parse_lines
from pipeline.rectify import rectify
from pipeline.types import Capture, Detection, DocumentStatus, ImageU8, Side, Trigger
from tests.pipeline.posed import ScriptedDetector, as_frame, specimen_page, webcam_view
from tests.pipeline.test_engine import LINES, QUALITY, TODAY, RecordingCards, ScriptedZones


def page_of(share: float, **how: Any) -> ImageU8:
    view, quad_px = webcam_view(licence_back(payload()), share=share, **how)
    return rectify(as_frame(view), Detection(quad_px, 1.0), 1500).bgr


@pytest.mark.parametrize("share", [0.45, 0.6, 0.8])
@pytest.mark.parametrize("how", [{}, {"keystone": 0.15, "turn_deg": 12.0}, {"noise": 6.0}], ids=str)
def test_a_licence_held_at_an_angle_is_read(share: float, how: dict[str, float]) -> None:
    assert read_licence([page_of(share, **how)]).elements["DAQ"] == "D12345678"


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_at_any_turn(turns: int) -> None:
    assert read_licence([np.rot90(page_of(0.6), turns)]).elements["DCS"] == "WAYFARER"


def test_the_next_page_is_read_where_the_first_is_not() -> None:
    blurred = np.asarray(cv2.GaussianBlur(page_of(0.6), (0, 0), 9), np.uint8)
    with pytest.raises(BarcodeNotFound):
        read_licence([blurred])
    assert read_licence([blurred, page_of(0.6)]).elements["DAQ"] == "D12345678"


def test_a_symbol_half_covered_is_not_guessed_at() -> None:
    covered = page_of(0.6).copy()
    covered[:, :800] = 200
    with pytest.raises(BarcodeNotFound):
        read_licence([covered])


CODES = {
    "QR Code": zxingcpp.BarcodeFormat.QRCode,
    "Aztec Code": zxingcpp.BarcodeFormat.Aztec,
}


def card_with(code: str, data: bytes, width_px: int = 1712) -> ImageU8:
    """A light card of ID-1 size with one matrix code of 36 mm."""
    made = zxingcpp.create_barcode(data, CODES[code])
    drawn = np.array(made.to_image(scale=6), np.uint8)
    side = round(36 / 85.6 * width_px)
    card = np.full((round(width_px * 54 / 85.6), width_px, 3), 225, np.uint8)
    top, left = (card.shape[0] - side) // 2, width_px // 2
    small = cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA)
    card[top : top + side, left : left + side] = small[..., None]
    return card


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_licence_in_a_matrix_code_is_read_and_named(code: str, turns: int) -> None:
    view, quad_px = webcam_view(card_with(code, payload()), (1920, 1080), share=0.6, noise=4)
    page = rectify(as_frame(view), Detection(quad_px, 1.0), 1500).bgr
    read = read_licence([np.rot90(page, turns)])
    assert (read.symbology, read.elements["DAQ"]) == (code, "D12345678")
    document = barcode_document("d1", read, QUALITY, TODAY)
    told = result(document).barcode
    assert told is not None and told.symbology == code
    assert "D12345678" not in told.model_dump_json(), "the number is a field, told once"


@pytest.mark.parametrize("code", CODES)
def test_what_another_code_holds_is_neither_told_nor_in_the_error(code: str) -> None:
    page = card_with(code, b"https://example.org/holder?id=12345678Z")
    with pytest.raises(BarcodeFormatError) as refused:
        read_licence([page])
    assert "example.org" not in str(refused.value) and "12345678Z" not in str(refused.value)


def test_a_licence_stands_above_the_web_address_beside_it() -> None:
    page = card_with("QR Code", b"https://example.org/")
    with_symbol = np.vstack([page, licence_back(payload())])
    read = read_licence([with_symbol])
    assert (read.symbology, read.elements["DAQ"]) == ("PDF417", "D12345678")


def test_a_barcode_of_something_else_is_told_apart() -> None:
    ticket = np.pad(symbol(b"M1TRAVELLER/ANY  EABC123 XYZ"), 40, constant_values=255)
    with pytest.raises(BarcodeFormatError, match="not that of a North American driving licence"):
        read_licence([ticket])


@pytest.mark.parametrize("shape", [(1, 1), (2, 3000), (3000, 2), (40, 40, 3)])
def test_pictures_of_odd_shapes_show_none(shape: tuple[int, ...]) -> None:
    with pytest.raises(BarcodeNotFound):
        read_licence([np.full(shape, 200, np.uint8)])


def engine_of(zones: ScriptedZones) -> Engine:
    parts = Parts(ScriptedDetector(None), zones, RecordingCards())
    return Engine(PipelineSettings(), parts, today=lambda: TODAY)


def capture_of(page: ImageU8) -> Capture:
    return Capture("c1", (page,), QUALITY, Trigger.AUTO)


def test_the_engine_asks_for_a_barcode_only_without_a_zone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def counted(pages: Sequence[ImageU8]) -> AamvaRead:
        asked.append(len(pages))
        return read_licence(pages)

    monkeypatch.setattr("pipeline.engine.read_licence", counted)
    page = page_of(0.6)
    with_zone = engine_of(ScriptedZones(parse_lines(LINES))).read(capture_of(page))
    assert with_zone.format == "TD3" and with_zone.barcode is None and asked == []
    without = engine_of(ScriptedZones(MrzNotFound("none"))).read(capture_of(page))
    assert (without.format, without.status) == ("AAMVA", DocumentStatus.NEEDS_REVIEW)
    assert without.id == "c1" and asked == [1]


def test_a_live_reader_is_not_slowed_by_barcodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are looked at without ever looking for a symbol."""
    monkeypatch.setattr("pipeline.engine.read_licence", lambda pages: pytest.fail("asked"))
    view, quad_px = webcam_view(licence_back(payload()), share=0.5)
    parts = Parts(ScriptedDetector(Detection(quad_px, 0.9)), ScriptedZones(MrzNotFound("")), None)  # type: ignore[arg-type]
    reader = Engine(PipelineSettings(), parts).live_reader()
    seen = [reader.see(as_frame(view, n, n * 40.0)) for n in range(40)]
    assert any(one.capture is not None for one in seen)


def test_no_zone_and_no_barcode_is_failed() -> None:
    failed = engine_of(ScriptedZones(MrzNotFound("none"))).read(capture_of(specimen_page()))
    assert failed.status is DocumentStatus.FAILED and not failed.was_read


def test_a_still_of_a_licence_is_read_by_the_shipped_engine() -> None:
    engine = Engine(PipelineSettings())
    view, _ = webcam_view(licence_back(payload()), (1920, 1080), share=0.5)
    read = engine.read_image(view)
    assert (read.format, read.fields["primary_identifier"].value) == ("AAMVA", "WAYFARER")
    assert read.sides == () or read.sides == (Side.BACK,)
    engine.close()
