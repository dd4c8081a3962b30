"""What a stream without WebRTC is told: one answer a frame, one for a capture.

The names are those that clients of such backends know (``stable_count``, ``ready_for_capture``,
``data``); what they carry is what the data channels carry.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from media.barcodes import BarcodeReport
from media.messages import (
    CorrectionReport,
    FieldReport,
    MrzReport,
    Overlay,
    QualityReport,
    Ratio,
    ResultMessage,
)
from media.reports import FLAT_NAMES

__all__ = ["CorrectionReport", "FrameAnswer", "GuidanceReport", "ReadAnswer"]

Point = Annotated[list[float], Field(min_length=2, max_length=2)]


class GuidanceReport(BaseModel):
    """What to tell the guest; codes as in docs/protocol.md."""

    code: str
    severity: str
    text: str


class FrameAnswer(BaseModel):
    """What one frame showed. ``corners`` in pixels of the frame as sent, ``corners_ratio`` as
    ratios; both clockwise from the document's top-left."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    success: Literal[True] = True
    session_id: str
    frame: Annotated[int, Field(ge=0, description="Number of this frame in the stream, from 0.")]
    analysed: Annotated[
        bool,
        Field(
            description="False: the server was busy and repeats what it said of the frame before."
        ),
    ] = True
    dropped: Annotated[
        int, Field(ge=0, description="Frames left out since the answer before, as newer ones came.")
    ] = 0
    detected: bool
    corners: list[Point] | None
    corners_ratio: list[Point] | None
    confidence: Ratio
    document_kind: str | None
    stable_count: int
    stable_required: int
    progress: Ratio
    ready_for_capture: Annotated[
        bool, Field(description="A capture asked for now gives a good picture.")
    ]
    state: Annotated[str, Field(description="Capture state, see docs/protocol.md.")]
    guidance: GuidanceReport | None
    quality: QualityReport | None
    width: int
    height: int
    latency_ms: Annotated[float, Field(description="From the frame's arrival to this answer.")]


class ReadAnswer(BaseModel):
    """A document as read. ``data`` is flat text by name, ready to be reviewed and sent back."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    success: Literal[True] = True
    document_id: str
    status: Literal["complete", "needs_review", "failed"]
    data: dict[str, str]
    quality: QualityReport | None
    document: dict[str, str | None]
    fields: dict[str, FieldReport]
    mrz: MrzReport | None
    barcode: BarcodeReport | None = None
    warnings: list[str] = Field(default_factory=list)
    checks: dict[str, Literal["pass", "fail", "not_done", "not_applicable"]]


def frame_answer(seen: Overlay, **also: Any) -> FrameAnswer:
    """The overlay of a frame as an answer; ``also`` gives what the overlay does not know."""
    size = (seen.frame.width, seen.frame.height)
    ratios = [list(corner) for corner in seen.corners] if seen.corners is not None else None
    known = {
        "detected": seen.detected,
        "corners": [[round(x * size[0], 1), round(y * size[1], 1)] for x, y in ratios]
        if ratios is not None
        else None,
        "corners_ratio": ratios,
        "confidence": seen.confidence,
        "document_kind": seen.document_kind,
        "stable_count": seen.stable_count,
        "stable_required": seen.stable_required,
        "progress": seen.progress,
        "quality": seen.quality,
        "width": size[0],
        "height": size[1],
        "latency_ms": seen.latency_ms,
    }
    return FrameAnswer(**{**known, **also})


def flat_data(result: ResultMessage) -> dict[str, str]:
    """Every field of a result as text: short names where there are some, ICAO names else."""
    others = {
        name: field.value
        for name, field in result.fields.items()
        if name not in FLAT_NAMES and field.value
    }
    return {**result.flat, **others}


def read_answer(result: ResultMessage) -> ReadAnswer:
    return ReadAnswer(
        document_id=result.document_id,
        status=result.status,
        data=flat_data(result),
        quality=result.quality,
        document=result.document,
        fields=result.fields,
        mrz=result.mrz,
        barcode=result.barcode,
        warnings=list(result.warnings),
        checks=result.checks,
    )
