"""Every row of the tables of Doc 9303 Part 3 (eighth edition, 2021), section 6, by code point."""

from __future__ import annotations

import pytest

from pipeline.mrz.transliterate import Language, same_name, to_mrz

LATIN = (
    "A:00C0 00C1 00C2 00C3 0100 0102 0104|AE:00C4 00C6|AA:00C5|C:00C7 0106 0108 010A 010C|"
    "D:00D0 010E 0110|E:00C8 00C9 00CA 00CB 0112 0114 0116 0118 011A|G:011C 011E 0120 0122|"
    "H:0124 0126|I:00CC 00CD 00CE 00CF 0128 012A 012C 012E 0130 0131|IJ:0132|J:0134|K:0136|"
    "L:0139 013B 013D 013F 0141|N:00D1 0143 0145 0147 014A|O:00D2 00D3 00D4 00D5 014C 014E 0150|"
    "OE:00D6 00D8 0152|R:0154 0156 0158|S:015A 015C 015E 0160|T:0162 0164 0166|TH:00DE|"
    "U:00D9 00DA 00DB 0168 016A 016C 016E 0170 0172|UE:00DC|W:0174|Y:00DD 0176 0178|"
    "Z:0179 017B 017D|SS:1E9E"
)
LATIN_ALTERNATIVES = "A:00C4 00C5|NXX:00D1|O:00D6|UXX:00DC|U:00DC"

CYRILLIC = (
    "E:0401 0415 042D|D:0402 0414|IE:0404 042A|DZ:0405 040F|I:0406 0407 0418 0419|J:0408|LJ:0409|"
    "NJ:040A|K:040C 041A|U:040E 0423 046A|A:0410|B:0411|V:0412|G:0413 0490 0492|ZH:0416|Z:0417|"
    "L:041B|M:041C|N:041D|O:041E|P:041F|R:0420|S:0421|T:0422|F:0424|KH:0425|TS:0426|CH:0427|"
    "SH:0428|SHCH:0429|Y:042B 0474|IU:042E|IA:042F|C:04BA"
)
EXCEPTIONS = {
    Language.BELARUSIAN: "IO:0401|H:0413",
    Language.BULGARIAN: "SHT:0429",
    Language.MACEDONIAN: "KJ:040C|DJ:040F|H:0425|C:0426|GJ:0492",
    Language.SERBIAN: "H:0413 0425|Z:0416|C:0426 0427|S:0428",
    Language.UKRAINIAN: "H:0413|Y:0418",
}
FIRST_IN_UKRAINIAN = "YE:0404|YI:0407|Y:0419|YU:042E|YA:042F"

ARABIC = (
    "XE:0621|XAA:0622|XAE:0623|U:0624|I:0625|XI:0626|A:0627|B:0628|T:062A|XTH:062B|J:062C|XH:062D|"
    "XKH:062E|D:062F|XDH:0630|R:0631|Z:0632|S:0633|XSH:0634|XSS:0635|XDZ:0636|XTT:0637|XZZ:0638|"
    "E:0639|G:063A|F:0641|Q:0642|K:0643|L:0644|M:0645|N:0646|H:0647|W:0648|XAY:0649|Y:064A 06D0|"
    "XXA:0671|XXT:0679|XRT:067C|P:067E|XKE:0681|XXH:0685|XC:0686|XXD:0688|XDR:0689|XXR:0691|"
    "XRR:0693|XRX:0696|XJ:0698|XXS:069A|XKK:06A9|XXK:06AB|XNG:06AD|XGG:06AF|XNN:06BA|XXN:06BC|"
    "XDO:06BE|XYH:06C0|XXG:06C1|XGE:06C2|XTG:06C3|XYA:06CC|XXY:06CD|XYB:06D2|XBE:06D3|V:06A4|"
    "XF:06A5"
)
NOT_ENCODED = "0640 064B 064C 064D 064E 064F 0650 0652 0670 069C 06A2 06A7 06A8"


def rows(table: str) -> list[tuple[str, str]]:
    """Each letter of a table with its transliteration."""
    pairs = [group.split(":") for group in table.split("|")]
    return [(chr(int(code, 16)), latin) for latin, codes in pairs for code in codes.split()]


@pytest.mark.parametrize("table", [LATIN, CYRILLIC, ARABIC], ids=["latin", "cyrillic", "arabic"])
def test_each_letter_has_its_recommended_transliteration(table: str) -> None:
    assert [(letter, to_mrz(letter)) for letter, _ in rows(table)] == rows(table)
    assert all(same_name(letter, latin) for letter, latin in rows(table))


def test_the_alternatives_of_the_latin_table_are_known() -> None:
    assert all(same_name(letter, latin) for letter, latin in rows(LATIN_ALTERNATIVES))
    assert not same_name("Ø", "O"), "the table has one transliteration for this letter"


@pytest.mark.parametrize("language", Language)
def test_languages_differ_where_the_table_says_so_and_nowhere_else(language: Language) -> None:
    expected = dict(rows(CYRILLIC)) | dict(rows(EXCEPTIONS[language]))
    within = {letter: to_mrz("А" + letter, language)[1:] for letter in expected}
    assert within == expected


def test_five_letters_begin_a_ukrainian_name_otherwise() -> None:
    expected = dict(rows(CYRILLIC)) | dict(rows(EXCEPTIONS[Language.UKRAINIAN]))
    expected |= dict(rows(FIRST_IN_UKRAINIAN))
    assert {letter: to_mrz(letter, Language.UKRAINIAN) for letter in expected} == expected
    assert to_mrz("Юлія Яна-Єва Їжак Йосип", Language.UKRAINIAN) == "YULIIA<YANA<YEVA<YIZHAK<YOSYP"
    assert to_mrz("Марія Андрій", Language.UKRAINIAN) == "MARIIA<ANDRII"
    assert to_mrz("Юлия", None) == "IULIIA", "in Russian the first letter is as any other"


def test_arabic_signs_that_are_not_encoded_or_double() -> None:
    signs = "".join(chr(int(code, 16)) for code in NOT_ENCODED.split())
    assert to_mrz(f"م{signs}ن") == "MN"
    assert to_mrz("عبّاس") == "EBBAS"
    assert to_mrz("فضّة") == "FXDZXDZXAH"
    assert to_mrz("ةم") == "XTAM"


def test_the_farsi_yeh_may_be_printed_in_three_ways() -> None:
    for printed in ("ELXYA", "ELY", "ELXAY"):
        assert same_name("علی", printed)
    assert not same_name("علی", "ELI")
