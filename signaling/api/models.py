"""Bodies that the API takes and gives; ``openapi.py`` makes the description of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from core.settings import EnhanceSettings
from media.answers import FrameAnswer, GuidanceReport, Point, ReadAnswer
from media.messages import CardName, DrawnSignature, FieldReport, QualityReport, Ratio

__all__ = ["FieldReport", "GuidanceReport", "ReadAnswer"]

MAX_FIELDS, MAX_VALUE = 60, 500
SessionId = Annotated[str, Field(max_length=100, description="The session's secret id.")]
Base64 = Annotated[
    str, Field(description="The file as base64, with or without a data URL's beginning.")
]
Images = AliasChoices("image", "frame", "file", "data")


class Given(BaseModel):
    """A request's body; unknown keys are left for later versions."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class Told(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    success: Literal[True] = True


class ErrorBody(BaseModel):
    """Every refusal."""

    success: Literal[False] = False
    error: Annotated[str, Field(description="One sentence for a person.")]
    error_code: Annotated[str, Field(description="For machines; never changes.")]
    request_id: str | None = None
    field: Annotated[str, Field(description="What is wrong, where it can be named.")] | None = None


class SessionRequest(Given):
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    stable_required: Annotated[int, Field(ge=3, le=60)] | None = None


class SessionAnswer(Told):
    session_id: str
    stable_required: int
    limits: dict[str, int | float]


class ClosedAnswer(Told):
    session_id: str
    message: str = "session closed"


class FrameRequest(Given):
    session_id: SessionId
    image: Annotated[Base64 | None, Field(validation_alias=Images)] = None


class CaptureRequest(Given):
    session_id: SessionId
    enhance: EnhanceSettings | None = None


class CaptureResult(ReadAnswer):
    action: Literal["capture_result"] = "capture_result"
    session_id: str


class BatchFrame(Given):
    image: Annotated[Base64, Field(validation_alias=Images)]


def _wrapped(frame: Any) -> Any:
    return {"image": frame} if isinstance(frame, str) else frame


Frames = Annotated[
    BatchFrame, BeforeValidator(_wrapped, json_schema_input_type=Base64 | BatchFrame)
]


class BatchRequest(Given):
    session_id: SessionId
    frames: list[Frames] = []
    fps: Annotated[float, Field(ge=1, le=120, description="Frames a second of the batch.")] = 24


class VideoRequest(Given):
    session_id: SessionId
    video: Annotated[
        Base64 | None, Field(validation_alias=AliasChoices("video", "file", "data", "chunk"))
    ] = None


class FailedFrame(BaseModel):
    """A frame of a batch that could not be used; the others are answered all the same."""

    success: Literal[False] = False
    frame: int
    error: str
    error_code: str


class BatchAnswer(Told):
    """``results`` in order; the keys below repeat the last frame that could be looked at."""

    session_id: str
    frames_received: int
    frames_processed: int
    truncated: Annotated[bool, Field(description="Time was over before the last frame.")]
    detected: bool
    stable_count: int
    stable_required: int
    ready_for_capture: bool
    results: list[FrameAnswer | FailedFrame]


class UploadRequest(Given):
    image: Annotated[Base64 | None, Field(validation_alias=Images)] = None
    enhance: EnhanceSettings | None = None


class ExtractAnswer(ReadAnswer):
    """The page that was read best; ``pages`` has every page of a TIFF or PDF file in order."""

    page: Annotated[int, Field(description="Number of this page in the file, from 0.")]
    pages: list[ReadAnswer]
    more_pages: Annotated[bool, Field(description="The file has pages that were not read.")]


class DetectedPage(BaseModel):
    detected: bool
    corners: list[Point] | None
    corners_ratio: list[Point] | None
    confidence: Ratio
    document_kind: str | None
    quality: QualityReport
    width: int
    height: int


class DetectAnswer(DetectedPage, Told):
    """The first page that shows a document, else the first; ``pages`` has all, in order."""

    page: int
    pages: list[DetectedPage]
    more_pages: bool


def _as_text(value: Any) -> Any:
    """Forms send numbers and empty values as well."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


FieldText = Annotated[
    str,
    Field(max_length=MAX_VALUE),
    BeforeValidator(_as_text, json_schema_input_type=str | int | float | None),
]
GuestData = Annotated[
    dict[Annotated[str, Field(max_length=100)], FieldText], Field(max_length=MAX_FIELDS)
]


class UpdateRequest(Given):
    """``session_id`` may be left out for a card by hand, which then asks for the server's token."""

    session_id: SessionId | None = None
    document_id: Annotated[str, Field(max_length=100)] | None = None
    guest_data: GuestData
    actor: Literal["guest", "clerk"] = "guest"
    card: Annotated[CardName, Field(description="Another card than the server's own.")] | None = (
        None
    )
    variant: Literal["flat", "print", "editable"] = "flat"
    archival: Annotated[bool, Field(description="As PDF/A-2b, to be kept for long.")] = False
    signature: DrawnSignature | None = None


class UpdateAnswer(Told):
    session_id: str | None
    document_id: str
    filled_document: Annotated[str, Field(description="Address of the PDF.")]
    is_edited: Annotated[
        bool, Field(description="The data differ from what was read, or nothing was read.")
    ]
    edited: list[str]
    left_out: Annotated[
        list[str], Field(description="Sent, but the card must not hold it, and does not.")
    ]
    data: dict[str, str]
    original: Annotated[
        dict[str, str] | None, Field(description="As read; null when nothing was, or forgotten.")
    ]


class PreviewRequest(Given):
    session_id: SessionId | None = None
    document_id: Annotated[str, Field(max_length=100)] | None = None
    guest_data: GuestData = Field(default_factory=dict)


class PreviewAnswer(Told):
    html: str


class HealthAnswer(BaseModel):
    """``status`` is ok while the server lives."""

    model_config = ConfigDict(extra="allow")

    status: Literal["ok"]
    models: dict[str, str]
    websocket: bool
    active_sessions: int
    accepting: bool


class Endpoint(BaseModel):
    method: str
    path: str
    description: str
    token: Annotated[
        bool,
        Field(
            description="Asks for a credential where one is set, unless a session's id is given."
        ),
    ]


class StatusAnswer(Told):
    service: str
    version: str
    protocol: str
    uptime_s: float
    models: dict[str, str]
    transports: dict[str, str]
    sessions: dict[str, int | bool]
    formats: dict[str, list[str]]
    limits: dict[str, int | float]
    endpoints: list[Endpoint]
