"""The heavy part that all sessions share: corner network, zone reader, card filler.

No call leaves a trace that a later call could see. All methods may be called from several
threads at once.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import cv2

from core.errors import MrzError, Overloaded
from core.settings import EnhanceSettings, PipelineSettings
from pipeline.card.fill import CardFiller
from pipeline.detect import CornerDetector
from pipeline.document import failed_document, read_document
from pipeline.enhance import enhance
from pipeline.live import Detector, LiveReader
from pipeline.mrz.reader import MrzReader
from pipeline.types import Capture, Document, ImageU8, Look, MrzRead
from pipeline.weights import Weights

_HOME = Path(__file__).resolve().parent.parent
_CARD_TEMPLATE = "registration_card.pdf"
_CARD_MAPPING = "registration_card.json"


class ZoneReader(Protocol):
    """Reads machine-readable zones; thread-safe."""

    def read(self, pages: Sequence[ImageU8], deadline_ms: float) -> MrzRead:
        """The zone on the pages, which show one document. Raises MrzError where none is."""
        ...


class Cards(Protocol):
    """Fills registration cards; thread-safe."""

    @property
    def names(self) -> frozenset[str]: ...

    def fill(self, fields: Mapping[str, str]) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is built of; each part is thread-safe."""

    detector: Detector
    zones: ZoneReader
    cards: Cards


def load_parts(settings: PipelineSettings) -> Parts:
    """The shipped parts. Raises ModelNotFound, SettingsError."""
    models, templates = _folder(settings.models), _folder(settings.templates)
    return Parts(
        detector=CornerDetector.load(settings.detect, Weights(models)),
        zones=MrzReader(settings.mrz, models),
        cards=CardFiller(templates / _CARD_TEMPLATE, templates / _CARD_MAPPING),
    )


class Engine:
    """Shared by all sessions; see the module's words on threads."""

    def __init__(
        self,
        settings: PipelineSettings,
        parts: Parts | None = None,
        *,
        today: Callable[[], datetime.date] = datetime.date.today,
    ) -> None:
        """Load the shipped parts, unless others are given.

        ``today`` settles centuries and expiry. Raises ModelNotFound when a model is missing or
        wrong, SettingsError when the card's template is.
        """
        # Sessions are what runs in parallel; OpenCV's own threads would only take turns with them.
        cv2.setNumThreads(1)
        self._settings = settings
        self._today = today
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
        """Read the machine-readable zone of a capture; the document's id is the capture's.

        A page that cannot be read gives a document with status failed, never an exception;
        what is raised means a broken installation, or Overloaded after ``close``. Blocks for up
        to ``mrz.deadline_ms``.
        """
        zones = self._open().zones
        filters, pages = capture.enhance or self._settings.enhance, capture.pages
        if filters.active:
            pages = tuple(enhance(page, filters) for page in pages)
        try:
            read = zones.read(pages, self._settings.mrz.deadline_ms)
        except MrzError:
            return failed_document(capture.id, capture.quality)
        return read_document(capture.id, read, capture.quality, self._today())

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
        from pipeline.still import read_still

        return read_still(self, bgr, filters)

    def look_at_image(self, bgr: ImageU8) -> Look:
        """Where the document is in one H×W×3 uint8 BGR image, and how good the picture is."""
        from pipeline.still import look_at

        return look_at(self, bgr)

    @property
    def models(self) -> Mapping[str, str]:
        """Each heavy part and whether it is there: "loaded", or "closed" after ``close``."""
        state = "closed" if self._parts is None else "loaded"
        return {field.name: state for field in fields(Parts)}

    def fill_card(self, document: Document, confirmed: Mapping[str, str]) -> bytes:
        """The registration card as a PDF.

        ``confirmed`` holds what the guest confirmed or entered, by JSON name, and outweighs what
        was read; names that the card has no place for are left out. Raises DocumentFillingError
        naming the field, MissingGlyph.
        """
        read = {name: field.value for name, field in document.fields.items() if field.value}
        cards = self._open().cards
        hotel = {"hotel_name": self._settings.hotel_name} if self._settings.hotel_name else {}
        known = {**hotel, **read, **confirmed}
        return cards.fill({name: known[name] for name in known.keys() & cards.names})

    def close(self) -> None:
        """Let go of the models; may be called twice. A reading under way ends undisturbed."""
        self._parts = None

    def _open(self) -> Parts:
        parts = self._parts
        if parts is None:
            raise Overloaded("the server is shutting down: try again", retry_after_s=10)
        return parts


def _folder(path: Path) -> Path:
    """A folder as given, or where the project keeps it when started from somewhere else."""
    return path if path.is_absolute() or path.exists() else _HOME / path
