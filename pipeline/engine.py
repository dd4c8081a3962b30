"""The heavy part that all sessions share: corner network, zone reader, card filler.

No call leaves a trace that a later call could see. All methods may be called from several
threads at once.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Protocol

import cv2

from core.errors import BarcodeError, MrzError, Overloaded
from core.settings import EnhanceSettings, PipelineSettings
from pipeline.barcode.fields import barcode_document
from pipeline.barcode.reader import read_licence
from pipeline.card.box import CardBox
from pipeline.card.fonts import FONT_FOLDERS, FontShelf, named_folders
from pipeline.card.order import CardForm, CardOrder
from pipeline.copies import warnings_of
from pipeline.detect import CornerDetector
from pipeline.document import failed_document, is_sure, read_document
from pipeline.enhance import enhance
from pipeline.live import LiveReader
from pipeline.mrz.reader import MrzReader
from pipeline.portrait import front_portrait_of, jpeg_of, portrait_of
from pipeline.types import (
    Capture,
    Detector,
    Document,
    FieldStatus,
    ImageU8,
    Look,
    MrzRead,
    PageWarning,
)
from pipeline.visual.compare import NAMES, corroborated
from pipeline.visual.look import PageReader, print_of
from pipeline.visual.place import turned
from pipeline.visual.words import Print, load_print_reader
from pipeline.weights import Weights

_HOME = Path(__file__).resolve().parent.parent
_PLAIN_ORDER = CardOrder()
AHEAD_MS = 400.0
"""Longest time spent on reading ahead: about as long as the burst that it may end."""


class ZoneReader(Protocol):
    """Reads machine-readable zones; thread-safe."""

    def read(self, pages: Sequence[ImageU8], deadline_ms: float) -> MrzRead:
        """The zone on the pages, which show one document. Raises MrzError where none is."""
        ...

    def hunt(self, pages: Sequence[ImageU8]) -> ZoneHunt:
        """The same, step by step: at a glance first, then thoroughly. For one thread at a time."""
        ...


class ZoneHunt(Protocol):
    """A search for the zone on some pages, which goes on where it stopped."""

    def look(self) -> MrzRead | None:
        """The zone where one cheap look more shows it clearly."""
        ...

    def read(self, deadline_ms: float) -> MrzRead:
        """The zone. Raises MrzError where none is."""
        ...


class Card(Protocol):
    """Fills one registration card; thread-safe."""

    names: frozenset[str]

    @property
    def forbidden(self) -> frozenset[str]: ...

    def fill(self, fields: Mapping[str, str], order: CardOrder) -> bytes: ...


class Cards(Protocol):
    """The cards to choose from, None being the server's own; thread-safe."""

    def get(self, name: str | None) -> Card: ...

    def form(self, name: str | None) -> CardForm: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is built of; each part is thread-safe."""

    detector: Detector
    zones: ZoneReader
    cards: Cards
    prints: PageReader | None = None
    """None where the print of data pages is not compared."""


def load_parts(settings: PipelineSettings) -> Parts:
    """The shipped parts. Raises ModelNotFound, SettingsError."""
    models, templates = _folder(settings.models), _folder(settings.templates)
    fonts = (*named_folders(settings.fonts, "pipeline.fonts"), *FONT_FOLDERS)
    return Parts(
        detector=CornerDetector.load(settings.detect, Weights(models)),
        zones=MrzReader(settings.mrz, models),
        cards=CardBox(templates, settings.card, FontShelf(fonts)),
        prints=load_print_reader(settings),
    )


class Engine:
    """Shared by all sessions; see the module's words on threads."""

    def __init__(
        self,
        settings: PipelineSettings,
        parts: Parts | None = None,
        *,
        today: Callable[[], datetime.date] | None = None,
    ) -> None:
        """Load the shipped parts, unless others are given.

        ``today`` settles centuries and expiry; by default the date in the setting's time zone.
        Raises ModelNotFound when a model is missing or
        wrong, SettingsError when the card's template is.
        """
        # Sessions are what runs in parallel; OpenCV's own threads would only take turns with them.
        cv2.setNumThreads(1)
        self._settings = settings
        self._today = today or settings.today
        self._parts: Parts | None = parts or load_parts(settings)

    @property
    def settings(self) -> PipelineSettings:
        return self._settings

    @property
    def detector(self) -> Detector:
        """The corner detector; thread-safe."""
        return self._open().detector

    def live_reader(self) -> LiveReader:
        """A new reader for one session, in state searching."""
        return LiveReader(self._open().detector, self._settings)

    def read(self, capture: Capture) -> Document:
        """Read the machine-readable zone of a capture, or where there is none a licence's barcode;
        the document's id is the capture's.

        A page that cannot be read gives a document with status failed, never an exception;
        what is raised means a broken installation, or Overloaded after ``close``. Blocks for up
        to ``mrz.deadline_ms``.
        """
        return self.document_of(capture, self._zone_of(capture, self._settings.mrz.deadline_ms))

    def read_ahead(self, capture: Capture) -> Document | None:
        """The document, where its zone is read beyond doubt within `AHEAD_MS`; else None.

        For frames of a document that is still held. Raises Overloaded after ``close``.
        """
        zone = self._zone_of(capture, min(AHEAD_MS, self._settings.mrz.deadline_ms))
        if zone is None or not is_sure(zone):
            return None
        return read_document(capture.id, zone, capture.quality, self._today())

    def sight(self, capture: Capture) -> Sighting:
        """The same step by step, for a choice of captures; raises Overloaded after ``close``."""
        return Sighting(self, capture, self._open().zones.hunt(self._filtered(capture)))

    def _zone_of(self, capture: Capture, deadline_ms: float) -> MrzRead | None:
        try:
            return self._open().zones.read(self._filtered(capture), deadline_ms)
        except MrzError:
            return None

    def _filtered(self, capture: Capture) -> tuple[ImageU8, ...]:
        filters = capture.enhance or self._settings.enhance
        if not filters.active:
            return capture.pages
        return tuple(enhance(page, filters) for page in capture.pages)

    def document_of(self, capture: Capture, zone: MrzRead | None) -> Document:
        """The document that the zone describes, or where there is none a licence's barcode."""
        if zone is None:
            return self._without_zone(capture)
        return read_document(capture.id, zone, capture.quality, self._today())

    def _without_zone(self, capture: Capture) -> Document:
        # Pages as taken: filters are for letters, and may close a barcode's narrow gaps.
        try:
            licence = read_licence(capture.pages)
        except BarcodeError:
            return failed_document(capture.id, capture.quality)
        return barcode_document(capture.id, licence, capture.quality, self._today())

    def read_print(self, capture: Capture, document: Document) -> Print | None:
        """What the capture's page prints for people, to be compared with ``document``'s zone.

        None where that is switched off, or the page has no place. Blocks for up to
        ``visual.deadline_ms``: call it when the result has been told.
        """
        reader = self._open().prints
        if reader is None:
            return None
        return print_of(capture, document, reader, self._settings.visual.deadline_ms)

    def portrait(self, capture: Capture, document: Document, seen: Print | None) -> bytes | None:
        """The portrait on the capture's page as a JPEG file, where the settings ask for it.

        ``seen``: the page's print, which alone tells how the front of a card lies. None where the
        side shown has no portrait that the format places. Call it on a worker thread.
        """
        if not self._settings.visual.portrait:
            return None
        found = None
        if document.mrz is not None:
            found = portrait_of(capture.pages, document.mrz.format)
        elif document.barcode is None and seen is not None:
            found = front_portrait_of(capture.page, seen)
        return None if found is None else jpeg_of(found)

    def page_picture(self, capture: Capture, document: Document) -> bytes | None:
        """The capture's best page as a JPEG file, where the settings ask for it.

        Upright where a zone tells how it lies, else as it was held. None where no outline of a
        document is known: that is a picture of the room. Call it on a worker thread.
        """
        if not (self._settings.visual.page and capture.outlined):
            return None
        mrz, page = document.mrz, capture.page
        upright = None if mrz is None else turned(page, mrz.format)
        return jpeg_of(page if upright is None else upright)

    def warnings(self, capture: Capture, document: Document) -> tuple[PageWarning, ...]:
        """What the capture's best page looks like, if it was read; see `warnings_of`.

        Some 70 ms: told after the result, on a worker thread.
        """
        return warnings_of(capture.page) if document.was_read else ()

    def corroborate(self, document: Document, prints: Sequence[Print]) -> Document:
        """The document with what the print of its sides says of each field; see `corroborated`.

        Looks again at what is in question: call it on a worker thread.
        """
        return corroborated(document, prints, self._today())

    def with_still(self, capture: Capture, jpeg: bytes) -> Capture:
        """The capture led by a full-resolution still, where that beats its best frame.

        Raises InvalidImage for what is no JPEG file. Call it on a worker thread: 50 ms at 1080p.
        """
        from pipeline.still import lead_with_still  # it builds engines itself, for scripts

        return lead_with_still(self, capture, jpeg)

    def read_image(self, bgr: ImageU8, filters: EnhanceSettings | None = None) -> Document:
        """Find and read the document in one H×W×3 uint8 BGR image; status failed without a zone.

        ``filters`` take the place of the settings' own. Blocks for up to twice ``mrz.deadline_ms``.
        """
        from pipeline.still import read_best

        document, capture = read_best(self, bgr, filters)
        document = replace(document, warnings=self.warnings(capture, document))
        seen = self.read_print(capture, document) if document.mrz is not None else None
        return document if seen is None else self.corroborate(document, [seen])

    def look_at_image(self, bgr: ImageU8) -> Look:
        """Where the document is in one H×W×3 uint8 BGR image, and how good the picture is."""
        from pipeline.still import look_at

        return look_at(self, bgr)

    @property
    def models(self) -> Mapping[str, str]:
        """Each heavy part and whether it is there: "loaded", or "closed" after ``close``."""
        state = "closed" if self._parts is None else "loaded"
        absent = (
            {"prints"} if self._parts is not None and self._parts.prints is None else set[str]()
        )
        return {field.name: state for field in fields(Parts) if field.name not in absent}

    def fill_card(
        self, document: Document, confirmed: Mapping[str, str], order: CardOrder = _PLAIN_ORDER
    ) -> bytes:
        """A registration card as a PDF, the server's own unless another is ordered.

        ``confirmed`` holds what the guest confirmed or entered, by JSON name, and outweighs what
        was read; names that the card has no place for are left out, except what it forbids: that
        is refused. Raises DocumentFillingError naming the field, MissingGlyph.
        """
        read = {name: field.value for name, field in document.fields.items() if field.value}
        card = self._open().cards.get(order.card)
        hotel = {
            "hotel_name": self._settings.hotel_name,
            "hotel_address": self._settings.hotel_address,
        }
        known = {**{name: value for name, value in hotel.items() if value}, **read, **confirmed}
        if self._settings.visual.printed_names:
            known |= _as_printed(document, confirmed)
        wanted = card.names | (card.forbidden & confirmed.keys())
        return card.fill({name: known[name] for name in known.keys() & wanted}, order)

    def card_form(self, name: str | None = None) -> CardForm:
        """What a card asks for; None for the server's own. Raises DocumentFillingError."""
        return self._open().cards.form(name)

    def close(self) -> None:
        """Let go of the models; may be called twice. A reading under way ends undisturbed."""
        self._parts = None

    def _open(self) -> Parts:
        parts = self._parts
        if parts is None:
            raise Overloaded("the server is shutting down: try again", retry_after_s=10)
        return parts


class Sighting:
    """A capture about to be read: at a glance, then as ``Engine.read`` does. For one thread."""

    def __init__(self, engine: Engine, capture: Capture, hunt: ZoneHunt) -> None:
        self._engine = engine
        self._capture = capture
        self._hunt = hunt

    def look(self) -> Document | None:
        """The document where one cheap look more shows its zone clearly; else None."""
        zone = self._hunt.look()
        return None if zone is None else self._engine.document_of(self._capture, zone)

    def read(self) -> Document:
        """The document; see ``Engine.read``."""
        try:
            zone = self._hunt.read(self._engine.settings.mrz.deadline_ms)
        except MrzError:
            zone = None
        return self._engine.document_of(self._capture, zone)


def _as_printed(document: Document, confirmed: Mapping[str, str]) -> dict[str, str]:
    """Names as the data page spells them, where nobody chose another spelling."""
    names = {name: document.fields[name] for name in NAMES if name in document.fields}
    return {
        name: field.printed
        for name, field in names.items()
        if field.printed
        and field.status is FieldStatus.CORROBORATED
        and confirmed.get(name, field.value) == field.value
    }


def _folder(path: Path) -> Path:
    """A folder as given, or where the project keeps it when started from somewhere else."""
    return path if path.is_absolute() or path.exists() else _HOME / path
