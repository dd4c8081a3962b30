"""The page and its server: lost connections, refusals, tokens."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import aiohttp
from playwright.async_api import Response, Route

from tests.browser.kiosk import (
    WATCH_PEERS,
    Kiosk,
    OpenKiosk,
    Server,
    count_sent,
    desk_door,
)

DEAF_CHANNELS = """
window.channels = [];
const listen = RTCDataChannel.prototype.addEventListener;
RTCDataChannel.prototype.addEventListener = function (type, hear, ...options) {
  window.channels.push(this);
  listen.call(this, type, (event) => type === "message" && this.deaf || hear(event), ...options);
};
"""


async def test_a_lost_peer_is_replaced_and_the_result_kept(kiosk: OpenKiosk) -> None:
    """Lost on the live screen and again in review: one session all along, and its document."""
    guest = await kiosk(scripts=(WATCH_PEERS,))
    page = guest.page
    sessions: list[str] = []

    async def note(response: Response) -> None:
        if response.url.endswith("/offer"):
            sessions.append((await response.json())["session_id"])

    page.on("response", note)
    await guest.do("specimen")
    await page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    await page.evaluate("window.peers.at(-1).close()")
    await page.wait_for_function("() => window.lobbylens.stats.reconnects === 1")
    await guest.screen("review", timeout_s=30)
    await page.fill("#field-room", "217")
    await page.evaluate("window.peers.at(-1).close()")
    await page.wait_for_function("() => window.lobbylens.stats.reconnects === 2")

    assert (await guest.values())["room"] == "217"
    async with page.expect_response(lambda answer: answer.url.endswith("/card.pdf")) as card:
        await page.click("#confirm")
    await guest.screen("card")
    assert len(sessions) == 3
    assert len(set(sessions)) == 1
    # Typed data would have got a document id of their own, which begins with h.
    assert "/documents/h" not in (await card.value).url


async def test_a_server_that_falls_silent_is_asked_anew(kiosk: OpenKiosk) -> None:
    """As where a network vanishes: no peer tells, and nothing comes any more."""
    guest = await kiosk(scripts=(DEAF_CHANNELS,))
    page = guest.page
    await guest.do("specimen")
    await page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    async with page.expect_response("**/api/sessions/*/offer", timeout=10_000) as resumed:
        await page.evaluate("window.channels.forEach((channel) => (channel.deaf = true))")
    assert (await resumed.value).status == 200
    await page.wait_for_function("() => window.lobbylens.stats.reconnects === 1")
    await guest.screen("review", timeout_s=30)


async def confirm_without_peer(guest: Kiosk) -> None:
    """What was typed is confirmed when the connection has just gone, and the card comes."""
    await guest.do("manual")
    await guest.page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
    await guest.type_document()
    await guest.page.evaluate("window.peers.at(-1).close()")
    await guest.page.click("#confirm")
    await guest.screen("card")


async def test_a_confirmation_survives_a_lost_peer(kiosk: OpenKiosk) -> None:
    guest = await kiosk(scripts=(WATCH_PEERS,))
    await confirm_without_peer(guest)
    assert (await guest.stats())["reconnects"] == 1


async def test_a_browser_that_never_says_that_its_sender_is_changed_is_not_waited_for(
    kiosk: OpenKiosk,
) -> None:
    """Chromium says so when the next picture is coded: of an empty form there may be none."""
    silent = "RTCRtpSender.prototype.setParameters = () => new Promise(() => {});"
    guest = await kiosk(scripts=(WATCH_PEERS, silent))
    await confirm_without_peer(guest)


async def test_a_scan_again_survives_a_lost_peer(kiosk: OpenKiosk) -> None:
    """Where the document lies on, the server would wait with its first reading for ever."""
    guest = await kiosk(scripts=(WATCH_PEERS, count_sent("reset")))
    await guest.do("specimen")
    await guest.screen("review", timeout_s=30)
    shown = await guest.page.evaluate(
        """() => {
          window.peers.at(-1).close();
          document.querySelector("[data-action=rescan]").click();
          window.sent = 0; // that one went into a channel that is closing
          return document.body.dataset.screen;
        }"""
    )
    assert shown == "live"
    await guest.page.wait_for_function("() => window.lobbylens.stats.reconnects === 1")
    await guest.screen("review", timeout_s=30)
    assert await guest.page.evaluate("window.sent") == 1


# The page gives up after twenty seconds in vain.
LATER = "{ const now = performance.now; performance.now = () => now.call(performance) + 20_000; }"


async def take_over_form(guest: Kiosk) -> None:
    """As the front desk does."""
    await guest.page.request.post(f"{await desk_door(guest)}/form", data={})
    await guest.page.wait_for_selector("#review-desk:visible")
    assert await guest.page.is_disabled("#confirm")


async def test_a_clerk_s_form_is_the_guest_s_again_when_its_session_is_lost(
    kiosk: OpenKiosk,
) -> None:
    """Where another one follows, and where none does."""
    guest = await kiosk(scripts=(WATCH_PEERS,), expect=("404", "ERR_FAILED"))
    page = guest.page
    await guest.do("manual")
    await page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
    await take_over_form(guest)
    await page.route("**/api/sessions/*/offer", lambda route: route.fulfill(status=404, body="{}"))
    await page.evaluate("window.peers.at(-1).close()")
    await page.wait_for_function("() => window.lobbylens.stats.reconnects === 1")
    await page.wait_for_selector("#review-desk", state="hidden")
    assert await page.is_enabled("#confirm")

    await take_over_form(guest)
    await page.route("**/offer", lambda route: route.abort())
    async with page.expect_request("**/offer"):
        await page.evaluate("window.peers.at(-1).close()")
    await page.evaluate(LATER)
    await page.wait_for_selector("#review-desk", state="hidden")
    assert await page.is_enabled("#confirm")


async def test_a_full_server_is_tried_again(kiosk: OpenKiosk) -> None:
    guest = await kiosk(expect=("503",))
    refusals = 0

    async def refuse_once(route: Route) -> None:
        nonlocal refusals
        refusals += 1
        if refusals > 1:
            await route.continue_()
        else:
            await route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}")

    await guest.page.route("**/api/webrtc/offer", refuse_once)
    await guest.do("specimen")
    await guest.problem("busy")
    # The screen shows its picture before the second offer is made.
    await guest.page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
    await guest.screen("live")
    assert refusals == 2


async def test_a_full_server_is_not_tried_for_a_guest_who_has_gone(kiosk: OpenKiosk) -> None:
    guest = await kiosk(language="", expect=("503",))
    page = guest.page
    refusals = 0

    async def refuse(route: Route) -> None:
        nonlocal refusals
        refusals += 1
        await route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}")

    settings = {"specimen": True, "idle_s": 4}
    await page.route("**/page.json", lambda route: route.fulfill(json=settings))
    await page.reload()
    await guest.screen("attract")
    await guest.welcome()
    await page.route("**/api/webrtc/offer", refuse)
    await guest.do("specimen")
    await guest.problem("busy")
    await guest.screen("attract", timeout_s=8)
    assert refusals > 1


async def test_a_server_that_is_gone(kiosk: OpenKiosk) -> None:
    guest = await kiosk(expect=("ERR_FAILED",))
    await guest.page.route("**/api/webrtc/**", lambda route: route.abort())
    await guest.do("specimen")
    await guest.problem("server")
    assert not await guest.page.is_visible('.screen[data-screen="problem"] [data-action="manual"]')
    await guest.page.unroute_all()
    await guest.do("retry")
    await guest.screen("live")


async def test_an_offer_that_finds_no_such_address_is_no_camera_s_fault(kiosk: OpenKiosk) -> None:
    """As behind a balancer that does not know the path: only a session can be over."""
    guest = await kiosk(expect=("404",))
    await guest.page.route(
        "**/api/webrtc/offer", lambda route: route.fulfill(status=404, body="no such page")
    )
    await guest.do("specimen")
    await guest.problem("server")


def a_foreign_page(times: int) -> Callable[[Route], Awaitable[None]]:
    """Answers so often in the server's place, as a network does that wants its terms agreed to."""
    left = itertools.count(times, -1)

    async def answer(route: Route) -> None:
        if next(left) > 0:
            await route.fulfill(content_type="text/html", body="<title>Welcome to our network")
        else:
            await route.continue_()

    return answer


async def test_a_network_s_own_page_is_no_answer(kiosk: OpenKiosk) -> None:
    """It is no camera that fails, as which anything unforeseen was told."""
    guest = await kiosk()
    await guest.page.route("**/api/webrtc/offer", a_foreign_page(1))
    await guest.do("specimen")
    await guest.problem("server")
    await guest.do("retry")
    await guest.screen("live")


async def test_a_session_is_resumed_behind_a_network_s_own_page(kiosk: OpenKiosk) -> None:
    """One attempt in vain is not the last: the page waited for ever."""
    guest = await kiosk(scripts=(WATCH_PEERS,))
    page = guest.page
    await page.route("**/api/sessions/*/offer", a_foreign_page(1))
    await guest.do("specimen")
    await page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    await page.evaluate("window.peers.at(-1).close()")
    await page.wait_for_function("() => window.lobbylens.stats.reconnects === 1")
    await guest.screen("review", timeout_s=30)


async def test_a_session_that_is_over_when_the_page_gives_up_is_no_camera_s_fault(
    kiosk: OpenKiosk,
) -> None:
    guest = await kiosk(scripts=(WATCH_PEERS,), expect=("404",))
    page = guest.page

    async def late(route: Route) -> None:
        await page.evaluate(LATER)
        await route.fulfill(status=404, body="{}")

    await page.route("**/api/sessions/*/offer", late)
    await guest.do("specimen")
    await page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    await page.evaluate("window.peers.at(-1).close()")
    await guest.problem("network")


async def test_what_nobody_foresaw_is_one_attempt_in_vain(kiosk: OpenKiosk) -> None:
    guest = await kiosk(scripts=(WATCH_PEERS,), expect=("nobody foresaw",))
    page = guest.page
    await guest.do("specimen")
    await page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    await page.evaluate(
        """() => {
          const real = RTCPeerConnection.prototype.setLocalDescription;
          RTCPeerConnection.prototype.setLocalDescription = function () {
            RTCPeerConnection.prototype.setLocalDescription = real;
            throw new TypeError("what nobody foresaw");
          };
          window.peers.at(-1).close();
        }"""
    )
    await page.wait_for_function("() => window.lobbylens.stats.reconnects === 1")
    await guest.screen("review", timeout_s=30)


async def error_code(url: str) -> str:
    """What the server refuses this address with."""
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return str((await answer.json())["error_code"])


async def test_leaving_the_page_ends_the_session(kiosk: OpenKiosk, server: Server) -> None:
    guest = await kiosk()
    async with guest.page.expect_response("**/api/webrtc/offer") as answered:
        await guest.do("specimen")
    session_id = (await (await answered.value).json())["session_id"]
    await guest.page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    card = f"{server.url}/api/sessions/{session_id}/documents/none/card.pdf"
    assert await error_code(card) == "NOT_FOUND"
    await guest.page.goto("about:blank")
    # Far sooner than a lost peer would be given up.
    async with asyncio.timeout(10):
        while await error_code(card) != "INVALID_SESSION":
            await asyncio.sleep(0.1)


async def test_the_token_leaves_the_address_and_goes_to_the_server(kiosk: OpenKiosk) -> None:
    guest = await kiosk(path="/#token=a-token")
    assert await guest.page.evaluate("location.href") == f"{guest.origin}/"
    async with guest.page.expect_request("**/api/webrtc/offer") as offer:
        await guest.do("specimen")
    assert (await offer.value).headers["authorization"] == "Bearer a-token"
    stored = await guest.page.evaluate("JSON.stringify([{...localStorage}, document.cookie])")
    assert "a-token" not in stored
