"""The guest's visit in the other engine: Debian's Firefox."""

from __future__ import annotations

from tests.browser.firefox import Firefox, firefox
from tests.browser.kiosk import Server


async def welcomed(browser: Firefox, server: Server) -> None:
    await browser.open(f"{server.url}/")
    await browser.screen("attract")
    await browser.click("[data-action=touch]")
    await browser.screen("language")
    await browser.click("#language-buttons [lang=en]")
    await browser.screen("start")


async def test_from_the_camera_to_the_card_in_firefox(server: Server) -> None:
    async with firefox() as browser:
        # Its fake camera shows bars of colour, in each size that is asked for.
        await welcomed(browser, server)
        await browser.click("[data-action=begin]")
        await browser.screen("live")
        await browser.until("window.lobbylens.stats.matched > 3")
        assert await browser.evaluate("document.querySelector('video').videoWidth") >= 1280
        await browser.click("[data-screen=live] [data-action=reset]")

        await welcomed(browser, server)
        await browser.click("[data-action=specimen]")
        await browser.screen("review")
        read = await browser.evaluate(
            "['primary_identifier', 'document_number', 'date_of_birth']"
            ".map((name) => document.querySelector(`#field-${name}`).value)"
        )
        assert read[:2] == ["ERIKSSON", "L898902C3"] and "1974" in read[2]
        assert "profile_capture" in await browser.evaluate("window.lobbylens.stats.marks")
        await browser.click("#confirm")
        await browser.screen("card")
        assert browser.complaints == []
