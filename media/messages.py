"""What we say on the data channels and what we hear there, versioned.

``docs/protocol.schema.json`` is made from these classes (``python -m media.schema``) and
``docs/protocol.md`` tells of each; a test holds the three together. Keys are snake_case.
Coordinates are ratios 0 to 1 of the unmirrored source frame, origin top-left, corners in the
order top-left, top-right, bottom-right, bottom-left of the document.
"""

from __future__ import annotations

import json
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.errors import InvalidMessage
from media.barcodes import BarcodeReport
from media.inbound import Inbound
from media.misfits import first_misfit, misfit, steps_to
from media.still_chunks import MIN_CHUNK_BYTES

PROTOCOL_VERSION: Final = "1.0"

Ratio = Annotated[float, Field(ge=0, le=1)]
Short = Annotated[str, Field(max_length=200)]


class FrameStamp(BaseModel):
    """The frame a message speaks of; ``rtp_timestamp`` as the sender's RTP header had it."""

    index: int
    rtp_timestamp: int | None
    width: int
    height: int


class ServerMessage(BaseModel):
    """What every message carries; ``seq`` rises by one for each message of the session."""

    v: Literal["1.0"] = PROTOCOL_VERSION
    type: str
    session_id: str = ""
    seq: int = 0
    ts_ms: int = 0


class QualityReport(BaseModel):
    """See docs/protocol.md for each unit; ``score`` is 0 to 100."""

    sharpness: float
    contrast: float
    brightness: float
    edge_density: float
    noise: float
    glare: float
    glyph_height_px: float
    score: float
    zone_glare: float | None = None
    zone_covered: float | None = None
    tilt_deg: float = 0.0


class Ready(ServerMessage):
    """The first message on the events channel: what is in force."""

    type: Literal["ready"] = "ready"
    stable_required: int
    sides: int
    languages: list[str]
    limits: dict[str, int | float]


class Overlay(ServerMessage):
    """One analysed frame. ``corners`` may lie outside 0 to 1 when the document is cut."""

    type: Literal["overlay"] = "overlay"
    frame: FrameStamp
    detected: bool
    corners: list[tuple[float, float]] | None
    cut: bool
    confidence: float
    document_kind: str | None
    mrz_region: list[tuple[float, float]] | None
    stable_count: int
    stable_required: int
    progress: Ratio
    ready_for_capture: bool
    quality: QualityReport | None
    latency_ms: float


class GuidanceMessage(ServerMessage):
    """One thing to tell the guest; it is not replaced before ``min_ms``."""

    type: Literal["guidance"] = "guidance"
    frame: FrameStamp | None
    code: str
    severity: str
    side: Literal["front", "back"] = "front"
    min_ms: int
    text: str


class StateMessage(ServerMessage):
    """Capture state and session state, whenever one of them changes.

    ``picture`` names the picture that is being taken or read, for its still; else null.
    """

    type: Literal["state"] = "state"
    capture: str
    session: str
    picture: str | None = None


class CaptureMessage(ServerMessage):
    """The picture was taken; it is being read.

    ``next`` is ``next_side`` as 1.0 knew it: the back or nothing.
    """

    type: Literal["capture"] = "capture"
    frame: FrameStamp | None
    document_id: str
    side: Literal["front", "back"] = "front"
    trigger: Literal["auto", "manual"]
    frames_fused: int
    quality: QualityReport
    next: Literal["back"] | None = None
    next_side: Literal["front", "back"] | None = None


class FieldReport(BaseModel):
    """One field as read; ``status`` says what speaks for it.

    ``printed``: what the data page prints for people, null where that was not read for sure.
    """

    value: str | None
    raw: str | None
    status: Literal["checksum", "read", "corroborated", "edited", "conflict", "missing"]
    confidence: Ratio
    truncated: bool = False
    century_inferred: bool = False
    printed: str | None = None


class CorrectionReport(BaseModel):
    """A character put right; ``field``: whose it is, null for the composite check digit."""

    line: int
    position: int
    read: str
    corrected: str
    why: str
    field: str | None = None


class MrzReport(BaseModel):
    lines: list[str]
    corrections: list[CorrectionReport]
    check_digits: dict[str, Literal["pass", "fail", "not_done", "not_applicable"]]
    frames_fused: int


class ResultMessage(ServerMessage):
    """A document as read; ``revised``: the same reading, its page's print compared since."""

    type: Literal["result"] = "result"
    document_id: str
    status: Literal["complete", "needs_review", "failed"]
    document: dict[str, str | None]
    fields: dict[str, FieldReport]
    flat: dict[str, str]
    mrz: MrzReport | None
    checks: dict[str, Literal["pass", "fail", "not_done", "not_applicable"]]
    quality: QualityReport | None
    images: dict[str, str]
    sides: list[Literal["front", "back"]] = Field(default_factory=list)
    revised: bool = False
    barcode: BarcodeReport | None = None
    warnings: list[Literal["screen_suspected", "photocopy_suspected"]] = Field(default_factory=list)


class CardFieldReport(BaseModel):
    """A value that the card has a place for; ``labels`` by language, ``options`` as printed."""

    name: str
    format: Literal["text", "date", "time", "number", "choice"]
    asked_of: Literal["document", "guest", "hotel"]
    required: bool
    max_length: int
    labels: dict[str, str]
    options: dict[str, str]


class CardFormMessage(ServerMessage):
    """What the session's card asks for; ``forbidden`` names what a ``confirm`` must not hold.

    ``signature``: it has a place for a drawn one.
    """

    type: Literal["card_form"] = "card_form"
    card: str
    title: str
    law: str
    counsel: str
    fields: list[CardFieldReport]
    forbidden: list[str]
    signature: bool = False


class ConfirmedMessage(ServerMessage):
    """The reviewed document was accepted; its card can be fetched from ``card``."""

    type: Literal["confirmed"] = "confirmed"
    document_id: str
    card: str
    edited: list[str]


class HintMessage(ServerMessage):
    """The front desk helps: a guidance code, which the page words, or a text of the clerk's."""

    type: Literal["hint"] = "hint"
    code: str | None
    text: str


class FormMessage(ServerMessage):
    """Who fills in the form from now on; a clerk who takes it over sees what was read."""

    type: Literal["form"] = "form"
    holder: Literal["guest", "clerk"]


class ErrorMessage(ServerMessage):
    """Something sent was refused or failed; unless said otherwise the session lives on."""

    type: Literal["error"] = "error"
    code: str
    message: str
    category: str
    retryable: bool
    field: str | None = None


class Pong(ServerMessage):
    type: Literal["pong"] = "pong"
    id: str | int | None


class ProfileMessage(ServerMessage):
    """The pictures wanted from now on; null in a limit: whatever the sender has."""

    type: Literal["profile"] = "profile"
    name: Literal["tracking", "capture"]
    max_height: int | None
    max_fps: int | None
    max_kbps: int | None


class ClientMessage(Inbound):
    model_config = ConfigDict(extra="ignore", strict=True)


CardName = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]


Stroke = Annotated[
    list[Annotated[list[Ratio], Field(min_length=2, max_length=2)]], Field(max_length=2000)
]


class DrawnSignature(ClientMessage):
    """A PNG file in base64, or strokes: points as ratios of a pad of ``aspect`` (width/height)."""

    png: Annotated[str, Field(max_length=400_000)] | None = None
    strokes: Annotated[list[Stroke], Field(max_length=200)] | None = None
    aspect: Annotated[float, Field(ge=0.1, le=20)] = 3.0


class Configure(ClientMessage):
    """What is left out stays as it is. ``reviewing``: the document whose form the client shows;
    null for an empty form, or none."""

    type: Literal["configure"]
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None
    sides: Literal[1, 2] | None = None
    stable_required: Annotated[int, Field(ge=3, le=60)] | None = None
    card: CardName | None = None
    form: Literal["guest"] | None = None
    reviewing: Short | None = None


class TakePicture(ClientMessage):
    type: Literal["capture"]


class AnnounceStill(ClientMessage):
    """A JPEG file of so many bytes follows in binary messages; ``picture``: as ``state`` named it,
    null for the one under way."""

    type: Literal["still"]
    size_bytes: Annotated[int, Field(ge=1)]
    picture: Short | None = None


class Reset(ClientMessage):
    type: Literal["reset"]


class Confirm(ClientMessage):
    """Reviewed fields by their names; ``document_id`` null for data entered by hand.

    ``entry``: a word of the client's for these; sent again with the same word, as after a lost
    connection, they are the same document.
    """

    type: Literal["confirm"]
    document_id: Short | None = None
    entry: Short | None = None
    fields: Annotated[dict[Short, Annotated[str, Field(max_length=500)]], Field(max_length=60)]
    actor: Literal["guest", "clerk"] = "guest"
    card: CardName | None = None
    variant: Literal["flat", "print", "editable"] = "flat"
    archival: bool = False
    signature: DrawnSignature | None = None


class Ping(ClientMessage):
    type: Literal["ping"]
    id: Annotated[str, Field(max_length=100)] | int | None = None


class Close(ClientMessage):
    type: Literal["close"]


class FollowProfile(ClientMessage):
    """The sender follows profiles; ``full_width``: its pictures' under *capture*, in pixels."""

    type: Literal["profile"]
    name: Literal["tracking", "capture"]
    full_width: Annotated[int, Field(ge=16, le=16_384)]


AnyClientMessage = Annotated[
    Configure | TakePicture | AnnounceStill | Reset | Confirm | Ping | Close | FollowProfile,
    Field(discriminator="type"),
]
AnyServerMessage = Annotated[
    Ready
    | Overlay
    | GuidanceMessage
    | StateMessage
    | CaptureMessage
    | ResultMessage
    | CardFormMessage
    | ConfirmedMessage
    | HintMessage
    | FormMessage
    | ErrorMessage
    | Pong
    | ProfileMessage,
    Field(discriminator="type"),
]

_client: TypeAdapter[AnyClientMessage] = TypeAdapter(AnyClientMessage)


def parse_client_message(text: str | bytes, limit_bytes: int) -> AnyClientMessage:
    """One message from a client.

    Raises InvalidMessage, which names the field and never repeats what was sent.
    """
    if isinstance(text, bytes):
        raise InvalidMessage(
            "messages are JSON text; a binary one brings a still that was announced, in chunks of "
            f"{MIN_CHUNK_BYTES} bytes or more but for the last, and no more of it than was said"
        )
    if len(text.encode(errors="surrogatepass")) > limit_bytes:
        raise InvalidMessage(f"a message may have {limit_bytes} bytes at most")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidMessage("a message must be JSON") from None
    if not isinstance(data, dict):
        raise InvalidMessage("a message must be a JSON object")
    try:
        return _client.validate_python(data)
    except ValidationError as error:
        first = first_misfit(error)
        if first["type"].startswith("union_tag"):
            raise InvalidMessage("the message's type is missing or unknown", "type") from None
        # The first step of the place is the union's branch; keys of fields are the client's own.
        steps = steps_to(first)[1:3]
        field = ".".join(steps) if steps and steps[0] != "fields" else "fields"
        raise InvalidMessage(misfit(field, first), field) from None
