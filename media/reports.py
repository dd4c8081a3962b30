"""The pipeline's nouns as messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import LobbyLensError
from core.settings import MediaSettings
from media.barcodes import BarcodeReport
from media.messages import (
    CaptureMessage,
    CorrectionReport,
    ErrorMessage,
    FieldReport,
    FrameStamp,
    GuidanceMessage,
    MrzReport,
    Overlay,
    ProfileMessage,
    QualityReport,
    Ready,
    ResultMessage,
)
from media.profiles import Limits, Profile
from pipeline.mrz.formats import layout_of
from pipeline.mrz.places import field_at
from pipeline.types import (
    BarcodeRead,
    CaptureState,
    Document,
    Exposure,
    Look,
    MrzRead,
    Observation,
    QuadPx,
    Quality,
    Side,
)

FLAT_NAMES = {
    "primary_identifier": "surname",
    "secondary_identifier": "given_names",
    "document_number": "document_number",
    "nationality": "nationality",
    "date_of_birth": "date_of_birth",
    "sex": "sex",
    "date_of_expiry": "date_of_expiry",
    "issuing_state": "issuing_state",
}
"""ICAO names and the short ones of the ``flat`` part of a result."""

_READY_STATES = (CaptureState.HOLDING, CaptureState.CAPTURED)


def frame_stamp(seen: Observation) -> FrameStamp:
    return FrameStamp(
        index=seen.frame_index,
        rtp_timestamp=seen.rtp_timestamp,
        width=seen.width_px,
        height=seen.height_px,
    )


def quality_report(quality: Quality) -> QualityReport:
    measures = {name: getattr(quality, name) for name in QualityReport.model_fields}
    known = {name: round(float(value), 2) for name, value in measures.items() if value is not None}
    return QualityReport(**known)


def _ratios(quad: QuadPx, width_px: int, height_px: int) -> list[tuple[float, float]]:
    return [(round(float(x) / width_px, 5), round(float(y) / height_px, 5)) for x, y in quad]


def overlay(seen: Observation, latency_ms: float) -> Overlay:
    """``latency_ms`` is from the decoder's frame to this message."""
    found, size = seen.detection, (seen.width_px, seen.height_px)
    region = found.mrz_quad_px if found else None
    return Overlay(
        frame=frame_stamp(seen),
        detected=found is not None,
        corners=_ratios(found.quad_px, *size) if found else None,
        cut=found.cut if found else False,
        confidence=round(float(found.confidence), 4) if found else 0.0,
        document_kind=found.mrtd_format.value if found and found.mrtd_format else None,
        mrz_region=_ratios(region, *size) if region is not None else None,
        stable_count=seen.stability.stable_count,
        stable_required=seen.stability.stable_required,
        progress=seen.stability.progress,
        ready_for_capture=seen.state in _READY_STATES
        and seen.stability.stable_count >= seen.stability.stable_required,
        quality=quality_report(seen.quality) if seen.quality else None,
        latency_ms=round(latency_ms, 1),
    )


@dataclass(frozen=True, slots=True)
class LookReport:
    """What one still image shows; ``corners`` in pixels, ``corners_ratio`` as ratios."""

    detected: bool
    corners: list[list[float]] | None
    corners_ratio: list[tuple[float, float]] | None
    confidence: float
    document_kind: str | None
    quality: QualityReport
    width: int
    height: int


def look(seen: Look) -> LookReport:
    found, size = seen.detection, (seen.width_px, seen.height_px)
    return LookReport(
        detected=found is not None,
        corners=[[round(float(x), 1), round(float(y), 1)] for x, y in found.quad_px]
        if found
        else None,
        corners_ratio=_ratios(found.quad_px, *size) if found else None,
        confidence=round(float(found.confidence), 4) if found else 0.0,
        document_kind=found.mrtd_format.value if found and found.mrtd_format else None,
        quality=quality_report(seen.quality),
        width=size[0],
        height=size[1],
    )


def guidance(seen: Observation, texts: Mapping[str, str]) -> GuidanceMessage:
    code = seen.guidance.code.value
    return GuidanceMessage(
        frame=frame_stamp(seen),
        code=code,
        severity=seen.guidance.severity.value,
        side=seen.guidance.side.value,
        min_ms=seen.guidance.min_ms,
        text=texts.get(code, ""),
    )


def capture(seen: Observation | None, taken: Exposure) -> CaptureMessage:
    """``seen``: the frame that completed the burst, unless it was taken of earlier ones."""
    return CaptureMessage(
        frame=frame_stamp(seen) if seen else None,
        document_id=taken.id,
        trigger=taken.trigger.value,
        frames_fused=taken.page_count,
        quality=quality_report(taken.quality),
        side=taken.side.value,
        next="back" if taken.next_side is Side.BACK else None,
        next_side=taken.next_side.value if taken.next_side else None,
    )


def ready(
    limits: MediaSettings, stable_required: int, sides_wanted: int, languages: list[str]
) -> Ready:
    return Ready(
        stable_required=stable_required,
        sides=sides_wanted,
        languages=languages,
        limits={
            "max_message_bytes": limits.max_message_bytes,
            "messages_per_s": limits.messages_per_s,
            "max_still_bytes": limits.max_still_bytes,
            "idle_timeout_s": limits.idle_timeout_s,
            "total_timeout_s": limits.total_timeout_s,
        },
    )


def error(told: LobbyLensError) -> ErrorMessage:
    return ErrorMessage(
        code=told.code,
        message=told.message,
        category=told.category,
        retryable=told.retryable,
        field=told.field,
    )


def profile(wanted: Profile, limits: Limits) -> ProfileMessage:
    return ProfileMessage(
        name=wanted.value,
        max_height=limits.max_height,
        max_fps=limits.max_fps,
        max_kbps=limits.max_kbps,
    )


def result(
    document: Document, *, revised: bool = False, images: Mapping[str, str] | None = None
) -> ResultMessage:
    """``images``: addresses of the pictures that there are."""
    fields = {
        name: FieldReport(
            value=field.value,
            raw=field.raw,
            status=field.status.value,
            confidence=round(min(1.0, max(0.0, float(field.confidence))), 4),
            truncated=field.truncated,
            century_inferred=field.century_inferred,
            printed=field.printed,
        )
        for name, field in document.fields.items()
    }

    def value(name: str) -> str | None:
        return fields[name].value if name in fields else None

    return ResultMessage(
        document_id=document.id,
        status=document.status.value,
        document={
            "format": document.format,
            "document_code": value("document_code"),
            "issuing_state": value("issuing_state"),
        },
        fields=fields,
        flat={short: value(name) or "" for name, short in FLAT_NAMES.items()},
        mrz=_mrz(document.mrz) if document.mrz else None,
        checks={name: check.value for name, check in document.checks.items()},
        quality=quality_report(document.quality) if document.quality else None,
        images=dict(images or {}),
        sides=[side.value for side in document.sides],
        revised=revised,
        barcode=_barcode(document.barcode) if document.barcode else None,
        warnings=[warning.value for warning in document.warnings],
    )


def _barcode(read: BarcodeRead) -> BarcodeReport:
    return BarcodeReport(**{name: getattr(read, name) for name in BarcodeReport.model_fields})


def _mrz(read: MrzRead) -> MrzReport:
    layout = layout_of(read.format, read.lines)
    return MrzReport(
        lines=list(read.lines),
        corrections=[
            CorrectionReport(
                line=item.line,
                position=item.position,
                read=item.read,
                corrected=item.corrected,
                why=item.why,
                field=field_at(layout, read.lines, item.line, item.position),
            )
            for item in read.corrections
        ],
        check_digits={name: check.value for name, check in read.check_digits.items()},
        frames_fused=read.frames_fused,
    )
