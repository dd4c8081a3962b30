"""A screen as it may look, and what is wrong with it: by axe-core, and by its sizes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

from playwright.async_api import Page

AXE = Path(__file__).resolve().parents[2] / "examples" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

SIZES = {"kiosk": (1080, 1920), "desk": (1280, 800), "phone": (390, 844)}
"""Width and height in CSS pixels."""
LOOKS = tuple(product(SIZES, ("light", "dark")))
"""Size by name, and colour scheme."""

UNFIT = """() => {
  const shown = (each) => each.checkVisibility({ visibilityProperty: true });
  const name = (each) => each.outerHTML.slice(0, 120);
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the screen");
  for (const each of document.querySelectorAll("button, a.button, select, input, summary")) {
    if (shown(each) && Math.min(each.offsetWidth, each.offsetHeight) < 44) {
      found.push(`under 44 px: ${name(each)}`);
    }
  }
  for (const each of document.querySelectorAll("button, a, h1, h2, h3, p, label, legend, dt, dd, summary")) {
    if (!shown(each) || each.closest(".unseen")) continue;
    if (each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== "inline") {
      found.push(`cut off: ${name(each)}`);
    }
  }
  return found;
}"""  # noqa: E501


async def violations(page: Page) -> list[str]:
    """What axe finds on what shows now; the browser's own PDF viewer is not ours."""
    # Run by the debugger, which the page's own policy does not bind.
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate(
        """(tags) => axe.run({ exclude: ["#card-view iframe"] }, {
          runOnly: { type: "tag", values: tags }, iframes: false, resultTypes: ["violations"],
        })""",
        RULES,
    )
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


async def look_as(page: Page, size: str, scheme: Any) -> None:
    """Give the page that size and colour scheme."""
    width, height = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")


async def faults(page: Page) -> list[str]:
    """Whatever is wrong with what shows now."""
    unfit: list[str] = await page.evaluate(UNFIT)
    return unfit + await violations(page)


async def faults_in(page: Page, name: str, looks: Iterable[tuple[str, str]] = LOOKS) -> list[str]:
    """The same in each of these looks; ``name`` is what shows, to tell of it."""
    found = []
    for size, scheme in looks:
        await look_as(page, size, scheme)
        await page.keyboard.press("Shift")  # somebody is there: nothing is wiped meanwhile
        found += [f"{name}, {size}, {scheme}: {fault}" for fault in await faults(page)]
    return found
