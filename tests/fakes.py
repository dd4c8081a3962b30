"""Named stand-ins for the heavy parts, for tests where reading is beside the point."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from core.errors import CaptureFailed, DocumentFillingError, InvalidImage, MissingGlyph
from core.settings import EnhanceSettings
from pipeline.card.order import AskedOf, CardField, CardForm, CardOrder, FieldFormat
from pipeline.types import (
    Capture,
    CaptureState,
    CheckResult,
    Detection,
    Document,
    DocumentStatus,
    Exposure,
    Field,
    FieldStatus,
    Frame,
    Guidance,
    GuidanceCode,
    ImageU8,
    Look,
    MrtdFormat,
    MrzRead,
    Observation,
    PageWarning,
    Quality,
    Severity,
    Shot,
    Side,
    Stability,
    Trigger,
)
from pipeline.visual.words import Print

_PLAIN_ORDER = CardOrder()
QUALITY = Quality(80.0, 50.0, 55.0, 30.0, 2.0, 0.0, 16.0, 90.0)
LINES = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)


def specimen_document(document_id: str) -> Document:
    """Doc 9303 Part 4's specimen, as read without a fault."""
    return Document(
        id=document_id,
        status=DocumentStatus.COMPLETE,
        mrz=MrzRead(
            MrtdFormat.TD3, LINES, ((1.0,) * 44, (1.0,) * 44), {"composite": CheckResult.PASS}
        ),
        fields={
            "primary_identifier": Field("ERIKSSON", "ERIKSSON", FieldStatus.READ, 0.99),
            "document_number": Field("L898902C3", "L898902C3", FieldStatus.CHECKSUM, 1.0),
        },
        checks={"expiry": CheckResult.FAIL},
        quality=QUALITY,
    )


class FakeReader:
    """Sees a document in every frame and takes the picture when asked, or at frame ``at``."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self._asked = False
        self._count = 0
        self._reading = ""
        self._disowned: set[str] = set()
        """Ids of captures that were being read at a reset, as by LiveReader."""
        self.state = CaptureState.SEARCHING
        self.resets = 0
        self.stable_required = 8
        self.sides_wanted = 1

    @property
    def kept(self) -> bool:
        return False

    def see(self, frame: Frame) -> Observation:
        if self._engine.on_see is not None:
            self._engine.on_see(frame)
        time.sleep(self._engine.see_s)
        self._count += 1
        capture = None
        if self.state is not CaptureState.READING and (
            self._asked or self._count == self._engine.capture_at
        ):
            self._asked, self.state = False, CaptureState.READING
            page = np.zeros((8, 8, 3), np.uint8)
            self._reading = f"d{self._count}"
            made = Capture(self._reading, (page,), QUALITY, Trigger.MANUAL)
            capture = Exposure(
                made.id, QUALITY, made.trigger, 1, lambda: self._engine.develop(made)
            )
        width, height = frame.width_px, frame.height_px
        quad = np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]], np.float32)
        found = Detection(quad * np.array([width, height], np.float32), 0.9)
        shown = found if self._engine.sees_document else None
        return Observation(
            frame_index=frame.index,
            rtp_timestamp=frame.rtp_timestamp,
            width_px=width,
            height_px=height,
            found=shown,
            detection=shown,
            stability=Stability(0.0, 100.0, 3, self.stable_required),
            quality=QUALITY,
            guidance=Guidance(GuidanceCode.HOLD_STILL, Severity.HINT, 1000),
            state=self.state,
            capture=capture,
            analysis_ms=1.0,
            resting=self._engine.resting,
        )

    def request_capture(self) -> bool:
        self._asked = True
        return True

    def take(self, shots: Sequence[Shot], resets: int | None = None) -> Exposure:
        if self._engine.on_take is not None:
            self._engine.on_take()
        if not shots or resets not in (None, self.resets):
            raise CaptureFailed("no shot, or none of now")
        if self.state is CaptureState.READING:
            raise CaptureFailed("a picture is being read: wait for it")
        self.state = CaptureState.READING
        made = Capture("taken", (np.zeros((8, 8, 3), np.uint8),), QUALITY, Trigger.MANUAL)
        return Exposure(made.id, QUALITY, made.trigger, 1, lambda: self._engine.develop(made))

    def read_ahead(self, reading_id: str, document: Document | None) -> None:
        pass

    def reading_finished(self, document: Document) -> Document | None:
        if document.id in self._disowned:
            return None
        self.state, self._reading = CaptureState.DONE, ""
        return document

    def reading_failed(self, capture_id: str) -> bool:
        if capture_id in self._disowned:
            return False
        self.state, self._reading = CaptureState.SEARCHING, ""
        return True

    def reset(self) -> None:
        self.resets += 1
        self._disowned.add(self._reading)
        self.state, self._reading = CaptureState.SEARCHING, ""

    def configure(self, *, stable_required: int | None = None, sides: int | None = None) -> None:
        if sides is not None:
            self.sides_wanted = sides
        if stable_required is not None:
            self.stable_required = stable_required


class TwoSidedReader(FakeReader):
    """Takes both sides of one card, in that order, and joins them as the pipeline does: the front
    alone says nothing."""

    def __init__(self, engine: FakeEngine, order: Sequence[Side]) -> None:
        super().__init__(engine)
        self._order = order
        self._taken: list[Side] = []

    def picture(self, side: Side, next_side: Side | None) -> Capture:
        raise AssertionError("say what each side's picture is")

    def see(self, frame: Frame) -> Observation:
        seen = super().see(frame)
        if seen.capture is None:
            return seen
        following = self._order[1] if not self._taken and len(self._order) > 1 else None
        made = self.picture(self._order[len(self._taken)], following)
        return replace(seen, capture=replace(seen.capture, id=made.id, develop=lambda: made))

    @property
    def kept(self) -> bool:
        return self._taken == [Side.FRONT]

    def reading_finished(self, document: Document) -> Document | None:
        self._taken.append(self._order[len(self._taken)])
        self.state = CaptureState.DONE
        shown = replace(document, sides=tuple(dict.fromkeys(self._taken)))
        return shown if Side.BACK in self._taken else None


class FakeEngine:
    """Reads the specimen from anything. ``threads`` are the names of those that called it."""

    def __init__(
        self,
        *,
        capture_at: int = -1,
        see_s: float = 0.0,
        read_s: float = 0.0,
        sees_document: bool = True,
        on_see: Callable[[Frame], None] | None = None,
        on_take: Callable[[], object] | None = None,
    ) -> None:
        self.capture_at = capture_at
        self.see_s = see_s
        self.read_s = read_s
        self.sees_document = sees_document
        self.on_see = on_see
        self.on_take = on_take
        self.resting = False
        self.threads: set[str] = set()
        self.still_s = 0.0
        self.stills: list[bytes] = []
        self.pages_read: list[int] = []
        self.filters: list[EnhanceSettings | None] = []
        self.orders: list[CardOrder] = []
        self.portrait_seen: bytes | None = None
        self.page_seen: bytes | None = None
        self.print_seen: Print | None = None
        self.second_looks: set[str] = set()
        self.prints_compared: list[int] = []
        self.pages_looked_at: list[int] = []
        self.corroborate_s = 0.0
        self.looks_like: tuple[PageWarning, ...] = ()

    def live_reader(self) -> FakeReader:
        return FakeReader(self)

    def develop(self, made: Capture) -> Capture:
        return made

    def read(self, capture: Capture) -> Document:
        self.threads.add(threading.current_thread().name)
        self.filters.append(capture.enhance)
        self.pages_read.append(len(capture.pages))
        time.sleep(self.read_s)
        return specimen_document(capture.id)

    def read_ahead(self, capture: Capture) -> Document | None:
        return None

    def read_print(self, capture: Capture, document: Document) -> Print | None:
        self.second_looks.add(threading.current_thread().name)
        self.pages_looked_at.append(len(capture.pages))
        return self.print_seen

    def portrait(self, capture: Capture, document: Document, seen: Print | None) -> bytes | None:
        return self.portrait_seen

    def page_picture(self, capture: Capture, document: Document) -> bytes | None:
        return self.page_seen

    def warnings(self, capture: Capture, document: Document) -> tuple[PageWarning, ...]:
        return self.looks_like

    def corroborate(self, document: Document, prints: Sequence[Print]) -> Document:
        self.prints_compared.append(len(prints))
        time.sleep(self.corroborate_s)
        field = document.fields["primary_identifier"]
        agrees = replace(field, status=FieldStatus.CORROBORATED, printed="Ériksson")
        return replace(document, fields={**document.fields, "primary_identifier": agrees})

    def with_still(self, capture: Capture, jpeg: bytes) -> Capture:
        time.sleep(self.still_s)
        if not jpeg.startswith(b"\xff\xd8"):
            raise InvalidImage("a still is a JPEG file")
        self.stills.append(jpeg)
        return replace(capture, pages=(*capture.pages, *capture.pages))

    def read_image(self, bgr: ImageU8, filters: EnhanceSettings | None = None) -> Document:
        self.filters.append(filters)
        time.sleep(self.read_s)
        return specimen_document(f"u{len(self.filters)}")

    def look_at_image(self, bgr: ImageU8) -> Look:
        return Look(bgr.shape[1], bgr.shape[0], None, QUALITY)

    @property
    def models(self) -> Mapping[str, str]:
        return {"detector": "fake"}

    def card_form(self, name: str | None = None) -> CardForm:
        if name not in (None, "fake", "other"):
            raise DocumentFillingError("there is no card of that name", field="card")
        room = CardField("room", FieldFormat.TEXT, AskedOf.GUEST, True, 16, {"en": "Room"})
        return CardForm(
            name or "fake", "Fake card", (room,), ("optional_data",), "no law", "", True
        )

    def fill_card(
        self, document: Document, confirmed: Mapping[str, str], order: CardOrder = _PLAIN_ORDER
    ) -> bytes:
        self.orders.append(order)
        if any(not value.isascii() for value in confirmed.values()):
            raise MissingGlyph("the font lacks U+6F22", field="primary_identifier")
        return b"%PDF-fake " + ",".join(sorted(confirmed)).encode()
