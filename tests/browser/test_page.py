"""What the page does by itself: languages, idle guests, the frames' clock."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Route, expect

from media.state import SessionState
from pipeline.types import CaptureState, DocumentStatus, GuidanceCode
from tests.browser.kiosk import OpenKiosk

STATIC = Path(__file__).resolve().parents[2] / "static"
LANGUAGES = sorted(path.stem for path in (STATIC / "lang").glob("*.json"))

CLOCK = """async () => {
  const { FrameClock } = await import("/static/js/clock.js");
  const clock = new FrameClock();
  clock.transportMs = 12;
  const seen = [];
  // 2000 frames, 40 ms apart, across the wrap of the 32-bit timestamp. The overlay of each
  // arrives 12 ms (network) + 30 ms (server) + up to 60 ms (a busy machine) after its capture.
  for (let i = 0; i < 2000; i += 1) {
    const captured = 5000 + i * 40;
    const stamp = (2 ** 32 - 400_000 + i * 3600) % 2 ** 32;
    const late = [0, 7, 60, 23][i % 4];
    seen.push(clock.captureMs(stamp, captured + 42 + late, 30) - captured);
  }
  return seen;
}"""

FILL_POORLY = """async (status) => {
  const { Review } = await import("/static/js/review.js");
  new Review(() => {}).fill({
    status,
    document: { issuing_state: "UTO" },
    fields: {
      document_number: { value: "L898902C8", status: "conflict" },
      nationality: { value: null, status: "missing" },
    },
    mrz: {
      corrections: [
        { field: "document_number", line: 1, position: 3, read: "B", corrected: "8" },
        { field: null, line: 1, position: 43, read: "O", corrected: "0" },
      ],
    },
  });
}"""


def texts(language: str) -> dict[str, str]:
    """Every text of a language by its dotted key."""

    def flat(tree: dict[str, Any], path: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in tree.items():
            if isinstance(value, str):
                found[path + name] = value
            else:
                found |= flat(value, f"{path}{name}.")
        return found

    return flat(json.loads((STATIC / "lang" / f"{language}.json").read_text("utf-8")), "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_says_everything(language: str) -> None:
    """The same keys as English, none empty, the same values to fill in, and all guidance."""
    english, ours = texts("en"), texts(language)
    assert ours.keys() == english.keys()
    assert all(text.strip() for text in ours.values())
    for key, text in ours.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english[key])), key
    assert {f"guidance.{code}" for code in GuidanceCode} <= ours.keys()


def test_every_key_the_page_asks_for_exists() -> None:
    known = texts("en").keys()
    asked = set()
    for page in ("index.html", "staff.html"):
        asked |= set(re.findall(r'data-i18n(?:-label)?="([^"]+)"', (STATIC / page).read_text()))
    for module in (STATIC / "js").glob("*.js"):
        source = module.read_text()
        asked |= set(re.findall(r'\b(?:t|say)\((?:[^()]*(?:\([^()]*\))?, )?"([\w.]+)"', source))
        asked |= set(re.findall(r'key: "([\w.]+)"', source))
    assert len(asked) > 40
    assert asked <= known


def test_the_desk_has_a_word_for_everything_that_it_is_told() -> None:
    known = texts("en").keys()
    told = {f"staff.stage.{state.value}" for state in CaptureState} - {"staff.stage.removed"}
    told |= {f"staff.status.{status.value}" for status in DocumentStatus}
    told |= {f"staff.state.{state.value}" for state in SessionState} - {"staff.state.closed"}
    assert told <= known


@pytest.mark.parametrize("page", ["index.html", "staff.html"])
def test_no_page_says_anything_that_no_language_file_has(page: str) -> None:
    """Text between tags is only that of the property's name and of what needs no language."""
    markup = re.sub(r"<(svg|noscript|title).*?</\1>", "", (STATIC / page).read_text(), flags=re.S)
    said = {text.strip() for text in re.findall(r">([^<>]+)<", markup)} - {""}
    assert said <= {"LobbyLens", "Language", "Guests at the camera"}
    labels = re.findall(r'(?:aria-label|placeholder|title)="([^"]+)"', markup)
    assert not labels


def test_the_form_asks_for_what_the_card_needs() -> None:
    """Required fields and lengths of the form are those of the card's mapping."""
    folder = STATIC.parent / "templates" / "registration_card"
    card = json.loads((folder / "mapping.json").read_text())
    required = json.loads((folder / "rules.json").read_text())["required"]
    source = (STATIC / "js" / "fields.js").read_text()
    asked = {match["name"]: match[0] for match in re.finditer(r'{ name: "(?P<name>\w+)".*', source)}
    assert set(asked) == card["fields"].keys() - {"hotel_name", "document_code"}
    for name, line in asked.items():
        rule = card["fields"][name]
        assert ("required: true" in line) == (name in required), name
        if length := re.search(r"maxLength: (\d+)", line):
            assert int(length[1]) == rule["max_length"], name


def test_every_listed_language_has_its_file() -> None:
    source = (STATIC / "js" / "i18n.js").read_text()
    assert sorted(re.findall(r'code: "(\w+)"', source)) == LANGUAGES


async def test_another_language_at_once(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    page = guest.page
    await guest.do("manual")
    await page.fill("#field-primary_identifier", "Eriksson")
    await page.select_option("#language", "de")
    await page.wait_for_selector("html[lang=de]")
    assert await page.inner_text('label[for="field-primary_identifier"]') == "Nachname"
    assert (await guest.values())["primary_identifier"] == "Eriksson"
    await guest.do("reset")
    await page.wait_for_selector("html[lang=en]")


async def test_an_idle_guest_is_asked_and_then_forgotten(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    page = guest.page
    await page.clock.install()
    await page.reload()
    await guest.welcome()
    await guest.do("manual")
    # A request under way would have waited for too long when the clock is put forward.
    await page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
    await page.fill("#field-primary_identifier", "Eriksson")
    await page.clock.fast_forward(46_000)
    await page.wait_for_selector("#idle[open]")
    await page.click("#idle-stay")
    await page.wait_for_selector("#idle", state="hidden")
    assert (await guest.values())["primary_identifier"] == "Eriksson"

    await page.clock.fast_forward(46_000)
    await page.wait_for_selector("#idle[open]")
    await page.clock.fast_forward(15_000)
    await guest.screen("attract")
    assert await guest.values() == {}
    assert "Eriksson" not in await page.content()


@pytest.mark.parametrize(
    ("status", "lead"),
    [("needs_review", "could not be verified"), ("failed", "could not be read")],
)
async def test_a_poor_reading_is_shown_and_can_be_mended(
    kiosk: OpenKiosk, status: str, lead: str
) -> None:
    guest = await kiosk()
    page = guest.page
    await guest.do("manual")
    await page.evaluate(FILL_POORLY, status)
    assert lead in await page.inner_text("#review-lead")

    async def evidence(name: str) -> str:
        return await page.inner_text(f"#field-{name}-evidence")

    assert await evidence("document_number") == "Please check, readings differ"
    assert await evidence("nationality") == "Missing"
    assert await evidence("issuing_state") == "Read, please check"
    # What was put right is told at its field, and nowhere else.
    told = page.locator("#document-fields .hint", has_text="→")
    number = page.locator(".field", has=page.locator("#field-document_number"))
    assert await told.count() == await number.locator(".hint", has_text="B").count() == 1
    assert "8" in await told.inner_text()
    await page.fill("#field-nationality", "UTO")
    assert await evidence("nationality") == "Corrected"
    await page.fill("#field-document_number", "")
    assert await evidence("document_number") == "Missing"
    await page.fill("#field-document_number", "L898902C8")
    assert await evidence("document_number") == "Please check, readings differ"


async def answer(route: Route, body: str) -> None:
    await route.fulfill(body=body)


async def test_what_is_said_of_storage_is_true(kiosk: OpenKiosk) -> None:
    """Where the property stores what guests show, the page does not say that it is not stored."""
    guest = await kiosk(language="")
    words = texts("en")
    for stored, key in [
        ([], "privacy"),
        (["json"], "privacy_details"),
        (["image", "json", "other"], "privacy_pictures"),
    ]:
        told = json.dumps({"stored": stored})
        await guest.page.route("**/page.json", partial(answer, body=told))
        await guest.page.reload()
        await guest.screen("attract")
        await expect(guest.page.locator(".foot")).to_have_text(words[key])


async def test_the_page_comes_without_its_property_s_settings(kiosk: OpenKiosk) -> None:
    guest = await kiosk(language="")
    await guest.page.route("**/page.json", partial(answer, body="<title>Welcome to our network"))
    await guest.page.reload()
    await guest.screen("attract")
    await guest.welcome()


EXPIRY = """async (told) => {
  const { Review } = await import("/static/js/review.js");
  new Review(() => {}).fill({
    status: "complete", document: {}, checks: { expiry: told },
    fields: { date_of_expiry: { value: "2012-04-15", status: "checksum" } },
  });
}"""


async def test_a_document_expires_by_the_property_s_date(kiosk: OpenKiosk) -> None:
    """The server's word counts for what was read, whatever day a guest's telephone has."""
    guest = await kiosk()
    page = guest.page
    await guest.do("manual")
    await page.evaluate(EXPIRY, "fail")
    assert await page.is_visible("#review-expiry")
    await page.evaluate(EXPIRY, "pass")
    assert await page.is_hidden("#review-expiry")
    await page.fill("#field-date_of_expiry", "14/04/2012")
    assert await page.is_visible("#review-expiry")


REFUSED = """async () => {
  const { Guidance } = await import("/static/js/guidance.js");
  const { Review } = await import("/static/js/review.js");
  const error = document.getElementById("review-error");
  const review = new Review(() => {});
  review.offline = true;
  review.offline = false;
  const before = error.textContent;
  review.showError({ text: "It does not fit." });
  const refused = error.innerHTML;
  review.offline = true;
  const lost = error.dataset.i18n;
  review.offline = false;
  new Guidance().note("No picture.");
  return [before, refused, lost, error.innerHTML, document.getElementById("guidance").innerHTML];
}"""


async def test_the_server_s_own_words_are_english_and_outlast_a_lost_connection(
    kiosk: OpenKiosk,
) -> None:
    guest = await kiosk(language="ar")
    refused, note = ('<bdi lang="en">It does not fit.</bdi>', '<bdi lang="en">No picture.</bdi>')
    assert await guest.page.evaluate(REFUSED) == ["", refused, "review.offline", refused, note]


async def test_overlays_find_their_frame(kiosk: OpenKiosk) -> None:
    """Each capture time comes out within a few milliseconds, also where the RTP time wraps."""
    guest = await kiosk()
    errors = await guest.page.evaluate(CLOCK)
    assert len(errors) == 2000
    assert max(abs(error) for error in errors) < 1


async def test_nothing_but_the_figures_is_reachable(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    found = await guest.page.evaluate(
        """() => {
          const names = Object.keys(window.lobbylens);
          try { window.lobbylens = null; } catch { /* strict code may not either */ }
          window.lobbylens.stats.marks.begin = 1;
          return [names, window.lobbylens.stats.marks];
        }"""
    )
    assert found == [["stats"], {}]


@pytest.mark.parametrize("size", [(1280, 800), (1080, 1920), (390, 844), (320, 568)])
async def test_targets_are_large_enough_to_touch(kiosk: OpenKiosk, size: tuple[int, int]) -> None:
    """44 px in each direction on every screen size, and nothing wider than the screen."""
    guest = await kiosk()
    page = guest.page
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    for _ in range(2):
        small = await page.evaluate(
            """() => [...document.querySelectorAll("button, a.button, select, input")]
              .filter((each) => each.checkVisibility())
              .filter((each) => Math.min(each.offsetWidth, each.offsetHeight) < 44)
              .map((each) => each.outerHTML)"""
        )
        assert small == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if await page.get_attribute("body", "data-screen") == "start":
            await guest.do("manual")


REVISE = """async () => {
  const { Review } = await import("/static/js/review.js");
  const field = (value, status, printed = null) => ({ value, status, printed });
  const told = (fields) => ({ status: "complete", document: {}, fields });
  const review = new Review(() => {});
  document.body.dataset.screen = "review";
  for (const each of document.querySelectorAll("section")) {
    each.hidden = each.dataset.screen !== "review";
  }
  review.fill(told({
    primary_identifier: field("MUELLER", "read"),
    secondary_identifier: field("ANNA", "read"),
    document_number: field("XK4417723", "checksum"),
    date_of_birth: field("2024-08-12", "checksum"),
  }));
  const typed = document.getElementById("field-secondary_identifier");
  typed.value = "HANNA";
  review.revise(told({
    primary_identifier: field("MUELLER", "corroborated", "Müller"),
    secondary_identifier: field("ANNA", "corroborated", "Anna"),
    document_number: field("XK4417723", "conflict", "L898902C3"),
    date_of_birth: field("1924-08-12", "checksum", "12 AUG 1924"),
  }));
  const row = (name) => document.getElementById(`field-${name}`).closest(".field");
  const seen = {
    statuses: ["primary_identifier", "secondary_identifier", "document_number"]
      .map((name) => row(name).dataset.status),
    typed: typed.value,
    offered: row("primary_identifier").querySelector(".printed span").textContent,
    conflict: row("document_number").querySelector(".printed span").textContent,
    born: review.values().date_of_birth,
  };
  row("primary_identifier").querySelector(".printed button").click();
  return { ...seen, used: review.values().primary_identifier,
    after: row("primary_identifier").dataset.status };
}"""


async def test_a_second_look_changes_the_evidence_and_nothing_that_was_typed(
    kiosk: OpenKiosk,
) -> None:
    guest = await kiosk()
    seen = await guest.page.evaluate(REVISE)
    row = guest.page.locator(".field", has=guest.page.locator("#field-document_number"))
    assert await row.locator(".printed button").count() == 1
    box = await row.locator(".printed button").bounding_box()
    assert box and min(box["width"], box["height"]) >= 44
    assert seen["statuses"] == ["corroborated", "edited", "conflict"]
    assert seen["typed"] == "HANNA"
    assert "Müller" in seen["offered"]
    assert "L898902C3" in seen["conflict"]
    assert seen["born"] == "1924-08-12"
    assert (seen["used"], seen["after"]) == ("Müller", "corroborated")
