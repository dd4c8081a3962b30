"""Every setting: default, unit, and a sentence.

Read once by ``server.py``, from (later wins) defaults, ``.env``, the environment
(``LOBBYLENS_PORT``, ``LOBBYLENS_CAPTURE__BURST_FRAMES``) and the command line (``--port``,
``--capture.burst-frames``). Each layer receives its own section and knows no other.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, CliSettingsSource, NoDecode, SettingsConfigDict

from core.errors import SettingsError

Ratio = Annotated[float, Field(ge=0, le=1)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DetectSettings(Section):
    """Corner detection."""

    min_confidence: Ratio = Field(0.5, description="Below this confidence no outline is drawn.")
    padding: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.08, description="Virtual border around the frame, as a share of its size."
    )
    min_area: Ratio = Field(0.02, description="Smallest document, as a share of the frame.")


class StabilitySettings(Section):
    """When a document counts as still."""

    frames: Annotated[int, Field(ge=1, le=120)] = Field(
        8, description="Still frames in a row before the picture is taken."
    )
    tolerance: Ratio = Field(
        15 / 1468.6,
        description="Corner motion still allowed, as a share of the frame's diagonal "
        "(15 px at 1280x720).",
    )


class QualityWeights(Section):
    """Weights of the quality score; they add up to 1."""

    sharpness: Ratio = Field(0.35, description="Weight of sharpness.")
    contrast: Ratio = Field(0.25, description="Weight of contrast.")
    brightness: Ratio = Field(0.15, description="Weight of brightness.")
    edge_density: Ratio = Field(0.15, description="Weight of edge density.")
    noise: Ratio = Field(0.10, description="Weight of low noise.")

    @model_validator(mode="after")
    def _sum_is_one(self) -> QualityWeights:
        total = sum(getattr(self, name) for name in type(self).model_fields)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the quality weights add up to {total:.3f}, not to 1")
        return self


class QualitySettings(Section):
    """What a good picture is."""

    weights: QualityWeights = QualityWeights()
    min_score: Annotated[float, Field(ge=0, le=100)] = Field(
        50, description="Lowest score (0 to 100) at which a picture is taken by itself."
    )
    sharpness: Annotated[float, Field(gt=0)] = Field(
        50, description="Laplacian variance that counts as sharp."
    )
    contrast: Annotated[float, Field(gt=0)] = Field(
        40, description="Standard deviation of luma that counts as good contrast."
    )
    brightness_low: Annotated[float, Field(ge=0, le=100)] = Field(
        30, description="Darker than this (mean luma, percent) is too dark."
    )
    brightness_high: Annotated[float, Field(ge=0, le=100)] = Field(
        80, description="Brighter than this (mean luma, percent) is too bright."
    )
    edge_density: Annotated[float, Field(gt=0, le=100)] = Field(
        30, description="Share of strong edges (percent) that counts as full detail."
    )
    noise: Annotated[float, Field(gt=0)] = Field(
        5, description="Noise (sigma in luma steps) up to which a picture counts as clean."
    )
    glare: Annotated[float, Field(gt=0, le=100)] = Field(
        4, description="Share of burnt-out pixels (percent) from which glare is told."
    )


class CaptureSettings(Section):
    """Taking the picture."""

    burst_frames: Annotated[int, Field(ge=1, le=30)] = Field(
        5, description="Frames collected once the document is still; the best ones are read."
    )
    burst_timeout_ms: Annotated[int, Field(ge=100, le=10_000)] = Field(
        800, description="A burst ends after this time even when frames are missing."
    )
    page_width_px: Annotated[int, Field(ge=400, le=3000)] = Field(
        1500, description="Width of the rectified page."
    )
    min_document_width: Ratio = Field(
        0.35, description="Below this share of the frame's width the guest is asked to come closer."
    )
    removed_ms: Annotated[int, Field(ge=100, le=10_000)] = Field(
        700, description="A document missing for this long has been taken away."
    )
    guidance_min_ms: Annotated[int, Field(ge=0, le=10_000)] = Field(
        1000, description="Guidance stays at least this long."
    )
    lost_ms: Annotated[int, Field(ge=0, le=10_000)] = Field(
        300, description="A document not seen for this long before its capture is lost."
    )
    mrz_attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        3, description="Automatic captures in a row without a readable zone before giving up."
    )
    retry_pause_ms: Annotated[int, Field(ge=0, le=10_000)] = Field(
        1200, description="Pause after such a capture, for the guest to do better."
    )
    patience_ms: Annotated[int, Field(ge=0, le=600_000)] = Field(
        4000,
        description="After this time with a document in view, bad light, tilt and blur no longer "
        "keep the picture from being taken: a doubtful reading beats none.",
    )


class GuidanceSettings(Section):
    """When the guest is told what."""

    edge_margin: Ratio = Field(
        0.008,
        description="Corners nearer to the frame's edge than this share of it are too close.",
    )
    max_extent: Ratio = Field(
        0.92,
        description="A document without room, spanning more than this share of the frame, is "
        "too near rather than off centre.",
    )
    min_side_ratio: Ratio = Field(
        0.7, description="Opposite sides less alike than this mean that the document is tilted."
    )
    min_glyph_px: Annotated[float, Field(ge=0, le=100)] = Field(
        8, description="Lowest height of the zone's capitals, in pixels of the camera's picture."
    )
    moving: Annotated[float, Field(gt=0)] = Field(
        0.15, description="Corner speed (frame diagonals a second) that counts as moving."
    )


class MrzSettings(Section):
    """Reading the machine-readable zone."""

    tessdata: Path = Field(
        Path("/usr/share/tesseract-ocr/5/tessdata"),
        description="Folder with the traineddata file (Debian's tesseract-ocr-eng puts it there).",
    )
    language: str = Field("eng", description="Name of the traineddata file, without its ending.")
    deadline_ms: Annotated[int, Field(ge=100, le=60_000)] = Field(
        5_000, description="Longest time spent on reading one capture."
    )


class PipelineSettings(Section):
    """Everything that knows documents."""

    models: Path = Field(Path("models"), description="Folder of the models and their manifest.")
    templates: Path = Field(
        Path("templates"), description="Folder of the registration card and its mapping."
    )
    detect: DetectSettings = DetectSettings()
    stability: StabilitySettings = StabilitySettings()
    quality: QualitySettings = QualitySettings()
    capture: CaptureSettings = CaptureSettings()
    guidance: GuidanceSettings = GuidanceSettings()
    mrz: MrzSettings = MrzSettings()


class MediaSettings(Section):
    """Peers and sessions."""

    udp_ports: str = Field(
        "",
        description="UDP ports for media, as FIRST-LAST (for firewalls and containers); "
        "empty: any free port.",
        pattern=r"^(\d{1,5}-\d{1,5})?$",
    )
    public_addresses: Annotated[list[str], NoDecode] = Field(
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
        120, description="A session without video or messages for this long ends."
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
        2000, description="Bitrate at which browsers are asked to start."
    )
    analysis_threads: Annotated[int, Field(ge=1, le=64)] = Field(
        2, description="Threads that analyse frames, shared by all sessions."
    )

    @model_validator(mode="before")
    @classmethod
    def _split_addresses(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("public_addresses"), str):
            names = [part.strip() for part in data["public_addresses"].split(",")]
            data = {**data, "public_addresses": [name for name in names if name]}
        return data

    @model_validator(mode="after")
    def _sound(self) -> MediaSettings:
        for address in self.public_addresses:
            ipaddress.ip_address(address)
        if self.udp_ports:
            first, last = self.port_range or (0, 0)
            if not 1024 <= first <= last <= 65535:
                raise ValueError("udp_ports must be FIRST-LAST within 1024 to 65535")
        return self

    @property
    def port_range(self) -> tuple[int, int] | None:
        """First and last UDP port, both included; None for any port."""
        if not self.udp_ports:
            return None
        first, last = self.udp_ports.split("-")
        return int(first), int(last)


class SignalingSettings(Section):
    """Doors and who may pass them."""

    max_sessions: Annotated[int, Field(ge=1, le=1000)] = Field(
        20, description="Sessions at the same time; more get 503 with Retry-After."
    )
    max_sdp_bytes: Annotated[int, Field(ge=1000)] = Field(
        100_000, description="Longest session description accepted."
    )
    max_body_bytes: Annotated[int, Field(ge=1000)] = Field(
        1_000_000, description="Longest request body accepted on any other door."
    )
    stun_urls: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="STUN servers told to browsers and used here, as URLs."
    )
    turn_urls: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="TURN servers told to browsers and used here, as URLs."
    )
    turn_secret: SecretStr | None = Field(
        None, description="Secret shared with the TURN server, for time-limited credentials."
    )
    turn_ttl_s: Annotated[int, Field(ge=60, le=86_400)] = Field(
        3600, description="How long TURN credentials are valid."
    )
    drain_timeout_s: Annotated[float, Field(ge=0)] = Field(
        5, description="On SIGTERM, how long captures under way may take to finish."
    )

    @model_validator(mode="before")
    @classmethod
    def _split_urls(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for key in ("stun_urls", "turn_urls"):
                if isinstance(data.get(key), str):
                    parts = [part.strip() for part in data[key].split(",")]
                    data = {**data, key: [part for part in parts if part]}
        return data


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
    api_token: SecretStr | None = Field(
        None,
        description="Bearer token that opening a session asks for. Needed to serve on anything "
        "but loopback.",
    )
    tls: Literal["off", "self-signed", "files"] = Field(
        "off", description="off, self-signed (a LAN trial), or files (tls-cert and tls-key)."
    )
    tls_cert: Path | None = Field(None, description="Certificate chain, PEM.")
    tls_key: Path | None = Field(None, description="Private key, PEM.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )
    log_format: Literal["text", "json"] = Field("text", description="Log lines as text or JSON.")
    health: bool = Field(
        False, description="Serve nothing: ask the server on this port how it is, and exit."
    )
    pipeline: PipelineSettings = PipelineSettings()
    media: MediaSettings = MediaSettings()
    signaling: SignalingSettings = SignalingSettings()

    @model_validator(mode="after")
    def _safe_to_serve(self) -> Settings:
        if not is_loopback(self.host) and self.api_token is None:
            raise ValueError(
                f"refusing to serve on {self.host} without authentication: set "
                "LOBBYLENS_API_TOKEN to a long random string, or serve on 127.0.0.1"
            )
        if self.tls == "files" and not (self.tls_cert and self.tls_key):
            raise ValueError("tls=files needs both tls-cert and tls-key")
        return self


def is_loopback(host: str) -> bool:
    """True when ``host`` is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def load_settings(arguments: list[str] | None = None) -> Settings:
    """Settings from defaults, ``.env``, environment and ``arguments`` (None: no command line).

    Raises SettingsError that names each wrong setting; its text holds no secret value.
    """
    try:
        if arguments is None:
            return Settings()
        source: CliSettingsSource[Settings] = CliSettingsSource(Settings, cli_parse_args=arguments)
        return Settings(_cli_settings_source=source)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in item['loc']) or 'settings'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("; ".join(problems)) from None
