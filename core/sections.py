"""Sections of the settings: the pipeline, the doors without WebRTC.

Read as a part of all settings by ``core/settings.py``.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

Ratio = Annotated[float, Field(ge=0, le=1)]


def parts(text: str) -> list[str]:
    """The items of a comma-separated setting."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _split(given: Any) -> Any:
    return parts(given) if isinstance(given, str) else given


Items = Annotated[list[str], NoDecode, BeforeValidator(_split)]
"""Comma-separated where they are set, a list in JSON."""
Paths = Annotated[list[Path], NoDecode, BeforeValidator(_split)]
MaybePath = Annotated[Path | None, BeforeValidator(lambda given: given or None)]
"""An unset variable in a container's description arrives as an empty one."""


def looks_like(form: str, words: str) -> AfterValidator:
    """A text must match ``form`` from end to end; ``words`` tell what that is."""

    def check(text: str) -> str:
        if not re.fullmatch(form, text):
            raise ValueError(words)
        return text

    return AfterValidator(check)


CardName = Annotated[
    str, looks_like(r"[a-z0-9_]{1,64}", "must be 1 to 64 small letters, digits and _")
]


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
    zone_glare: Annotated[float, Field(gt=0, le=100)] = Field(
        5,
        description="The same over the machine-readable zone alone.",
    )
    zone_covered: Annotated[float, Field(gt=0, le=100)] = Field(
        3, description="Share of the zone (percent) without print from which it is covered."
    )


class CaptureSettings(Section):
    """Taking the picture."""

    burst_frames: Annotated[int, Field(ge=1, le=30)] = Field(
        5, description="Frames collected once the document is still; the best ones are read."
    )
    burst_timeout_ms: Annotated[int, Field(ge=100, le=10_000)] = Field(
        800, description="A burst ends after this time even when frames are missing."
    )
    read_ahead: bool = Field(
        True, description="Read while the document is held: certainty ends the burst early."
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
    max_turn_deg: Annotated[float, Field(gt=0, le=90)] = Field(
        60,
        description="A document that leans more than this on its side, and has no room to be "
        "large enough there, is to be rotated.",
    )
    moving: Annotated[float, Field(gt=0)] = Field(
        0.15, description="Corner speed (frame diagonals a second) that counts as moving."
    )


class SidesSettings(Section):
    """Cards with two sides."""

    wanted: Annotated[int, Field(ge=1, le=2)] = Field(
        1,
        description="1: the side with the zone is enough; 2: a card is to be turned over for its "
        "other side.",
    )
    turn_ms: Annotated[int, Field(ge=0, le=60_000)] = Field(
        4000, description="Time to turn a card over before its side is read all the same."
    )


class EnhanceSettings(Section):
    """Filters on the page before its zone is read; all off, as the reader does best without."""

    enable_upscaling: bool = Field(
        False, description="Enlarge pages narrower than the target width (Lanczos)."
    )
    target_width: Annotated[int, Field(ge=400, le=4000)] = Field(
        1800, description="Width in pixels that upscaling leads to."
    )
    enable_sharpening: bool = Field(False, description="Unsharp mask.")
    sharpen_amount: Annotated[float, Field(ge=0, le=5)] = Field(
        0.3, description="Share of the detail that the unsharp mask adds."
    )
    enable_contrast: bool = Field(
        False, description="Local contrast (contrast-limited adaptive histogram equalisation)."
    )
    clahe_clip_limit: Annotated[float, Field(gt=0, le=40)] = Field(
        2.0, description="How far local contrast may be raised."
    )
    enable_denoise: bool = Field(
        False, description="Non-local means; takes a second and more for each page."
    )
    denoise_strength: Annotated[float, Field(gt=0, le=30)] = Field(
        10, description="Noise (luma steps) that counts as such."
    )

    @property
    def active(self) -> bool:
        """Whether any filter is on."""
        return (
            self.enable_upscaling
            or self.enable_sharpening
            or self.enable_contrast
            or self.enable_denoise
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


class VisualSettings(Section):
    """Reading what a data page prints for people, to compare it with its zone."""

    enabled: bool = Field(
        True, description="Compare the page's print with its zone, after the result was told."
    )
    language: str = Field(
        "",
        description="Name of the traineddata file in pipeline.mrz.tessdata; empty: Latin where "
        "that folder has it (Debian's tesseract-ocr-script-latn), which alone can spell names "
        "with their national letters, else pipeline.mrz.language.",
    )
    deadline_ms: Annotated[int, Field(ge=100, le=60_000)] = Field(
        2_500, description="Longest time spent on reading the print of one page."
    )
    portrait: bool = Field(
        False,
        description="Give the portrait of the data page to whoever knows the session's address. "
        "It is personal data close to biometrics: kept in memory, wiped with the session. That "
        "of a card's front needs pipeline.visual.enabled.",
    )
    page: bool = Field(
        False,
        description="Give the picture of each page, as taken and flattened, to whoever knows the "
        "session's address: for front desks that compare it with what was read. Kept in memory, "
        "wiped with the session.",
    )
    printed_names: bool = Field(
        False,
        description="Cards show names as the data page prints them, with national letters, where "
        "they agree with the zone and nobody changed them.",
    )


class PipelineSettings(Section):
    """Everything that knows documents."""

    models: Path = Field(Path("models"), description="Folder of the models and their manifest.")
    templates: Path = Field(
        Path("templates"), description="Folder of the registration cards, a folder for each."
    )
    card: CardName = Field(
        "registration_card", description="The card to fill, unless a session asks for another."
    )
    fonts: Paths = Field(
        default_factory=list,
        description="Folders searched for the Noto fonts before the system's; comma-separated.",
    )
    hotel_name: Annotated[str, Field(max_length=80)] = Field(
        "", description="The hotel's name on the registration card."
    )
    hotel_address: Annotated[str, Field(max_length=160)] = Field(
        "", description="The hotel's full address, for cards that ask for it."
    )
    time_zone: str = Field(
        "",
        description="IANA name of the property's time zone (Europe/Vienna), whose date says "
        "whether a document has expired; empty: the machine's own.",
    )
    detect: DetectSettings = DetectSettings()
    stability: StabilitySettings = StabilitySettings()
    quality: QualitySettings = QualitySettings()
    capture: CaptureSettings = CaptureSettings()
    guidance: GuidanceSettings = GuidanceSettings()
    sides: SidesSettings = SidesSettings()
    enhance: EnhanceSettings = EnhanceSettings()
    mrz: MrzSettings = MrzSettings()
    visual: VisualSettings = VisualSettings()

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name and name not in zoneinfo.available_timezones():
            raise ValueError(f"no time zone is called {name!r}: give one like Europe/Vienna")
        return name

    def today(self) -> datetime.date:
        """The date at the property now."""
        zone = zoneinfo.ZoneInfo(self.time_zone) if self.time_zone else None
        return datetime.datetime.now(zone).date()


class DoorSettings(Section):
    """Streams without WebRTC, uploads and documents: how much each may bring."""

    max_frame_bytes: Annotated[int, Field(ge=10_000)] = Field(
        2_000_000, description="Largest frame of a stream, as a JPEG, WebP or PNG file."
    )
    max_frame_pixels: Annotated[int, Field(ge=76_800, le=50_000_000)] = Field(
        3840 * 2160, description="Most pixels of a stream's frame."
    )
    max_batch_frames: Annotated[int, Field(ge=1, le=500)] = Field(
        60, description="Most frames in one batch, and most analysed of one video chunk."
    )
    max_batch_bytes: Annotated[int, Field(ge=100_000)] = Field(
        20_000_000, description="Largest body of a batch of frames, or video chunk."
    )
    max_batch_s: Annotated[float, Field(gt=0, le=300)] = Field(
        20, description="Longest time spent on one batch or video chunk."
    )
    max_upload_bytes: Annotated[int, Field(ge=100_000)] = Field(
        20_000_000, description="Largest uploaded file."
    )
    max_upload_pages: Annotated[int, Field(ge=1, le=100)] = Field(
        10, description="Most pages of an uploaded TIFF or PDF file that are read."
    )
    max_upload_s: Annotated[float, Field(gt=0, le=300)] = Field(
        30, description="Longest time spent on one upload; pages left over are told."
    )
    waiting_uploads: Annotated[int, Field(ge=0, le=1000)] = Field(
        8, description="Uploads that may wait for the one being read; more get 503."
    )
    capture_timeout_s: Annotated[float, Field(gt=0, le=300)] = Field(
        30, description="Longest wait for the reading of a stream's capture."
    )
    card_ttl_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        300,
        description="How long a card made by the API can be fetched, and a session that its "
        "client has closed can still be given a card, in seconds.",
    )
    max_cards: Annotated[int, Field(ge=1, le=10_000)] = Field(
        100, description="Most such cards and sessions remembered; the oldest falls."
    )
