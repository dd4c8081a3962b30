"""What all sessions of a server share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

from core.metrics import Metrics
from core.settings import EnhanceSettings, MediaSettings
from media.events import Event, Listener
from media.lanes import Spots
from media.load import LoadProbe
from pipeline.card.order import CardForm, CardOrder
from pipeline.types import (
    Capture,
    CaptureState,
    Document,
    Exposure,
    Frame,
    ImageU8,
    Look,
    Observation,
    PageWarning,
    Shot,
)
from pipeline.visual.words import Print


class Reader(Protocol):
    """Looks at one session's frames; ``see`` on a worker thread, the rest on any thread."""

    @property
    def state(self) -> CaptureState: ...
    @property
    def stable_required(self) -> int: ...
    @property
    def sides_wanted(self) -> int: ...
    @property
    def kept(self) -> bool: ...
    @property
    def resets(self) -> int: ...
    def see(self, frame: Frame) -> Observation: ...
    def request_capture(self) -> bool: ...
    def take(self, shots: Sequence[Shot], resets: int | None = None) -> Exposure: ...
    def read_ahead(self, reading_id: str, document: Document | None) -> None: ...
    def reading_finished(self, document: Document) -> Document | None: ...
    def reading_failed(self, capture_id: str) -> bool: ...
    def reset(self) -> None: ...
    def configure(
        self, *, stable_required: int | None = None, sides: int | None = None
    ) -> None: ...


class Reading(Protocol):
    """The heavy part, shared by all sessions; its calls block and run on worker threads."""

    def live_reader(self) -> Reader: ...
    def read(self, capture: Capture) -> Document: ...
    def read_ahead(self, capture: Capture) -> Document | None: ...
    def read_print(self, capture: Capture, document: Document) -> Print | None: ...
    def portrait(
        self, capture: Capture, document: Document, seen: Print | None
    ) -> bytes | None: ...
    def page_picture(self, capture: Capture, document: Document) -> bytes | None: ...
    def warnings(self, capture: Capture, document: Document) -> tuple[PageWarning, ...]: ...
    def corroborate(self, document: Document, prints: Sequence[Print]) -> Document: ...
    def with_still(self, capture: Capture, jpeg: bytes) -> Capture: ...
    def read_image(self, bgr: ImageU8, filters: EnhanceSettings | None = None) -> Document: ...
    def look_at_image(self, bgr: ImageU8) -> Look: ...
    @property
    def models(self) -> Mapping[str, str]: ...
    def card_form(self, name: str | None) -> CardForm: ...
    def fill_card(
        self, document: Document, confirmed: Mapping[str, str], order: CardOrder
    ) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every session of a server shares.

    ``frames`` runs the analysis, ``captures`` the slower reading and filling,
    ``second_looks`` what may wait until a result was told. ``texts`` holds
    the guidance by language and code. ``card_link`` gives the address of a card,
    ``image_link`` that of a picture of a document, by its name. ``load`` tells how much of it all
    there is to do.
    """

    settings: MediaSettings
    engine: Reading
    frames: Executor
    captures: Executor
    second_looks: Executor
    metrics: Metrics
    load: LoadProbe
    texts: Mapping[str, Mapping[str, str]]
    card_link: Callable[[str, str], str]
    image_link: Callable[[str, str, str], str]
    on_the_spot: Spots = field(default_factory=Spots)
    """For frames that are looked at where they were decoded."""
    listeners: tuple[Listener, ...] = ()
    """They are told what became of documents."""

    def tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)

    def texts_in(self, language: str) -> Mapping[str, str]:
        """Guidance by code in ``language`` (BCP 47), else in its base language, else English."""
        return (
            self.texts.get(language) or self.texts.get(language.split("-")[0]) or self.texts["en"]
        )
