"""Archived cards before a validator of others: Apache PDFBox Preflight, which knows PDF/A-1b.

PDF/A-2b (ISO 19005-2) asks for what PDF/A-1b (ISO 19005-1) asks for, and allows more. A card uses
two of those liberties: its sRGB profile is of ICC version 4, and its subset fonts have no CIDSet.
So each card is given both as part 1 wants them, and must then pass part 1 whole. A third, OpenType
fonts, is used for Chinese characters: cards with those are left to `pdfa_clauses`. The validator
interprets content streams and reads the fonts' own tables, which the clauses there do not.
"""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject

from pipeline.card.order import CardOrder, Signature, Variant
from tests.pipeline.card_names import filler, values
from tests.pipeline.pdfa_clauses import cid_widths
from tests.pipeline.test_card_archival import (
    STROKES,
    put,
    spoil_content,
    spoil_embedding,
    spoil_width,
)
from tests.pipeline.test_card_order import EVERY_CARD, PLAIN

JARS = Path("/usr/share/java")
SPARING = ("-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
NAMES = (
    "preflight", "pdfbox2", "xmpbox", "fontbox2", "commons-logging", "commons-io",
    "javax.activation", "jaxb-api",
)  # fmt: skip
"""Debian: libpdfbox2-java, libactivation-java, libjaxb-api-java (Apache 2.0; EDL, CDDL)."""


def verdict(pdf: bytes, folder: Path) -> list[str]:
    """What the validator finds wrong; none for a valid PDF/A-1b file."""
    missing = [name for name in NAMES if not (JARS / f"{name}.jar").exists()]
    assert not missing, f"`make setup-test` installs the Debian packages that have {missing}"
    file = folder / "card.pdf"
    file.write_bytes(pdf)
    jars = ":".join(str(JARS / f"{name}.jar") for name in NAMES)
    done = subprocess.run(
        ["java", *SPARING, "-cp", jars, "org.apache.pdfbox.preflight.Validator_A1b", str(file)],
        capture_output=True,
        text=True,
        timeout=200,
    )
    said = done.stdout + done.stderr
    if "is a valid PDF/A-1b file" in said:
        return []
    found = re.findall(r"^\d[\d.]* : .*$", said, re.MULTILINE)
    assert found, f"the validator did not run: {said[:500]}"
    return found


def archived(folder: Any = PLAIN, variant: Variant = Variant.FLAT) -> bytes:
    """Without Chinese characters: their font is OpenType with CFF outlines, which part 1 lacks."""
    order = CardOrder(variant=variant, archival=True, signature=Signature(strokes=STROKES))
    told = values(folder, secondary_identifier="Żółć Ελένη Ђорђе محمد")
    card: bytes = filler(folder).fill(told, order)
    return card


def as_part_1(pdf: bytes, spoil: Any = None) -> bytes:
    """The card told to be of part 1, with an ICC profile of version 2 and with CIDSets."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    writer.pdf_header = "%PDF-1.4"
    root: Any = writer.root_object
    told = root["/Metadata"].get_data()
    assert told.count(b"<pdfaid:part>2<") == 1
    root["/Metadata"].get_object().set_data(told.replace(b"<pdfaid:part>2<", b"<pdfaid:part>1<"))
    profile = root["/OutputIntents"][0].get_object()["/DestOutputProfile"].get_object()
    data = profile.get_data()
    assert data[8] == 4
    profile.set_data(data[:8] + b"\x02\x10" + data[10:])
    for number in range(1, len(writer._objects) + 1):
        found: Any = writer.get_object(number)
        if getattr(found, "get", None) and found.get("/Subtype") == "/CIDFontType2":
            marks = bytearray(8192)
            for cid in {0, *(cid for cid, _ in cid_widths(found["/W"]))}:
                marks[cid // 8] |= 0x80 >> cid % 8
            stream = DecodedStreamObject()
            stream.set_data(bytes(marks))
            put(found["/FontDescriptor"].get_object(), "CIDSet", writer._add_object(stream))
    if spoil is not None:
        spoil(writer)
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


@EVERY_CARD
def test_an_archived_card_passes_a_validator_of_others(folder: Any, tmp_path: Path) -> None:
    assert verdict(as_part_1(archived(folder)), tmp_path) == []


def test_so_does_one_that_is_printed_to_be_signed(tmp_path: Path) -> None:
    assert verdict(as_part_1(archived(variant=Variant.PRINT)), tmp_path) == []


def test_as_it_is_it_uses_two_liberties_of_part_2_and_no_other(tmp_path: Path) -> None:
    found = verdict(archived(), tmp_path)
    allowed = ("version of the ICCProfile", "CIDSet entry is missing", "part must be 1")
    assert [one for one in found if not one.endswith(allowed[::2]) and allowed[1] not in one] == []
    assert all(any(each in one for one in found) for each in allowed)


@pytest.mark.parametrize("spoil", [spoil_width, spoil_content, spoil_embedding])
def test_the_validator_sees_what_is_broken(spoil: Any, tmp_path: Path) -> None:
    assert verdict(as_part_1(archived(), spoil), tmp_path)
