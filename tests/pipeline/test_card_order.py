"""How a card comes out: editable, to print, signed, to archive; and what is refused on the way."""

from __future__ import annotations

import base64
import contextlib
import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageCms, ImageDraw
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Link

from core.errors import DocumentFillingError
from pipeline.card.archive import srgb_profile
from pipeline.card.fill import CardFiller
from pipeline.card.fonts import FontShelf
from pipeline.card.order import CardOrder, Signature, Variant
from pipeline.card.signature import MAX_PNG_BYTES
from tests.pipeline.card_names import FOLDERS, filler, pdfium, poppler, values

EVERY_CARD = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
PLAIN = next(folder for folder in FOLDERS if folder.name == "registration_card")
STROKES = (((0.0, 1.0), (0.5, 0.0), (1.0, 1.0)), ((0.2, 0.5), (0.8, 0.5)))
SCALE = 3


def _png(mode: str = "RGBA", size: tuple[int, int] = (300, 100)) -> bytes:
    picture = Image.new(mode, size, (255, 255, 255, 0) if mode == "RGBA" else "white")
    ink = (0, 0, 0, 255) if mode == "RGBA" else "black"
    ImageDraw.Draw(picture).line([(10, 90), (150, 10), (290, 90)], fill=ink, width=4)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _added(folder: Path, order: CardOrder) -> Any:
    """Where an ordered card is darker than the plain one: rows and columns, in points."""
    told = values(folder)
    plain, other = (
        pdfium(filler(folder).fill(told, each), SCALE)[0] for each in (CardOrder(), order)
    )
    return np.argwhere(plain.astype(int) - other > 60) / SCALE


def _signing_box(folder: Path) -> tuple[float, float, float, float]:
    """Left, top, right, bottom in points, y down."""
    place = filler(folder)._widgets["signature"][0]
    top = 841.89 - place.bottom_pt - place.height_pt
    return place.left_pt, top, place.left_pt + place.width_pt, 841.89 - place.bottom_pt


@EVERY_CARD
@pytest.mark.parametrize(
    "order",
    [
        CardOrder(signature=Signature(strokes=STROKES)),
        CardOrder(signature=Signature(png=_png())),
        CardOrder(signature=Signature(png=_png("RGB"))),
        CardOrder(variant=Variant.PRINT),
    ],
    ids=["strokes", "transparent PNG", "white PNG", "a mark where to sign"],
)
def test_a_signature_lies_on_its_line(folder: Path, order: CardOrder) -> None:
    rows, columns = _added(folder, order).T
    left, top, right, bottom = _signing_box(folder)
    assert rows.size > 30
    assert left <= columns.min() and columns.max() <= right
    assert top <= rows.min() and rows.max() <= bottom
    if order.signature:
        assert rows.max() - rows.min() > 20  # as large as the place allows


def test_a_signature_keeps_its_shape() -> None:
    rows, columns = _added(PLAIN, CardOrder(signature=Signature(strokes=STROKES, aspect=2))).T
    width, height = np.ptp(columns), np.ptp(rows)
    assert width / height == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize(
    ("signature", "complaint"),
    [
        (Signature(), "no ink"),
        (Signature(strokes=((),)), "no ink"),
        (Signature(strokes=(((0.0, 1.2),),)), "ratios"),
        (Signature(strokes=(((0.1, 0.1),),), aspect=0.0), "ratios"),
        (Signature(strokes=(((0.5, 0.5),) * 20_001,)), "points"),
        (Signature(png=b"no picture"), "PNG"),
        (Signature(png=_png()[:80]), "PNG"),
        (Signature(png=bytes(MAX_PNG_BYTES + 1)), "bytes"),
        (Signature(png=_png(size=(3000, 1000))), "pixels"),
    ],
)
def test_an_unusable_signature_is_refused(signature: Signature, complaint: str) -> None:
    with pytest.raises(DocumentFillingError, match=complaint) as caught:
        filler(PLAIN).fill(values(PLAIN), CardOrder(signature=signature))
    assert caught.value.field == "signature"


def test_a_blank_picture_has_no_ink() -> None:
    out = io.BytesIO()
    Image.new("L", (40, 20), "white").save(out, "PNG")
    with pytest.raises(DocumentFillingError, match="no ink"):
        filler(PLAIN).fill(values(PLAIN), CardOrder(signature=Signature(png=out.getvalue())))


def test_a_bomb_of_a_picture_is_refused_before_it_is_unpacked() -> None:
    header = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (60_000).to_bytes(4, "big") * 2
    header += b"\x01\0\0\0\0" + b"\0\0\0\0"
    with pytest.raises(DocumentFillingError, match=r"pixels|PNG"):
        filler(PLAIN).fill(values(PLAIN), CardOrder(signature=Signature(png=header)))


@EVERY_CARD
def test_an_editable_card_is_a_form_that_shows_its_values(folder: Path) -> None:
    told = values(folder, secondary_identifier="محمد 王小明 Żółć")
    card = filler(folder).fill(told, CardOrder(variant=Variant.EDITABLE))
    fields = PdfReader(io.BytesIO(card)).get_fields()
    assert fields is not None
    assert fields["secondary_identifier"]["/V"] == told["secondary_identifier"]
    assert fields["arrival_date"]["/V"] == "20 NOV 2026"
    flat = filler(folder).fill(told)
    with contextlib.closing(pypdfium2.PdfDocument(card)) as document:
        document.init_forms()
        shown = np.asarray(document[0].render(scale=2, grayscale=True).to_pil()).astype(int)
    assert np.abs(shown - pdfium(flat, 2)[0]).mean() < 1.2  # the viewer tints the fields
    assert np.abs(poppler(card, 2)[0].astype(int) - poppler(flat, 2)[0]).mean() < 0.2


def test_a_value_left_out_stays_empty_in_the_form() -> None:
    told = values(PLAIN)
    del told["room"]
    card = filler(PLAIN).fill(told, CardOrder(variant=Variant.EDITABLE))
    fields = PdfReader(io.BytesIO(card)).get_fields()
    assert fields is not None and "/V" not in fields["room"]


def test_a_card_to_print_is_not_scaled() -> None:
    card = filler(PLAIN).fill(values(PLAIN), CardOrder(variant=Variant.PRINT))
    reader = PdfReader(io.BytesIO(card))
    assert "/AcroForm" not in reader.root_object
    preferences: Any = reader.root_object["/ViewerPreferences"]
    assert preferences["/PrintScaling"] == "/None"


@EVERY_CARD
def test_an_archival_card_has_the_structure_of_pdf_a_2b(folder: Path) -> None:
    """ISO 19005-2: what can be looked at without a validator."""
    order = CardOrder(archival=True, signature=Signature(png=_png()))
    told = values(folder, secondary_identifier="王小明 محمد")
    card = filler(folder).fill(told, order)
    assert card == filler(folder).fill(told, order)
    assert card.startswith(b"%PDF-1.7\n%") and all(byte > 127 for byte in card[10:14])  # 6.1.2
    reader = PdfReader(io.BytesIO(card))
    trailer: Any = reader.trailer
    assert len(trailer["/ID"]) == 2 and "/Encrypt" not in trailer  # 6.1.3
    root: Any = reader.root_object
    assert not {"/AcroForm", "/OpenAction", "/AA", "/Names", "/OCProperties"} & root.keys()
    (intent,) = root["/OutputIntents"]  # 6.2.3
    profile = intent["/DestOutputProfile"]
    assert intent["/S"] == "/GTS_PDFA1" and profile["/N"] == 3
    assert ImageCms.ImageCmsProfile(io.BytesIO(profile.get_data())).profile.xcolor_space == "RGB "
    tree = ElementTree.fromstring(root["/Metadata"].get_data().decode())  # noqa: S314, our own
    told_in = {element.tag.split("}")[1]: element.text for element in tree.iter()}
    assert (told_in["part"], told_in["conformance"]) == ("2", "B")  # 6.6.4
    assert reader.metadata is not None
    assert told_in["li"] == reader.metadata.title
    assert told_in["Producer"] == reader.metadata.producer  # 6.6.2.3
    (page,) = reader.pages
    assert not {"/Annots", "/AA", "/Group", "/Trans"} & page.keys()
    resources: Any = page["/Resources"]
    for font in resources["/Font"].values():  # 6.2.11.4
        descendants = font.get("/DescendantFonts")
        descriptor = (descendants[0] if descendants else font)["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & descriptor.keys()
        assert "/ToUnicode" in font
    for picture in resources["/XObject"].values():
        assert "/SMask" not in picture and picture["/ImageMask"]
    assert not re.search(rb"/(?:JavaScript|Launch|EmbeddedFile)\b", card)


def test_the_profile_is_the_same_every_time() -> None:
    again = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    ours = srgb_profile()
    again[24:36] = ours[24:36]
    again[84:100] = ours[84:100]
    assert bytes(again) == ours and ours[36:40] == b"acsp"


def test_what_cannot_be_archived_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentFillingError, match="editable"):
        filler(PLAIN).fill(values(PLAIN), CardOrder(variant=Variant.EDITABLE, archival=True))
    writer = PdfWriter(clone_from=PdfReader(PLAIN / "form.pdf"))
    writer.add_annotation(0, Link(rect=(60, 20, 200, 40), url="https://hotel.example/"))
    form = tmp_path / "form.pdf"
    with form.open("wb") as out:
        writer.write(out)
    linked = CardFiller(form, PLAIN / "mapping.json", PLAIN / "rules.json", FontShelf())
    with pytest.raises(DocumentFillingError, match="annotations") as caught:
        linked.fill(values(PLAIN), CardOrder(archival=True))
    assert caught.value.field == "archival"


def test_a_card_without_a_place_takes_no_signature(tmp_path: Path) -> None:
    mapping = (PLAIN / "mapping.json").read_text()
    changed = mapping.replace('"signature": "signature",', '"unfilled": ["signature"],')
    (tmp_path / "mapping.json").write_text(changed)
    bare = CardFiller(PLAIN / "form.pdf", tmp_path / "mapping.json", PLAIN / "rules.json")
    told = values(PLAIN)
    assert bare.fill(told) == filler(PLAIN).fill(told)
    png = base64.b64decode(base64.b64encode(_png()))
    with pytest.raises(DocumentFillingError, match="no place for a signature"):
        bare.fill(told, CardOrder(signature=Signature(png=png)))
