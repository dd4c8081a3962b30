"""Every setting: default, unit, and a sentence.

Read once by ``server.py``, from (later wins) defaults, ``.env``, the environment
(``LOBBYLENS_PORT``, ``LOBBYLENS_MEDIA__UDP_PORTS``) and the command line (``--port``,
``--media.udp-ports``). Each layer receives its own section and knows no other.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal, TypeVar

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from core.auth import AccessSettings, KeepingSettings, PageSettings, WebhookSettings
from core.errors import SettingsError
from core.sections import (
    CaptureSettings,
    DetectSettings,
    DoorSettings,
    EnhanceSettings,
    GuidanceSettings,
    Items,
    MaybePath,
    MrzSettings,
    PipelineSettings,
    QualitySettings,
    QualityWeights,
    Section,
    StabilitySettings,
    VisualSettings,
    looks_like,
)

__all__ = [
    "AccessSettings", "CaptureSettings", "DetectSettings", "DoorSettings", "EnhanceSettings",
    "GuidanceSettings", "KeepingSettings", "LoadSettings", "MediaSettings", "MrzSettings",
    "PageSettings", "PipelineSettings", "QualitySettings", "QualityWeights", "Section", "Settings",
    "SignalingSettings", "StabilitySettings", "VisualSettings", "WebhookSettings", "is_loopback",
    "load_settings", "read_settings",
]  # fmt: skip

_S = TypeVar("_S", bound=BaseSettings)
Port = Annotated[int, Field(ge=0, le=65535)]
# aiortc takes no IPv6 address in them; a name with one it does.
_HOST_PORT = r"[A-Za-z0-9.-]+(:\d{1,5})?"
_MACHINE = "must be at most 32 small letters, digits and -"
_WORDS = {"extra_forbidden": "there is no such setting"}
_STUN_URL = rf"stuns?:{_HOST_PORT}"
_TURN_URL = rf"turns?:{_HOST_PORT}(\?transport=(udp|tcp))?"


class MediaSettings(Section):
    """Peers and sessions."""

    udp_ports: str = Field(
        "",
        description="UDP ports for media, as FIRST-LAST (for firewalls and containers); "
        "empty: any free port.",
    )
    public_addresses: Items = Field(
        default_factory=list,
        description="Addresses to offer to browsers instead of the machine's own "
        "(one-to-one NAT, containers); comma-separated.",
    )
    loopback: bool = Field(
        True, description="Also offer 127.0.0.1, so that a kiosk without any network works."
    )
    connect_timeout_s: Annotated[float, Field(gt=0, le=120)] = Field(
        15, description="A session not connected after this time ends."
    )
    idle_timeout_s: Annotated[float, Field(gt=0)] = Field(
        120,
        description="A session ends that had no document in view, and whose client asked for "
        "nothing, for this long.",
    )
    loss_wait_ms: Annotated[int, Field(ge=20, le=2000)] = Field(
        100, description="How long a lost packet is waited for before a key frame is asked for."
    )
    stall_timeout_s: Annotated[float, Field(gt=0)] = Field(
        4, description="A connection that has fallen silent for this long is closed."
    )
    total_timeout_s: Annotated[float, Field(gt=0)] = Field(
        900, description="No session lives longer than this."
    )
    resume_timeout_s: Annotated[float, Field(gt=0)] = Field(
        20, description="A session whose peer is lost can be resumed for this long."
    )
    max_message_bytes: Annotated[int, Field(ge=256)] = Field(
        65_536, description="Longest message accepted on a data channel."
    )
    messages_per_s: Annotated[float, Field(gt=0)] = Field(
        30, description="A client that sends more messages than this is closed."
    )
    start_bitrate_kbps: Annotated[int, Field(ge=100, le=20_000)] = Field(
        2000,
        description="Bitrate at which browsers are asked to start; they send twice that at most.",
    )
    profiles: bool = Field(
        True,
        description="Ask senders that can for small pictures while no document is held, and for "
        "all that the camera has while one is.",
    )
    tracking_height_px: Annotated[int, Field(ge=180, le=4320)] = Field(
        360, description="Height of the small pictures."
    )
    tracking_fps: Annotated[int, Field(ge=1, le=60)] = Field(
        12, description="Most small pictures a second."
    )
    tracking_kbps: Annotated[int, Field(ge=50, le=20_000)] = Field(
        500, description="Most bits for them, in kbit/s."
    )
    rest: bool = Field(
        True,
        description="Decode only every other frame, of senders that code in temporal layers, once "
        "no document has been in view for a second.",
    )
    still_wait_ms: Annotated[int, Field(ge=0, le=5000)] = Field(
        400,
        description="How long a capture waits for the full-resolution still of a page that sends "
        "one, unless it was read beyond doubt while the document was held; without it the best "
        "frames of the video are read.",
    )
    max_still_bytes: Annotated[int, Field(ge=10_000)] = Field(
        8_000_000, description="Largest still accepted, as a JPEG file."
    )
    give_back_memory_s: Annotated[float, Field(ge=0)] = Field(
        60,
        description="How often memory that guests have left is given back to the system, at most; "
        "0: never.",
    )
    analysis_threads: Annotated[int, Field(ge=1, le=64)] = Field(
        2,
        description="Threads that analyse frames, shared by all sessions. As many frames at once "
        "may be analysed beside them by the threads that decoded them, where that is short.",
    )

    @field_validator("udp_ports")
    @classmethod
    def _is_range(cls, ports: str) -> str:
        if ports:
            found = re.fullmatch(r"(\d{4,5})-(\d{4,5})", ports, re.ASCII)
            if not (found and 1024 <= int(found[1]) <= int(found[2]) <= 65535):
                raise ValueError("must be FIRST-LAST within 1024 to 65535, as 50000-50099")
        return ports

    @field_validator("public_addresses")
    @classmethod
    def _is_address(cls, addresses: list[str]) -> list[str]:
        for address in addresses:
            ipaddress.ip_address(address)
        return addresses

    @property
    def port_range(self) -> tuple[int, int] | None:
        """First and last UDP port, both included; None for any port."""
        if not self.udp_ports:
            return None
        first, last = self.udp_ports.split("-")
        return int(first), int(last)


class LoadSettings(Section):
    """When the server does less for each guest, and takes no more."""

    max_lag_ms: Annotated[float, Field(gt=0)] = Field(
        20,
        description="Overloaded when more than 5 percent of the event loop's turns come later "
        "than this while the server itself uses half a processor or more.",
    )
    max_cpu_share: Annotated[float, Field(gt=0)] = Field(
        0.7,
        description="Overloaded above this share of the processors that the server may use (more "
        "than 1: never).",
    )
    hold_s: Annotated[float, Field(gt=0, le=600)] = Field(
        4,
        description="Overloaded for this long, fewer frames are analysed; for two, three and four "
        "times as long, fewer still, fewer are decoded, and no session is begun beside those "
        "that run.",
    )


class SignalingSettings(Section):
    """Doors and who may pass them."""

    max_sessions: Annotated[int, Field(ge=1, le=1000)] = Field(
        20,
        description="Sessions at the same time, of all workers together; more get 503 with "
        "Retry-After.",
    )
    machine: Annotated[str, looks_like(r"[a-z0-9-]{0,32}", _MACHINE)] = Field(
        "",
        description="This machine's name in the addresses of its sessions, where a balancer "
        "stands before several (docs/deployment.md).",
    )
    allowed_hosts: Items = Field(
        default_factory=list,
        description="Names, beside addresses, localhost and this machine's own name, under which "
        "browsers may reach the server, as hotel.example or *.hotel.example; * for any.",
    )
    trusted_proxies: Items = Field(
        default_factory=list,
        description="Addresses or networks of reverse proxies whose X-Forwarded-For is believed.",
    )
    max_sdp_bytes: Annotated[int, Field(ge=1000)] = Field(
        100_000, description="Longest session description accepted."
    )
    max_body_bytes: Annotated[int, Field(ge=1000)] = Field(
        1_000_000, description="Longest request body accepted on any other door."
    )
    max_bodies_bytes: Annotated[int, Field(ge=1_000_000)] = Field(
        200_000_000,
        description="Bytes of bodies held at the same time, by each worker, half of them for one "
        "address; more get 503 with Retry-After. Two of the longest always have room.",
    )
    stun_urls: Items = Field(
        default_factory=list, description="STUN servers told to browsers and used here, as URLs."
    )
    turn_urls: Items = Field(
        default_factory=list, description="TURN servers told to browsers and used here, as URLs."
    )
    turn_secret: SecretStr | None = Field(
        None, description="Secret shared with the TURN server, for time-limited credentials."
    )
    turn_ttl_s: Annotated[int, Field(ge=60, le=86_400)] = Field(
        3600, description="How long TURN credentials are valid."
    )
    resume_token_ttl_s: Annotated[float, Field(gt=0)] = Field(
        900, description="How long a resume token is valid; each reconnection brings a new one."
    )
    drain_timeout_s: Annotated[float, Field(ge=0)] = Field(
        5, description="On SIGTERM, how long captures under way may take to finish."
    )

    @field_validator("stun_urls", "turn_urls")
    @classmethod
    def _is_ice_url(cls, urls: list[str], told: ValidationInfo) -> list[str]:
        # RFC 7064 and RFC 7065; a wrong one would fail every offer.
        kind, form = ("stun", _STUN_URL) if told.field_name == "stun_urls" else ("turn", _TURN_URL)
        if not all(re.fullmatch(form, url) for url in urls):
            raise ValueError(f"must look like {kind}:HOST:PORT")
        return urls

    @field_validator("trusted_proxies")
    @classmethod
    def _is_network(cls, networks: list[str]) -> list[str]:
        for network in networks:
            ipaddress.ip_network(network)
        return networks

    @field_validator("allowed_hosts")
    @classmethod
    def _is_host(cls, names: list[str]) -> list[str]:
        if not all(re.fullmatch(r"\*|(\*\.)?[A-Za-z0-9_.-]+", name) for name in names):
            raise ValueError("must be names without scheme and port, as hotel.example")
        return names


class Settings(BaseSettings):
    """LobbyLens: a browser's camera in, a read passport and a filled registration card out."""

    model_config = SettingsConfigDict(
        env_prefix="LOBBYLENS_",
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",
        frozen=True,
        cli_kebab_case=True,
        cli_prog_name="server.py",
        cli_implicit_flags=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
    )

    host: str = Field("127.0.0.1", description="Address to serve on.")
    port: Port = Field(8080, description="TCP port to serve on; 0: any free one.")
    workers: Annotated[int, Field(ge=0, le=64)] = Field(
        1,
        description="Processes that share the port and the sessions; 0: one for each processor "
        "that the server may use.",
    )
    api_token: SecretStr | None = Field(
        None,
        description="Bearer token that opening a session asks for. Needed to serve on anything "
        "but loopback.",
    )
    tls: Literal["off", "self-signed", "files"] = Field(
        "off", description="off, self-signed (a LAN trial), or files (tls-cert and tls-key)."
    )
    tls_cert: MaybePath = Field(None, description="Certificate chain, PEM.")
    tls_key: MaybePath = Field(None, description="Private key, PEM.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )
    log_format: Literal["text", "json"] = Field("text", description="Log lines as text or JSON.")
    health: bool = Field(
        False, description="Serve nothing: ask the server on this port how it is, and exit."
    )
    pipeline: PipelineSettings = PipelineSettings()
    media: MediaSettings = MediaSettings()
    load: LoadSettings = LoadSettings()
    signaling: SignalingSettings = SignalingSettings()
    page: PageSettings = PageSettings()
    doors: DoorSettings = DoorSettings()
    access: AccessSettings = AccessSettings()
    keeping: KeepingSettings = KeepingSettings()
    webhooks: WebhookSettings = WebhookSettings()

    @field_validator("api_token")
    @classmethod
    def _no_empty_token(cls, token: SecretStr | None) -> SecretStr | None:
        # An unset variable in a container's description arrives as an empty one.
        return token if token is not None and token.get_secret_value().strip() else None

    @property
    def objections(self) -> list[str]:
        """Why this is not to be served: what would be open to anybody, and settings that would
        not do what they were set for, as one that they need is missing."""
        access, keeping, turn = self.access, self.keeping, self.signaling
        hooks, visual = self.webhooks, self.pipeline.visual
        named = self.api_token is not None or access.names_credentials
        files, tokens = self.tls == "files", access.hs256_keys or access.jwt_eddsa_keys
        needs: tuple[tuple[object, object, str], ...] = (
            (not is_loopback(self.host), named, f"refusing to serve on {self.host} without "
             "authentication: set LOBBYLENS_API_TOKEN to a long random string, or serve on "
             "127.0.0.1"),
            (files, self.tls_cert and self.tls_key, "tls=files needs both tls-cert and tls-key"),
            (self.tls_cert or self.tls_key, files, "tls-cert and tls-key need tls=files"),
            (access.audit == "file", access.audit_file, "access.audit=file needs audit-file"),
            (access.audit_file, access.audit == "file", "access.audit-file needs audit=file"),
            (tokens, access.jwt_issuer and access.jwt_audience,
             "access: tokens need jwt-issuer and jwt-audience, which they must name"),
            (access.jwt_issuer, tokens,
             "access.jwt-issuer needs jwt-hs256-keys or jwt-eddsa-keys, which sign tokens"),
            # Browsers refuse a TURN server without credentials, and the guest sees nothing at all.
            (turn.turn_urls, turn.turn_secret,
             "signaling.turn-urls needs turn-secret, shared with the TURN server"),
            (turn.turn_secret, turn.turn_urls,
             "signaling.turn-secret needs turn-urls, which name the TURN server"),
            (keeping.hours, keeping.folder and keeping.parsed_keys,
             "storing needs keeping.folder and keeping.keys"),
            (hooks.urls, hooks.signing_keys,
             "webhooks.urls need secrets, so that receivers can tell who speaks"),
            # A spool alone serves whoever has given up webhooks: what waits in it is wiped.
            (hooks.signing_keys, hooks.urls or hooks.spool,
             "webhooks.secrets need urls, which are told"),
            (hooks.spool, keeping.parsed_keys,
             "webhooks.spool needs keeping.keys, which seal it: `server.py store key ID`"),
            (visual.printed_names, visual.enabled,
             "pipeline.visual.printed-names needs pipeline.visual.enabled"),
        )  # fmt: skip
        return [words for told, needed, words in needs if told and not needed]


def is_loopback(host: str) -> bool:
    """True when ``host`` is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def load_settings(arguments: list[str], *, serving: bool = True) -> Settings:
    """All settings. Raises what `read_settings` does, and with ``serving`` SettingsError also for
    what speaks against that."""
    settings = read_settings(Settings, arguments)
    if serving and not settings.health and settings.objections:
        raise SettingsError(f"settings: {'; '.join(settings.objections)}")
    return settings


def read_settings(kind: type[_S], arguments: list[str]) -> _S:
    """Settings from defaults, ``.env``, environment and ``arguments``.

    Raises SettingsError that names each wrong setting; its text holds no secret value.
    """
    try:
        return kind(_cli_settings_source=CliSettingsSource(kind, cli_parse_args=arguments))
    except SourceError as error:
        # It names the setting and its source, and holds no value.
        raise SettingsError(str(error)) from None
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in item['loc']).replace('_', '-') or 'settings'}: "
            f"{_WORDS.get(item['type']) or item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("; ".join(problems)) from None
