"""Who may do what, what may be kept, and who may frame the page: scopes, principals, settings.

The authenticator that makes a Principal of credentials is in `signaling.access`; what is kept of
guests, and for how long, is in `signaling.keeping`.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Protocol
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from core.sections import Items, MaybePath, Paths, Section, parts

_KEY_ID = r"[A-Za-z0-9_-]{1,32}"
_MIN_HS256_BYTES = 32
_ORIGIN = r"https?://[A-Za-z0-9.-]+(:\d{1,5})?"


class Scope(StrEnum):
    """What a principal may do; an operator may all that the others may."""

    OPERATOR = "operator"
    KIOSK = "kiosk"
    READER = "reader"


class SessionUse(StrEnum):
    """What a door does with a session token of an embedded page."""

    NO = "no"
    PEEK = "peek"
    SPEND = "spend"


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever passed a door. ``name`` is for the logs."""

    name: str
    scopes: frozenset[Scope] = frozenset()

    def may(self, scope: Scope) -> bool:
        """Whether a door that asks for ``scope`` is open."""
        return scope in self.scopes or Scope.OPERATOR in self.scopes


ANONYMOUS = Principal("anonymous", frozenset({Scope.OPERATOR}))
"""Anybody, on a server whose settings name no credential; they allow that on loopback only."""
TOKEN_HOLDER = Principal("token", frozenset({Scope.OPERATOR}))
NOBODY = Principal("nobody")
"""Whoever came by an address that asks for nothing."""


class Attempt(Protocol):
    """How one request's credentials count while they are looked at."""

    def begin(self) -> None:
        """Count them as refused until they are found good. Raises RateLimited."""
        ...

    def forgive(self) -> None:
        """They are good: they do not count."""
        ...


class Authenticator(Protocol):
    """Makes a principal of a request's credentials."""

    async def principal(
        self,
        authorization: str | None,
        origin: str | None,
        use: SessionUse,
        api_key: str | None = None,
        attempt: Attempt | None = None,
    ) -> Principal:
        """``origin``: of the page that asks. ``use``: of a session token. ``api_key``: the header
        X-API-Key, which is then looked at alone. ``attempt``: begins before anything that others
        could be asked beside.

        Raises Unauthorized for credentials that are missing, forged or expired, Forbidden for
        those of a page of another origin, and what ``attempt`` does.
        """
        ...

    def give_back(self, principal: Principal) -> None:
        """The door did not open after all: a session token may be used again."""
        ...

    def settle(self, principal: Principal) -> None:
        """The door opened: a session token is used up."""
        ...


def _keys(told: SecretStr | None, what: str) -> dict[str, str]:
    """``ID:VALUE`` items by their id. Raises ValueError."""
    found: dict[str, str] = {}
    for item in parts(told.get_secret_value() if told else ""):
        name, _, value = item.partition(":")
        if not re.fullmatch(_KEY_ID, name) or not value or name in found:
            raise ValueError(f"{what} must be ID:VALUE, comma-separated, each id once")
        found[name] = value
    return found


def is_web_origin(text: str) -> bool:
    """Whether ``text`` is an origin (RFC 6454) by https, or by http on this machine."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    plain = f"{url.scheme}://{url.netloc}" == text and port != 0
    return plain and not set("@*;, '") & set(text) and secure(text)


def secure(url: str) -> bool:
    """Whether a URL is https, or stays on this machine."""
    split = urlsplit(url)
    host = split.hostname or ""
    if split.scheme == "https":
        return bool(host)
    if split.scheme != "http":
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class AccessSettings(Section):
    """Who may pass which door, and how often."""

    jwt_hs256_keys: SecretStr | None = Field(
        None,
        description="Keys of JSON Web Tokens signed by HS256, as ID:SECRET, comma-separated; "
        "32 bytes or more each.",
    )
    jwt_eddsa_keys: Paths = Field(
        default_factory=list,
        description="Public keys of tokens signed by EdDSA, as PEM files; a file's name without "
        "its ending is the key's id.",
    )
    jwt_issuer: str = Field("", description="Issuer (iss) that tokens must name.")
    jwt_audience: str = Field("lobbylens", description="Audience (aud) that tokens must name.")
    api_keys: Items = Field(
        default_factory=list,
        description="API keys as hashes, NAME:SCOPE+SCOPE:HASH, comma-separated; "
        "`python server.py access key NAME SCOPE` makes one.",
    )
    basic_users: Items = Field(
        default_factory=list,
        description="Users of basic authentication, NAME:SCOPE+SCOPE:HASH, comma-separated; "
        "`python server.py access password NAME SCOPE` makes one.",
    )
    session_token_ttl_s: Annotated[int, Field(ge=10, le=3600)] = Field(
        300, description="How long a session token for an embedded page waits for its use."
    )
    allowed_origins: Items = Field(
        default_factory=list,
        description="Origins whose pages may use the API (CORS), comma-separated.",
    )
    openings_per_min: Annotated[int, Field(ge=1)] = Field(
        240,
        description="Sessions begun or resumed, session tokens made and files read, for each "
        "principal and address, by each worker.",
    )
    frames_per_min: Annotated[int, Field(ge=1)] = Field(
        12_000, description="Requests with frames or stills, for each address, by each worker."
    )
    requests_per_min: Annotated[int, Field(ge=1)] = Field(
        6000, description="Other requests, for each principal and address, by each worker."
    )
    failures_per_min: Annotated[int, Field(ge=1)] = Field(
        30, description="Refused credentials, for each address, by each worker."
    )
    audit: Literal["off", "stderr", "file"] = Field(
        "stderr", description="Where it is noted who did what: JSON lines."
    )
    audit_file: MaybePath = Field(None, description="The file, for audit=file.")

    @field_validator("api_keys", "basic_users")
    @classmethod
    def _credentials(cls, items: list[str]) -> list[str]:
        names = [Credential.parse(item).name for item in items]
        if len(set(names)) < len(names):
            raise ValueError("each name once")
        return items

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, origins: list[str]) -> list[str]:
        if not all(is_web_origin(origin) for origin in origins):
            raise ValueError("must be origins such as https://hotel.example, without a path")
        return origins

    @model_validator(mode="after")
    def _sound(self) -> AccessSettings:
        secrets = self.hs256_keys
        if any(len(secret.encode()) < _MIN_HS256_BYTES for secret in secrets.values()):
            # RFC 7518, section 3.2.
            raise ValueError(f"a key of HS256 has {_MIN_HS256_BYTES} bytes or more")
        return self

    @property
    def hs256_keys(self) -> dict[str, str]:
        return _keys(self.jwt_hs256_keys, "jwt-hs256-keys")

    @property
    def names_credentials(self) -> bool:
        """Whether anybody could show a credential named here."""
        return bool(self.jwt_hs256_keys or self.jwt_eddsa_keys or self.api_keys or self.basic_users)


@dataclass(frozen=True, slots=True)
class Credential:
    """``hash`` is sha256$HEX of a key of high entropy, or scrypt$N$R$P$SALT$HEX of a password."""

    name: str
    scopes: frozenset[Scope]
    hash: str

    @staticmethod
    def parse(text: str) -> Credential:
        """``NAME:SCOPE+SCOPE:HASH``. Raises ValueError that repeats nothing."""
        name, _, rest = text.partition(":")
        told, _, digest = rest.partition(":")
        form = r"sha256\$[0-9a-f]{64}|scrypt\$\d{4,7}\$\d{1,2}\$\d{1,2}\$[0-9a-f]{32}\$[0-9a-f]{64}"
        if not re.fullmatch(_KEY_ID, name) or not re.fullmatch(form, digest):
            raise ValueError("must be NAME:SCOPE+SCOPE:HASH, as `server.py access` prints it")
        try:
            return Credential(name, frozenset(Scope(item) for item in told.split("+")), digest)
        except ValueError:
            raise ValueError(f"scopes are {', '.join(Scope)}") from None


class KeepingSettings(Section):
    """What of a guest's visit is stored, and how long. By default nothing is."""

    folder: MaybePath = Field(None, description="Folder of stored files; needs keys.")
    keys: SecretStr | None = Field(
        None,
        description="Keys of stored files, as ID:BASE64 of 32 bytes, comma-separated. The first "
        "encrypts, all decrypt; `python server.py store key ID` makes one.",
    )
    image_hours: Annotated[float, Field(gt=0, le=87_600)] | None = Field(
        None, description="Keep the pictures of each document this long; unset: not at all."
    )
    json_hours: Annotated[float, Field(gt=0, le=87_600)] | None = Field(
        None, description="Keep what was read and confirmed this long; unset: not at all."
    )
    pdf_hours: Annotated[float, Field(gt=0, le=87_600)] | None = Field(
        None, description="Keep the filled card this long; unset: not at all."
    )
    sweep_every_s: Annotated[float, Field(ge=1, le=86_400)] = Field(
        300, description="How often files whose time is over are deleted."
    )

    @model_validator(mode="after")
    def _complete(self) -> KeepingSettings:
        for key in self.parsed_keys.values():
            if len(key) != 32:
                raise ValueError("a key is the base64 of 32 bytes: `server.py store key ID`")
        return self

    @property
    def hours(self) -> dict[str, float]:
        """Retention in hours by kind, of the kinds that are stored."""
        told = {
            "image": self.image_hours,
            "other": self.image_hours,
            "json": self.json_hours,
            "pdf": self.pdf_hours,
        }
        return {kind: hours for kind, hours in told.items() if hours is not None}

    @property
    def parsed_keys(self) -> dict[str, bytes]:
        """Keys by id, the one that encrypts first."""
        try:
            named = _keys(self.keys, "keys")
            return {name: base64.b64decode(value, validate=True) for name, value in named.items()}
        except binascii.Error:
            raise ValueError("a key is the base64 of 32 bytes: `server.py store key ID`") from None


class WebhookSettings(Section):
    """Where captured and confirmed documents are told."""

    urls: Items = Field(
        default_factory=list,
        description="Addresses that are told, https or on this machine, comma-separated.",
    )
    secrets: SecretStr | None = Field(
        None,
        description="Secrets that sign, base64 of 24 to 64 bytes with or without whsec_ before; "
        "comma-separated while one is replaced.",
    )
    payload: Literal["minimal", "fields"] = Field(
        "minimal", description="minimal: ids and states; fields: guest data too."
    )
    attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        8, description="How often an event is sent to an address that does not take it."
    )
    first_wait_s: Annotated[float, Field(gt=0, le=60)] = Field(
        1, description="Longest wait before the second attempt; it doubles from then on."
    )
    max_wait_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        600, description="Longest wait before any attempt."
    )
    timeout_s: Annotated[float, Field(gt=0, le=60)] = Field(
        10, description="Longest time for one attempt."
    )
    max_pending: Annotated[int, Field(ge=1, le=10_000)] = Field(
        500, description="Events under way; further ones are left out and told in the log."
    )
    spool: MaybePath = Field(
        None,
        description="Folder where events wait for a restart, sealed by keeping.keys; unset: they "
        "wait in memory only. Addresses are then told one event after another, in order.",
    )
    spool_hours: Annotated[float, Field(gt=0, le=720)] = Field(
        72, description="Events older than this are given up, and their files wiped."
    )
    spool_max_bytes: Annotated[int, Field(ge=10_000)] = Field(
        20_000_000,
        description="Most bytes in a worker's spool; further events wait in memory only.",
    )

    @model_validator(mode="after")
    def _sound(self) -> WebhookSettings:
        if not all(secure(url) and "@" not in url for url in self.urls):
            raise ValueError("an address must be https, or http on this machine")
        _ = self.signing_keys
        return self

    @property
    def signing_keys(self) -> list[bytes]:
        """Raises ValueError for what is no such secret."""
        told = parts(self.secrets.get_secret_value() if self.secrets else "")
        try:
            keys = [base64.b64decode(item.removeprefix("whsec_"), validate=True) for item in told]
        except binascii.Error:
            raise ValueError("a secret is the base64 of 24 to 64 bytes") from None
        if not all(24 <= len(key) <= 64 for key in keys):
            raise ValueError("a secret is the base64 of 24 to 64 bytes")
        return keys


class PageSettings(Section):
    """The guest's page: the property's own look, and who may hold it in a frame."""

    folder: MaybePath = Field(
        None, description="The property's folder: page.json, theme.css, logo.svg; all optional."
    )
    specimen: bool = Field(
        False, description="Offer the drawn specimen as a camera, for trials: never to guests."
    )
    frame_ancestors: Items = Field(
        default_factory=list,
        description="Origins of front-desk pages that may embed the page "
        "(https://desk.example); comma-separated. Others are refused.",
    )

    @field_validator("frame_ancestors")
    @classmethod
    def _is_origin(cls, origins: list[str]) -> list[str]:
        # An origin as browsers write it (RFC 6454): they are compared character by character.
        if not all(
            re.fullmatch(_ORIGIN, origin) and origin == origin.lower() for origin in origins
        ):
            raise ValueError("must be origins: https://HOST or https://HOST:PORT, in small letters")
        return origins
