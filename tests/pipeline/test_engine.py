from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.errors import (
    DocumentFillingError,
    ModelNotFound,
    MrzFormatError,
    MrzNotFound,
    Overloaded,
    SettingsError,
)
from core.settings import PipelineSettings
from models.training.specimen import draw_specimen
from pipeline.card.order import CardForm, CardOrder
from pipeline.engine import Engine, Parts
from pipeline.rectify import rectify
from pipeline.types import (
    Capture,
    CaptureState,
    CheckResult,
    Detection,
    Document,
    DocumentStatus,
    Field,
    FieldStatus,
    ImageU8,
    MrtdFormat,
    MrzRead,
    Quality,
    Trigger,
)
from tests.pipeline.posed import ScriptedDetector, as_frame, specimen_page, webcam_view

TODAY = datetime.date(2010, 6, 1)
QUALITY = Quality(80, 45, 55, 20, 1, 0, 16, 88)
LINES = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
BLANK = np.full((400, 600, 3), 255, np.uint8)


class ScriptedZones:
    """Reads the same from every page, or fails the same way; counts readings side by side."""

    def __init__(self, outcome: MrzRead | Exception) -> None:
        self.outcome = outcome
        self.deadlines_ms: list[float] = []
        self.barrier: threading.Barrier | None = None

    def read(self, pages: Sequence[ImageU8], deadline_ms: float) -> MrzRead:
        self.deadlines_ms.append(deadline_ms)
        if self.barrier:
            self.barrier.wait(5)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def hunt(self, pages: Sequence[ImageU8]) -> ScriptedHunt:
        return ScriptedHunt(self, pages)


class ScriptedHunt:
    """Sees nothing at a glance, and in the end what its zones are scripted to read."""

    def __init__(self, zones: ScriptedZones, pages: Sequence[ImageU8]) -> None:
        self._zones = zones
        self._pages = pages

    def look(self) -> MrzRead | None:
        return None

    def read(self, deadline_ms: float) -> MrzRead:
        return self._zones.read(self._pages, deadline_ms)


class RecordingCards:
    """Has a place for three values, and remembers what it was given."""

    names = frozenset({"primary_identifier", "document_number", "room"})
    forbidden = frozenset({"sex"})

    def __init__(self) -> None:
        self.filled: list[dict[str, str]] = []

    def get(self, name: str | None) -> RecordingCards:
        return self

    def form(self, name: str | None) -> CardForm:
        return CardForm(name or "recorded", "Recorded", (), ("sex",), "", "")

    def fill(self, fields: Mapping[str, str], order: CardOrder) -> bytes:
        self.filled.append(dict(fields))
        return b"%PDF-recorded"


def specimen_read() -> MrzRead:
    passing = dict.fromkeys(
        ("document_number", "date_of_birth", "date_of_expiry", "optional_data", "composite"),
        CheckResult.PASS,
    )
    return MrzRead(MrtdFormat.TD3, LINES, ((1.0,) * 44,) * 2, passing)


def capture(*pages: ImageU8, identity: str = "d1") -> Capture:
    return Capture(identity, pages or (BLANK,), QUALITY, Trigger.AUTO)


def scripted(outcome: MrzRead | Exception, settings: PipelineSettings | None = None) -> Engine:
    parts = Parts(ScriptedDetector(), ScriptedZones(outcome), RecordingCards())
    return Engine(settings or PipelineSettings(), parts, today=lambda: TODAY)


@pytest.fixture(scope="module")
def shipped() -> Iterator[Engine]:
    """The engine as it is shipped; ``today`` is one on which the specimen is valid."""
    engine = Engine(PipelineSettings(), today=lambda: TODAY)
    yield engine
    engine.close()


def test_a_capture_becomes_a_document_of_the_same_id() -> None:
    document = scripted(specimen_read()).read(capture(identity="d7"))
    assert (document.id, document.status) == ("d7", DocumentStatus.COMPLETE)
    assert document.quality is QUALITY
    assert document.fields["document_number"].value == "L898902C3"
    assert document.checks["expiry"] is CheckResult.PASS


@pytest.mark.parametrize("error", [MrzNotFound("no zone"), MrzFormatError("no lines")])
def test_an_unreadable_page_is_a_failed_document(error: Exception) -> None:
    document = scripted(error).read(capture())
    assert (document.id, document.status) == ("d1", DocumentStatus.FAILED)
    assert document.mrz is None
    assert document.quality is QUALITY


def test_a_broken_installation_is_an_error() -> None:
    with pytest.raises(ModelNotFound):
        scripted(ModelNotFound("language data is missing")).read(capture())


def test_the_deadline_is_the_setting_s() -> None:
    settings = PipelineSettings.model_validate({"mrz": {"deadline_ms": 1234}})
    zones = ScriptedZones(specimen_read())
    Engine(settings, Parts(ScriptedDetector(), zones, RecordingCards())).read(capture())
    assert zones.deadlines_ms == [1234]


def test_several_threads_read_at_the_same_time() -> None:
    zones = ScriptedZones(specimen_read())
    zones.barrier = threading.Barrier(3)
    engine = Engine(PipelineSettings(), Parts(ScriptedDetector(), zones, RecordingCards()))
    with ThreadPoolExecutor(3) as pool:
        read = list(pool.map(engine.read, [capture(identity=f"d{n}") for n in range(3)]))
    assert [document.id for document in read] == ["d0", "d1", "d2"]


def test_live_readers_know_nothing_of_each_other() -> None:
    engine = scripted(specimen_read())
    first, second = engine.live_reader(), engine.live_reader()
    first.request_capture()
    frame = as_frame(BLANK)
    assert first.see(frame).state is CaptureState.CAPTURED
    assert second.see(frame).state is CaptureState.SEARCHING


@pytest.mark.parametrize(
    ("confirmed", "expected"),
    [
        ({}, {"primary_identifier": "ERIKSSON"}),
        ({"room": "12"}, {"primary_identifier": "ERIKSSON", "room": "12"}),
        (
            {"primary_identifier": "Eriksson", "document_number": "X1"},
            {"primary_identifier": "Eriksson", "document_number": "X1"},
        ),
        ({"primary_identifier": ""}, {"primary_identifier": ""}),
        ({"optional_data": "ZE184226B"}, {"primary_identifier": "ERIKSSON"}),
        ({"sex": "F"}, {"primary_identifier": "ERIKSSON", "sex": "F"}),
    ],
    ids=["as read", "added", "edited", "emptied", "no place for it", "left to the card to refuse"],
)
def test_what_is_confirmed_outweighs_what_was_read(
    confirmed: dict[str, str], expected: dict[str, str]
) -> None:
    fields = {
        "primary_identifier": Field("ERIKSSON", "ERIKSSON", FieldStatus.READ, 0.9),
        "document_number": Field(None, None, FieldStatus.MISSING, 0.0),
        "nationality": Field("UTO", "UTO", FieldStatus.READ, 0.9),
        "sex": Field("M", "M", FieldStatus.READ, 0.9),
    }
    cards = RecordingCards()
    parts = Parts(ScriptedDetector(), ScriptedZones(specimen_read()), cards)
    document = Document("d1", DocumentStatus.NEEDS_REVIEW, specimen_read(), fields)
    pdf = Engine(PipelineSettings(), parts).fill_card(document, confirmed)
    assert pdf == b"%PDF-recorded"
    assert cards.filled == [expected]


def test_a_closed_engine_does_nothing_more() -> None:
    engine = scripted(specimen_read())
    engine.close()
    engine.close()
    with pytest.raises(Overloaded):
        engine.read(capture())
    with pytest.raises(Overloaded):
        engine.live_reader()


def test_a_reading_under_way_survives_the_closing() -> None:
    zones = ScriptedZones(specimen_read())
    zones.barrier = threading.Barrier(2)
    engine = Engine(PipelineSettings(), Parts(ScriptedDetector(), zones, RecordingCards()))
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(engine.read, capture())
        while zones.barrier.n_waiting == 0:
            pass
        engine.close()
        zones.barrier.wait(5)
        assert reading.result(5).status is DocumentStatus.COMPLETE


@pytest.mark.parametrize(
    ("setting", "error"), [("models", ModelNotFound), ("templates", SettingsError)]
)
def test_a_missing_folder_is_told_at_the_start(
    setting: str, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        Engine(PipelineSettings.model_validate({setting: tmp_path / "nowhere"}))


def test_the_shipped_parts_load_from_any_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = Engine(PipelineSettings())
    assert engine.settings.models == Path("models")
    assert engine.detector.detect(as_frame(np.zeros((240, 320, 3), np.uint8))) is None


@pytest.mark.parametrize("mrtd_format", [MrtdFormat.TD3, MrtdFormat.TD1])
def test_the_shipped_engine_reads_a_posed_specimen(
    shipped: Engine, mrtd_format: MrtdFormat
) -> None:
    bgr, quad_px = webcam_view(specimen_page(mrtd_format), share=0.7)
    page = rectify(as_frame(bgr), Detection(quad_px, 0.9), 1500)
    document = shipped.read(capture(page.bgr))
    assert document.status is DocumentStatus.COMPLETE
    assert document.mrz is not None
    assert document.mrz.lines == draw_specimen(mrtd_format, width_px=200).lines


def test_the_shipped_engine_gives_a_blank_page_back_as_failed(shipped: Engine) -> None:
    assert shipped.read(capture(BLANK)).status is DocumentStatus.FAILED


def test_the_shipped_engine_fills_a_card(shipped: Engine) -> None:
    document = scripted(specimen_read()).read(capture())
    assert shipped.fill_card(document, {"room": "12"}).startswith(b"%PDF-")
    with pytest.raises(DocumentFillingError):
        shipped.fill_card(document, {"primary_identifier": ""})
