"""``python server.py template check``: what it tells of a form, and the sample it makes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas

from pipeline.card.check import main
from pipeline.card.fill import CardFiller
from pipeline.card.fonts import FontShelf
from tests.pipeline.card_names import FOLDERS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hotel_form(tmp_path: Path) -> Path:
    """A form as office programs make them: Helvetica, not embedded, and a tick box."""
    path = tmp_path / "hotel.pdf"
    canvas = Canvas(str(path))
    for row, name in enumerate(["Surname", "FirstName", "passportNumber", "DOB", "loyalty"]):
        canvas.drawString(50, 750 - 40 * row, name)
        canvas.acroForm.textfield(name=name, x=200, y=740 - 40 * row, width=250, height=22)
    canvas.acroForm.checkbox(name="newsletter", x=50, y=300)
    canvas.showPage()
    canvas.save()
    return path


def _told(*arguments: str | Path) -> tuple[int, str]:
    out = io.StringIO()
    status = main([str(argument) for argument in arguments], out)
    return status, out.getvalue()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_project_s_cards_pass(folder: Path, tmp_path: Path) -> None:
    status, told = _told(folder, "--out", tmp_path)
    assert status == 0
    assert "unmapped: 0" in told and "NOT" not in told
    assert "ERIKSSON" in PdfReader(tmp_path / "sample.pdf").pages[0].extract_text()
    with Image.open(tmp_path / "sample-1.png") as picture:
        assert picture.size == (1191, 1684)
        assert len(picture.convert("L").getcolors(256) or []) > 50
    assert not (tmp_path / "mapping.json").exists()


def test_a_hotel_s_own_form_is_listed_drafted_and_tried(hotel_form: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, told = _told(hotel_form, "--out", out)
    assert status == 0
    assert "Helvetica: NOT embedded" in told
    assert "Surname (text, page 1): primary_identifier" in told
    assert "DOB (text, page 1): date_of_birth (date" in told
    assert "loyalty (text, page 1): UNMAPPED" in told
    assert "newsletter (button, page 1): UNMAPPED" in told
    assert "unmapped: 2" in told
    text = PdfReader(out / "sample.pdf").pages[0].extract_text()
    assert "ERIKSSON" in text and "12 AUG 1974" in text
    draft = json.loads((out / "mapping.json").read_text())
    assert draft["unfilled"] == ["loyalty", "newsletter"]


def test_the_drafts_make_a_card(hotel_form: Path, tmp_path: Path) -> None:
    folder = tmp_path / "grand_hotel"
    assert _told(hotel_form, "--out", folder)[0] == 0
    hotel_form.rename(folder / "form.pdf")
    card = CardFiller.of(folder, FontShelf())
    pdf = card.fill({"primary_identifier": "Żółć", "secondary_identifier": "王小明"})
    text = PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert "Żółć" in text and "王小明" in text


def test_a_field_that_the_form_lacks_is_told(tmp_path: Path) -> None:
    source = FOLDERS[0] / "mapping.json"
    mapping = json.loads(source.read_text())
    mapping["fields"]["minibar"] = {"source": "minibar", "max_length": 10}
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps(mapping))
    status, told = _told(FOLDERS[0], "--mapping", path, "--out", tmp_path / "out")
    assert status == 0
    assert "minibar: in the mapping, NOT in the form" in told


def test_scripts_without_a_font_are_told(tmp_path: Path) -> None:
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    status, told = _told(FOLDERS[0], "--font", fonts, "--out", tmp_path / "out")
    assert status == 0
    assert "scripts without an installed font: Arab, " in told


@pytest.mark.parametrize("content", [None, b"no PDF", b"%PDF-1.7\n%%EOF\n"])
def test_what_cannot_be_used_says_why(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "form.pdf"
    if content is not None:
        path.write_bytes(content)
    status, told = _told(path, "--out", tmp_path / "out")
    assert status == 1
    assert told.splitlines()[-1].startswith("not usable: ")


def test_the_server_s_command_line_leads_there(tmp_path: Path) -> None:
    command = [sys.executable, "server.py", "template", "check", str(FOLDERS[0])]
    done = subprocess.run(
        [*command, "--out", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "unmapped: 0" in done.stdout


def test_what_is_not_there_is_told_by_its_whole_path(hotel_form: Path, tmp_path: Path) -> None:
    none = tmp_path / "none"
    assert _told(none) == (1, f"not usable: {none} cannot be read: No such file or directory\n")
    status, told = _told(hotel_form, "--font", none, "--out", tmp_path / "out")
    assert (status, told) == (1, f"not usable: --font: there is no folder {none}\n")
    status, told = _told(hotel_form, "--mapping", none, "--out", tmp_path / "out")
    assert status == 1 and told.endswith(f"not usable: there is no mapping {none}\n")
    hotel_form.write_text("no form")
    assert _told(hotel_form) == (1, f"not usable: {hotel_form} is no readable PDF\n")
