"""Answers of the doors beside the streams': offers, sessions, the front desk, stored documents."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from media.inbound import Inbound
from media.messages import CardFormMessage, ConfirmedMessage
from signaling.api.models import Told


class IceServerReport(BaseModel):
    """An RTCIceServer (W3C WebRTC, section 4.2.4)."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class OfferAnswer(BaseModel):
    sdp: str
    type: Literal["answer"]
    session_id: Annotated[str, Field(description="A secret.")]
    resume_token: Annotated[str, Field(description="A secret; works once.")]
    ice_servers: list[IceServerReport]


class ConfigAnswer(BaseModel):
    ice_servers: list[IceServerReport]
    protocol: str


class StillAnswer(BaseModel):
    taken: Annotated[bool, Field(description="False when it came too late.")]


class _Unstamped(BaseModel):
    """What a message of a stream has and an answer has not."""

    v: Literal["1.0"] = Field("1.0", exclude=True)
    session_id: str = Field("", exclude=True)
    seq: int = Field(0, exclude=True)
    ts_ms: int = Field(0, exclude=True)


class CardFormAnswer(_Unstamped, CardFormMessage):
    """The message ``card_form`` without what only a stream of messages needs."""

    type: Literal["card_form"] = Field("card_form", exclude=True)


class ConfirmAnswer(_Unstamped, ConfirmedMessage):
    """The message ``confirmed``, likewise."""

    type: Literal["confirmed"] = Field("confirmed", exclude=True)


class SessionTokenRequest(Inbound):
    model_config = ConfigDict(extra="ignore", strict=True)

    origin: Annotated[str, Field(description="Of the page, such as https://hotel.example.")]


class SessionTokenAnswer(Told):
    token: str
    origin: str
    expires_in: Annotated[int, Field(description="Seconds.")]


class StaffSession(BaseModel):
    """A session as the front desk sees it: nothing of the guest's."""

    label: str
    age_s: int
    language: str
    session: str
    capture: str
    guidance: str | None
    result: str | None
    confirmed: bool
    documents: int


class StaffSessions(Inbound):
    sessions: list[StaffSession]


class TakenForm(BaseModel):
    document_id: str | None
    fields: dict[str, str]
    card_form: Annotated[CardFormAnswer, Field(description="What the session's card asks for.")]


class StaffConfirmed(BaseModel):
    document_id: str
    edited: list[str]


class StoredRecord(BaseModel):
    record: str
    created_s: Annotated[float, Field(description="Unix time.")]
    expires_s: Annotated[dict[str, float], Field(description="Unix time, by kind.")]


class StoredRecords(Told):
    records: list[StoredRecord]


class StoredDeleted(Told):
    deleted: Annotated[int, Field(description="Files.")]


class StoredSwept(Told):
    looked: int
    deleted: dict[str, int]
    unfinished: int
    failed: int
    left: int
