"""How often a page's print agrees with its zone, and how often it contradicts it wrongly.

Composed specimens of Utopia before a made-up webcam, upright and upside down, in TD1, TD2 and TD3.
Every page says the same twice, so that each conflict is a false one. ``--contradict`` gives every
page the zone of another person instead: then conflicts are right, and agreement is wrong.

    python -m benchmarks.visual_zone [--pages 200] [--language Latin] [--contradict] [--sharp]
"""

from __future__ import annotations

import argparse
import datetime
import random
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.settings import MrzSettings
from models.training.mrz_lines import SpecimenFields, compose_lines
from models.training.specimen import draw_specimen
from pipeline.document import read_document
from pipeline.mrz.parse import parse_lines
from pipeline.rectify import rectify
from pipeline.types import Capture, Detection, Document, FieldStatus, MrtdFormat, Quality, Trigger
from pipeline.visual.compare import NAMES, corroborated
from pipeline.visual.look import print_of
from pipeline.visual.words import PrintReader
from tests.pipeline.posed import as_frame, webcam_view

TODAY = datetime.date(2026, 11, 21)
QUALITY = Quality(80, 50, 60, 20, 2, 0, 16, 81.5)
SURNAMES = [
    *("Müller", "Łukaszewicz", "Ångström", "ERIKSSON", "Nguyen", "O'Connor", "Peña", "de la Cruz"),
    *("Şahin", "Dvořák", "SMITH", "Muñoz García", "Kovács", "Öztürk", "Jørgensen", "VAN DER BERG"),
    *("Žižka", "Li"),
]
GIVEN = [
    *("Zoë", "Anna Maria", "JÜRGEN", "Émilie", "Łucja", "Ana", "John Paul", "Søren", "IVAN"),
    *("Çağla", "Jean-Luc", "Mia"),
]
STRANGER = {
    "primary_identifier": "HOLMGREN",
    "secondary_identifier": "WILFRED",
    "document_number": "XK4417723",
    "date_of_birth": "630927",
    "date_of_expiry": "311129",
}


def some_fields(rng: random.Random, mrtd_format: MrtdFormat) -> SpecimenFields:
    surname, given = rng.choice(SURNAMES), rng.choice(GIVEN)
    if rng.random() < 0.5:
        surname, given = surname.upper(), given.upper()

    def day(first: int, last: int) -> str:
        year = rng.randrange(first, last) % 100
        return f"{year:02d}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"

    letters = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(2))
    return SpecimenFields(
        document_code="P" if mrtd_format is MrtdFormat.TD3 else "I",
        primary_identifier=surname,
        secondary_identifier=given,
        document_number=f"{letters}{rng.randrange(10**7):07d}",
        date_of_birth=day(1940, 2010),
        date_of_expiry=day(2020, 2035),
        sex=rng.choice("FMX"),
        optional_data="",
    )


def pictured(rng: random.Random, mrtd_format: MrtdFormat, fields: SpecimenFields) -> Capture:
    """The specimen as a 1080p webcam would give it."""
    bgr = draw_specimen(mrtd_format, fields, 1500).bgr
    view, quad_px = webcam_view(
        bgr,
        (1920, 1080),
        share=rng.uniform(0.5, 0.75) if mrtd_format is not MrtdFormat.TD1 else 0.6,
        turn_deg=rng.uniform(-5, 5),
        defocus=rng.uniform(0.4, 1.5),
        noise=rng.uniform(1, 6),
        gain=rng.uniform(0.7, 1),
    )
    if rng.random() < 0.3:  # a detector that does not know the top
        quad_px = np.roll(quad_px, 2, axis=0)
    page = rectify(as_frame(view), Detection(quad_px, 0.9), 1500).bgr
    return Capture("d", (page,), QUALITY, Trigger.AUTO)


def main() -> None:
    parser = argparse.ArgumentParser(description="Rates of the comparison of print and zone.")
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--language", default="eng")
    parser.add_argument("--tessdata", type=Path, default=MrzSettings().tessdata)
    parser.add_argument("--contradict", action="store_true", help="zones of another person")
    parser.add_argument("--sharp", action="store_true", help="drawings instead of pictures")
    arguments = parser.parse_args()
    reader = PrintReader(arguments.tessdata, arguments.language)
    rng, counts, seconds = random.Random(7), Counter[str](), []
    for _ in range(arguments.pages):
        mrtd_format = rng.choice([MrtdFormat.TD3] * 3 + [MrtdFormat.TD2, MrtdFormat.TD1])
        fields = some_fields(rng, mrtd_format)
        capture = pictured(rng, mrtd_format, fields)
        if arguments.sharp:
            drawn = draw_specimen(mrtd_format, fields, 1500).bgr
            capture = replace(capture, pages=(drawn,))
        said = replace(fields, **STRANGER) if arguments.contradict else fields
        zone = parse_lines(compose_lines(mrtd_format, said))
        document = read_document("d", zone, QUALITY, TODAY)
        started = time.perf_counter()
        seen = print_of(capture, document, reader, 10_000)
        after = corroborated(document, [seen] if seen else [], TODAY)
        seconds.append(time.perf_counter() - started)
        counts["pages"] += 1
        counts["pages without a place"] += seen is None
        counts[f"mrz_viz_match {after.checks['mrz_viz_match'].value}"] += 1
        _count(counts, after, {name: getattr(fields, name) for name in NAMES})
    for line, count in sorted(counts.items()):
        print(f"{count:5d}  {line}")
    print(f"seconds a page: mean {np.mean(seconds):.2f}, p95 {np.percentile(seconds, 95):.2f}")


def _count(counts: Counter[str], document: Document, drawn: dict[str, str]) -> None:
    for name, field in document.fields.items():
        if field.status is FieldStatus.CONFLICT:
            counts[f"conflict {name}"] += 1
        elif field.status is FieldStatus.CORROBORATED or field.printed is not None:
            counts[f"agrees {name}"] += 1
            if name in NAMES and field.printed is not None:
                counts["spelt as drawn" if field.printed == drawn[name] else "spelt wrongly"] += 1


if __name__ == "__main__":
    main()
