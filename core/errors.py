"""Every error the service raises on purpose.

LobbyLensError
├── BadRequest                what was sent cannot be used            400
│   ├── InvalidMessage        a data-channel message, a JSON body     400
│   ├── InvalidImage          a picture that cannot be decoded        422
│   ├── InvalidSdp            a session description                   422
│   ├── NotAcceptable         no video, no common codec               406
│   ├── UnsupportedMediaType  a body of another type                  415
│   ├── MethodNotAllowed      a method that the address does not take 405
│   ├── UpgradeRequired       an address that speaks WebSocket only   426
│   ├── PreconditionFailed    an entity tag that is not current       412
│   └── TooLarge              over a size limit                       413
├── Unauthorized              no or wrong credentials                 401
├── Forbidden                 right, but not for who asks             403
│   └── InsufficientScope     a known principal without the scope     403
├── MisdirectedRequest        a Host that is none of ours             421
├── NotFound                  no such thing                           404
│   └── InvalidSession        no such session, or it is over          404
├── Overloaded                full; carries retry_after_s             503
├── RateLimited               a client asks or sends too much         429
├── StoredFileError           a stored file that is none, or changed   500
├── SettingsError             the operator's configuration            500
├── ModelNotFound             a model file is missing or wrong        500
├── CaptureFailed             no frame good enough                    422
├── BarcodeError              the barcode of a driving licence
│   ├── BarcodeNotFound       no symbol on the page                   422
│   └── BarcodeFormatError    data that are not a licence's           422
├── MrzError                  the machine-readable zone
│   ├── MrzNotFound           no zone on the page                     422
│   └── MrzFormatError        lines that are no ICAO 9303 zone        422
└── DocumentFillingError      the card could not be filled            422
    └── MissingGlyph          the card's font lacks a character       422

``code`` is for machines and never changes; ``status`` is the HTTP status (RFC 9110); the
message is one sentence for a person, says what to do, and holds no guest data.
"""

from __future__ import annotations

from typing import ClassVar


class LobbyLensError(Exception):
    """Root of the tree. ``message`` is safe to show and to log; ``field`` names what is wrong."""

    code: ClassVar[str] = "INTERNAL"
    category: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class BadRequest(LobbyLensError):
    code = "BAD_REQUEST"
    category = "request"
    status = 400


class InvalidMessage(BadRequest):
    """A message or body that is no JSON, of an unknown type, or has a wrong ``field``."""

    code = "INVALID_MESSAGE"


class InvalidImage(BadRequest):
    code = "INVALID_IMAGE"
    status = 422


class InvalidSdp(BadRequest):
    code = "INVALID_SDP"
    status = 422


class NotAcceptable(BadRequest):
    code = "NOT_ACCEPTABLE"
    status = 406


class UnsupportedMediaType(BadRequest):
    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class MethodNotAllowed(BadRequest):
    """The address takes other methods: ``allowed``, as the Allow header names them."""

    code = "METHOD_NOT_ALLOWED"
    status = 405

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class UpgradeRequired(BadRequest):
    """RFC 9110, section 15.5.22."""

    code = "UPGRADE_REQUIRED"
    status = 426


class PreconditionFailed(BadRequest):
    """An ``If-Match`` entity tag of another ICE session (RFC 9725, section 4.3), or an offer that a
    newer one of its client has overtaken."""

    code = "PRECONDITION_FAILED"
    status = 412


class TooLarge(BadRequest):
    code = "TOO_LARGE"
    status = 413


class Unauthorized(LobbyLensError):
    """``challenge``: what WWW-Authenticate tells (RFC 9110, section 11.6.1; RFC 6750)."""

    code = "UNAUTHORIZED"
    category = "access"
    status = 401

    def __init__(self, message: str, challenge: str = "Bearer") -> None:
        super().__init__(message)
        self.challenge = challenge


class Forbidden(LobbyLensError):
    """What was shown is right, but not for this origin, or not for a page of another one."""

    code = "FORBIDDEN"
    category = "access"
    status = 403


class InsufficientScope(Forbidden):
    """A principal that is known, at a door that asks for another scope (RFC 6750, section 3.1)."""

    code = "INSUFFICIENT_SCOPE"

    def __init__(self, message: str, scope: str) -> None:
        super().__init__(message)
        self.challenge = f'Bearer error="insufficient_scope", scope="{scope}"'


class MisdirectedRequest(LobbyLensError):
    """The request names a host that this server does not answer for (RFC 9110, 15.5.20)."""

    code = "MISDIRECTED_REQUEST"
    category = "access"
    status = 421


class NotFound(LobbyLensError):
    code = "NOT_FOUND"
    category = "request"
    status = 404


class InvalidSession(NotFound):
    code = "INVALID_SESSION"
    category = "session"


class Overloaded(LobbyLensError):
    """The server is full or draining; try again after ``retry_after_s`` seconds."""

    code = "OVERLOADED"
    category = "capacity"
    status = 503
    retryable = True

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimited(LobbyLensError):
    """A client sends more than it may; on a data channel its session ends."""

    code = "RATE_LIMITED"
    category = "capacity"
    status = 429

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoredFileError(LobbyLensError):
    """A stored file that is none, was changed, or whose key is not there."""

    code = "STORED_FILE"
    category = "keeping"


class SettingsError(LobbyLensError):
    code = "SETTINGS"
    category = "configuration"


class ModelNotFound(LobbyLensError):
    code = "MODEL_NOT_FOUND"
    category = "configuration"


class CaptureFailed(LobbyLensError):
    code = "CAPTURE_FAILED"
    category = "capture"
    status = 422
    retryable = True


class BarcodeError(LobbyLensError):
    code = "BARCODE_EXTRACTION_FAILED"
    category = "reading"
    status = 422
    retryable = True


class BarcodeNotFound(BarcodeError):
    code = "BARCODE_NOT_FOUND"


class BarcodeFormatError(BarcodeError):
    code = "BARCODE_FORMAT"


class MrzError(LobbyLensError):
    code = "MRZ_EXTRACTION_FAILED"
    category = "reading"
    status = 422
    retryable = True


class MrzNotFound(MrzError):
    code = "MRZ_NOT_FOUND"


class MrzFormatError(MrzError):
    code = "MRZ_FORMAT"


class DocumentFillingError(LobbyLensError):
    code = "DOCUMENT_FILLING_ERROR"
    category = "card"
    status = 422


class MissingGlyph(DocumentFillingError):
    """The card's font has no glyph for a character; the character is named by code point."""

    code = "MISSING_GLYPH"
