"""The table of the API's operations without WebRTC: their routes and descriptions come from it
alone. Those whose routes others add are in `described`."""

from __future__ import annotations

from aiohttp import hdrs, web
from pydantic import BaseModel

from core.errors import (
    CaptureFailed,
    DocumentFillingError,
    Forbidden,
    InvalidImage,
    InvalidMessage,
    InvalidSession,
    ModelNotFound,
    MrzError,
    NotFound,
    Overloaded,
    RateLimited,
    TooLarge,
    Unauthorized,
    UnsupportedMediaType,
    UpgradeRequired,
)
from core.http import Endpoint
from media.answers import FrameAnswer
from signaling import pages
from signaling.api import documents, models, status, stream_http, stream_ws, uploads
from signaling.api.access import same_origin
from signaling.api.operation import Errors, Operation

_BODY: Errors = (InvalidMessage, TooLarge, UnsupportedMediaType, Forbidden, Overloaded)
_IMAGE: Errors = (*_BODY, InvalidImage, ModelNotFound)
_PICTURES = ("image/jpeg", "image/webp", "image/png", "application/octet-stream")
_FILES = (*_PICTURES, "image/bmp", "image/tiff", "image/heic", "application/pdf")


def _post(
    path: str,
    tag: str,
    endpoint: Endpoint,
    result: type[BaseModel],
    body: type[BaseModel],
    errors: Errors,
    *,
    file_field: str = "",
    file_types: tuple[str, ...] = (),
    result_types: tuple[str, ...] = ("application/json",),
    body_required: bool = True,
) -> Operation:
    return Operation(
        method="POST",
        path=path,
        tag=tag,
        endpoint=same_origin(endpoint),
        result=result,
        body=body,
        body_required=body_required,
        form=True,
        file_field=file_field,
        file_types=file_types,
        result_types=result_types,
        errors=errors,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/health", "Service", pages.health, models.HealthAnswer),
    Operation("GET", "/api/status", "Service", status.status, models.StatusAnswer),
    Operation(
        "GET",
        "/api/stream/ws",
        "Stream",
        same_origin(stream_ws.stream),
        errors=(UpgradeRequired, Forbidden),
    ),
    _post(
        "/api/stream/session",
        "Stream",
        stream_http.begin,
        models.SessionAnswer,
        models.SessionRequest,
        (*_BODY, Unauthorized),
        body_required=False,
    ),
    Operation(
        "DELETE",
        "/api/stream/session/{session_id}",
        "Stream",
        same_origin(stream_http.end),
        models.ClosedAnswer,
        errors=(InvalidSession, Forbidden),
    ),
    _post(
        "/api/stream/frame",
        "Stream",
        stream_http.frame,
        FrameAnswer,
        models.FrameRequest,
        (*_IMAGE, InvalidSession, CaptureFailed, RateLimited),
        file_field="image",
        file_types=_PICTURES,
    ),
    _post(
        "/api/stream/capture",
        "Stream",
        stream_http.capture,
        models.CaptureResult,
        models.CaptureRequest,
        (*_BODY, InvalidSession, CaptureFailed, MrzError, ModelNotFound),
    ),
    _post(
        "/api/stream/video",
        "Stream",
        stream_http.video,
        models.BatchAnswer,
        models.VideoRequest,
        (*_IMAGE, InvalidSession, CaptureFailed, RateLimited),
        file_field="video",
        file_types=("video/webm", "video/mp4", "application/octet-stream"),
    ),
    _post(
        "/api/stream/video/frames",
        "Stream",
        stream_http.batch,
        models.BatchAnswer,
        models.BatchRequest,
        (*_IMAGE, InvalidSession, CaptureFailed, RateLimited),
        file_field="frames",
    ),
    _post(
        "/api/extract",
        "Upload",
        uploads.extract,
        models.ExtractAnswer,
        models.UploadRequest,
        (*_IMAGE, MrzError, Unauthorized),
        file_field="image",
        file_types=_FILES,
    ),
    _post(
        "/api/detect",
        "Upload",
        uploads.detect,
        models.DetectAnswer,
        models.UploadRequest,
        (*_IMAGE, Unauthorized),
        file_field="image",
        file_types=_FILES,
    ),
    _post(
        "/api/mrz/update",
        "Document",
        documents.update,
        models.UpdateAnswer,
        models.UpdateRequest,
        (*_BODY, InvalidSession, NotFound, DocumentFillingError, Unauthorized),
    ),
    _post(
        "/api/document/preview",
        "Document",
        documents.preview,
        models.PreviewAnswer,
        models.PreviewRequest,
        (*_BODY, InvalidSession, NotFound, Unauthorized),
        result_types=("text/html", "application/json"),
    ),
    Operation(
        "GET",
        "/api/document/pdf/{document_id}",
        "Document",
        documents.pdf,
        result_types=("application/pdf",),
        errors=(NotFound,),
    ),
)


def add_api(app: web.Application) -> None:
    """Routes of every operation but those that others add."""
    for operation in OPERATIONS:
        if operation.path == "/health":
            continue
        if operation.method == hdrs.METH_GET:
            # With HEAD (RFC 9110, section 9.1).
            app.router.add_get(operation.path, operation.endpoint)
        else:
            app.router.add_route(operation.method, operation.path, operation.endpoint)
