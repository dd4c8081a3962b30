"""What is printed on the lines that the MRZ recogniser learns from.

Half of the lines come from valid documents of every format; the rest is made to keep the network
from guessing by context: random characters, look-alikes side by side, digits, runs of fillers.
"""

from __future__ import annotations

from models.training.drawing import Rng
from models.training.mrz_lines import SpecimenFields, compose_lines
from pipeline.mrz.check_digits import ALPHABET, DIGITS, FILLER, LETTERS
from pipeline.mrz.formats import LAYOUTS
from pipeline.types import MrtdFormat

_STATE_CODES = (
    "UTO AFG ALB ARE ARG ARM AUS AUT AZE BEL BGD BGR BIH BLR BRA CAN CHE CHL CHN CIV COL CZE D DNK "
    "DOM DZA ECU EGY ESP EST ETH EUE FIN FRA GBR GEO GHA GRC HRV HUN IDN IND IRL IRN IRQ ISL ISR "
    "ITA JAM JOR JPN KAZ KEN KGZ KOR KWT LBN LTU LUX LVA MAR MDA MEX MKD MLT MNE MYS NGA NLD NOR "
    "NPL NZL PAK PER PHL POL PRT PRY QAT ROU RKS RUS SAU SEN SGP SRB SVK SVN SWE SYR THA TUN TUR "
    "TWN UKR UNO URY USA UZB VEN VNM XXA XXB XXC YEM ZAF ZWE"
)
_STATES = _STATE_CODES.split()
_CODES = {
    MrtdFormat.TD3: ("P", "P", "P", "PA", "PD", "PM", "PO", "PP", "PS", "PN"),
    MrtdFormat.TD1: ("I", "ID", "ID", "IR", "A", "AR", "C", "CR", "IO", "AC"),
    MrtdFormat.TD2: ("I", "ID", "A", "AR", "C", "IP", "AR"),
    MrtdFormat.MRVA: ("V", "VC", "VN", "VA"),
    MrtdFormat.MRVB: ("V", "VC", "VN", "VD"),
}
_SOUNDS = (
    ("B BR C CH D DR F FL G GR H J K L M N P PR R S SCH ST T TR V W", "A E I O U EI AU IE"),
    ("B C D F G GH H J K KH L M N Q R S SH T TH W Y Z", "A AA I U OU EE AI"),
    ("B CZ D G GRZ H J K KL L M N P PRZ R RZ S SZ T W Z ZB", "A E I O Y IE OW"),
    ("H J K KK L LL M N P R S T V", "A AA E I II O U UO Y AE OE"),
    ("B C CH D F G J L LL M N NH P QU R RR S T V X Z", "A E I O U IA IO AO"),
    ("CH D H HY J K L M N NG P S SH T TS X Y Z ZH", "A AN ANG E I IN ING O ONG U UN YU"),
)
_ENDINGS = ("", "", "", "N", "S", "R", "SKI", "OVA", "EZ", "SON", "IC", "YAN", "IDIS", "X", "K")
_ALIKE = ("0ODQ", "1IL7T", "2Z7", "5S6", "6G8", "8B3R", "UVY", "CG<", "<KXS", "MNWH", "<C<L", "EF")


def name(rng: Rng) -> str:
    """One word that could be a name in some language."""
    onsets, vowels = (part.split() for part in _SOUNDS[int(rng.integers(len(_SOUNDS)))])
    syllables = [str(rng.choice(onsets)) + str(rng.choice(vowels)) for _ in range(_syllables(rng))]
    return "".join(syllables) + str(rng.choice(_ENDINGS))


def _syllables(rng: Rng) -> int:
    return int(rng.choice((1, 2, 2, 2, 3, 3, 4)))


def _of(rng: Rng, characters: str, count: int) -> str:
    return "".join(characters[int(i)] for i in rng.integers(len(characters), size=count))


def _date(rng: Rng) -> str:
    year, month, day = (int(rng.integers(*span)) for span in ((0, 100), (1, 13), (1, 29)))
    return f"{year:02d}{month:02d}{day:02d}"


def fields(rng: Rng, mrtd_format: MrtdFormat) -> SpecimenFields:
    """An invented person's document."""
    state = str(rng.choice(_STATES))
    primary = " ".join(name(rng) for _ in range(1 + int(rng.random() < 0.25)))
    secondary = " ".join(name(rng) for _ in range(int(rng.choice((0, 1, 1, 1, 2, 2, 3)))))
    characters = DIGITS if rng.random() < 0.5 else DIGITS + LETTERS
    layout = LAYOUTS[mrtd_format]
    optional = layout.zone("optional_data").span
    room = optional.stop - optional.start
    filled = int(rng.integers(0, room + 1)) if rng.random() < 0.6 else 0
    optional_2 = _of(rng, DIGITS + LETTERS, int(rng.integers(0, 12))) if rng.random() < 0.3 else ""
    return SpecimenFields(
        document_code=str(rng.choice(_CODES[mrtd_format])),
        issuing_state=state,
        primary_identifier=primary,
        secondary_identifier=secondary,
        document_number=_of(rng, characters, int(rng.choice((7, 8, 9, 9, 9)))),
        nationality=state if rng.random() < 0.7 else str(rng.choice(_STATES)),
        date_of_birth=_date(rng),
        sex=str(rng.choice(("F", "M", "F", "M", "X", "<"))),
        date_of_expiry=_date(rng),
        optional_data=_of(rng, characters + FILLER, filled),
        optional_data_2=optional_2 if mrtd_format is MrtdFormat.TD1 else "",
    )


def document_lines(rng: Rng) -> tuple[str, ...]:
    """The lines of a valid document of some format."""
    formats = list(MrtdFormat)
    mrtd_format = formats[int(rng.integers(len(formats)))]
    return compose_lines(mrtd_format, fields(rng, mrtd_format))


def line(rng: Rng) -> str:
    """One line of 30, 36 or 44 characters."""
    kind = rng.random()
    if kind < 0.5:
        lines = document_lines(rng)
        return lines[int(rng.integers(len(lines)))]
    length = int(rng.choice((30, 36, 44)))
    if kind < 0.68:
        return _of(rng, ALPHABET, length)
    if kind < 0.82:
        return "".join(_of(rng, str(rng.choice(_ALIKE)), 3) for _ in range(length))[:length]
    if kind < 0.92:
        return "".join(_of(rng, ALPHABET, 2) + FILLER * _syllables(rng) for _ in range(length))[
            :length
        ]
    digits = _of(rng, DIGITS + "ABCDEF", int(rng.integers(length // 2, length + 1)))
    return digits.ljust(length, FILLER)
