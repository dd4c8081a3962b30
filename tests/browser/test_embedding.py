"""A front desk of another origin takes the page in with one tag, and nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, Request, Route

from examples.frontdesk_host import make_host
from tests.browser.kiosk import HASTE, WATCH_PEERS, OpenKiosk, Server
from tests.browser.test_page import STATIC

TOKEN = "a-token-of-the-desk"
KEEP_EVENTS = """
window.told = [];
addEventListener("DOMContentLoaded", () => {
  const names = ["ready", "guidance", "capture", "result", "confirmed", "error", "close"];
  const seen = new WeakSet();
  new MutationObserver(() => {
    for (const element of document.querySelectorAll("lobbylens-capture")) {
      if (seen.has(element)) continue;
      seen.add(element);
      for (const name of names) {
        element.addEventListener(name, ({ type, detail }) => window.told.push({ type, detail }));
      }
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
});
"""
ELEMENT = "document.querySelector('lobbylens-capture')"
Host = Callable[[int], Awaitable[str]]


@pytest_asyncio.fixture(loop_scope="session")
async def host(server: Server) -> AsyncIterator[Host]:
    """``await host(port)`` serves the example's front desk there; its address."""
    async with AsyncExitStack() as stack:

        async def serve(port: int) -> str:
            app = make_host(server.url, TOKEN, specimen=True)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", port).start()
            return f"http://127.0.0.1:{runner.addresses[0][1]}"

        yield serve


async def told(page: Page, kind: str) -> dict[str, object]:
    """Wait for an event of the element; its detail."""
    await page.wait_for_function(
        "(kind) => window.told.some(({ type }) => type === kind)", arg=kind, timeout=40_000
    )
    detail: dict[str, object] = await page.evaluate(
        "(kind) => window.told.findLast(({ type }) => type === kind).detail", kind
    )
    return detail


@pytest.mark.parametrize("path", ["/", "/react"])
async def test_a_front_desk_embeds_the_page(
    kiosk: OpenKiosk, host: Host, desk_port: int, path: str
) -> None:
    """From its own button to its own list of what was read, and the token in no address."""
    # No kiosk of our own is opened by this page: only its frame is ours.
    guest = await kiosk(scripts=(KEEP_EVENTS,), expect=("request to",))
    page = guest.page
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    await page.goto(await host(desk_port) + path)
    assert await told(page, "ready") == {
        "v": 1,
        "languages": ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr", "ar", "he", "zh"],
    }
    frame = next(each for each in page.frames if each.url == f"{guest.origin}/")
    # Whoever stands at a desk need not be attracted.
    await frame.wait_for_selector("body.embedded[data-screen=start]")
    await page.click("#start")
    result = await told(page, "result")
    assert result["status"] == "complete"
    assert "ERIKSSON" in await page.inner_text("#guest")
    assert (await told(page, "capture"))["trigger"] == "auto"
    assert (await told(page, "guidance"))["code"]

    assert await (await frame.frame_element()).get_attribute("allow") == "camera"
    granted = await frame.evaluate("document.featurePolicy.allowedFeatures()")
    assert "camera" in granted and not {"microphone", "geolocation", "display-capture"} & {*granted}
    await frame.click("#confirm")
    assert "/card.pdf" in str((await told(page, "confirmed"))["card"])
    await page.click("#stop")
    assert await told(page, "close") == {"reason": "stopped"}
    assert "ERIKSSON" not in await page.inner_text("main")
    assert "ERIKSSON" not in await frame.content()

    offers = [each for each in asked if each.url.endswith("/api/webrtc/offer")]
    assert offers[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert not [each.url for each in asked if TOKEN in each.url]
    assert await page.locator("lobbylens-capture").count() == 1


@pytest.mark.parametrize("newer", ["stop", "reset"])
async def test_no_camera_goes_on_after_a_stop(
    kiosk: OpenKiosk, host: Host, desk_port: int, newer: str
) -> None:
    """The words of a language that is new to the page may take long to come."""
    guest = await kiosk(scripts=(KEEP_EVENTS, WATCH_PEERS), expect=("request to",))
    page, words = guest.page, asyncio.Event()

    async def hold(route: Route) -> None:
        await words.wait()
        await route.continue_()

    await page.context.route("**/static/lang/fr.json", hold)
    await page.goto(await host(desk_port) + "/")
    await told(page, "ready")
    frame = next(each for each in page.frames if each.url == f"{guest.origin}/")
    await frame.wait_for_selector("body.embedded[data-screen=start]")
    async with page.expect_request("**/static/lang/fr.json"):
        await page.evaluate(f"{ELEMENT}.start({{language: 'fr', specimen: true}})")
    await page.evaluate(f"{ELEMENT}.{newer}()")
    words.set()
    await frame.wait_for_selector("html[lang=fr]")
    await page.wait_for_timeout(500)
    assert await frame.evaluate("window.peers.length") == 0
    assert await frame.evaluate("document.body.dataset.screen") == "start"
    # Nor is the page out of order, or another guest's language kept.
    await page.evaluate(f"{ELEMENT}.start({{specimen: true}})")
    await told(page, "result")
    assert await frame.get_attribute("html", "lang") == "en"


async def test_a_host_is_served_where_the_words_it_asks_for_cannot_be_had(
    kiosk: OpenKiosk, host: Host, desk_port: int
) -> None:
    guest = await kiosk(scripts=(KEEP_EVENTS,), expect=("request to", "Failed to"))
    page = guest.page
    await page.context.route("**/static/lang/fr.json", lambda route: route.abort())
    await page.goto(await host(desk_port) + "/")
    await told(page, "ready")
    # One that is told to start before it is in the document starts all the same.
    await page.evaluate(
        f"""() => {{
          const another = {ELEMENT}.cloneNode();
          another.start({{ language: "fr", specimen: true }});
          {ELEMENT}.replaceWith(another);
        }}"""
    )
    assert (await told(page, "result"))["status"] == "complete"


async def test_a_host_begins_anew_and_the_guest_before_is_gone(
    kiosk: OpenKiosk, host: Host, desk_port: int
) -> None:
    guest = await kiosk(scripts=(KEEP_EVENTS,), expect=("request to",))
    page = guest.page
    await page.goto(await host(desk_port) + "/")
    await told(page, "ready")
    await page.click("#start")
    await told(page, "result")
    frame = next(each for each in page.frames if each.url == f"{guest.origin}/")
    typed = "() => [...document.querySelectorAll('input')].map(({ value }) => value).join()"
    assert "ERIKSSON" in await frame.evaluate(typed)
    await page.evaluate("document.querySelector('lobbylens-capture').reset()")
    assert await told(page, "close") == {"reason": "reset"}
    await frame.wait_for_selector("body[data-screen=start]")
    assert "ERIKSSON" not in await frame.content() + await frame.evaluate(typed)


async def test_a_foreign_origin_is_refused(kiosk: OpenKiosk, host: Host) -> None:
    guest = await kiosk(scripts=(KEEP_EVENTS, HASTE), expect=("request to", "frame", "postMessage"))
    page = guest.page
    await page.goto(await host(0))
    await page.wait_for_function("() => document.querySelector('lobbylens-capture')")
    async with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
        await page.evaluate(
            "() => { const it = document.querySelector('lobbylens-capture');"
            " it.parentNode.append(it); }"
        )
    await page.click("#start")
    assert (await told(page, "error"))["code"] == "NO_ANSWER"
    assert await page.evaluate("window.told.filter(({type}) => type === 'ready').length") == 0
    assert not [frame for frame in page.frames if frame.url.startswith(guest.origin)]


LISTENER = """<!doctype html><title>Another</title><script>
window.heard = [];
addEventListener("message", ({ data }) => window.heard.push(data));
</script>"""


async def test_the_port_is_handed_to_the_server_s_origin_and_to_no_other(kiosk: OpenKiosk) -> None:
    """A frame that ended up elsewhere, here by a redirection, hears nothing."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=texts[request.path], content_type="text/html")

    async def script(request: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "embed.js")

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{addresses[0]}/listener")

    addresses: list[str] = []
    async with AsyncExitStack() as stack:
        for _ in range(2):  # the desk's own server, and one that sends on to another origin
            app = web.Application()
            app.router.add_get("/desk", page)
            app.router.add_get("/listener", page)
            app.router.add_get("/embed.js", script)
            app.router.add_get("/", moved)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            addresses.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        tag = f'<lobbylens-capture origin="{addresses[1]}"></lobbylens-capture>'
        texts = {
            "/listener": LISTENER,
            "/desk": f'<!doctype html><script type="module" src="/embed.js"></script>{tag}',
        }
        guest = await kiosk(expect=("request to", "postMessage", "favicon", "404"))
        await guest.page.goto(f"{addresses[0]}/desk")
        await guest.page.wait_for_selector("lobbylens-capture")
        async with asyncio.timeout(15):
            while not (inner := [each for each in guest.page.frames if "listener" in each.url]):
                await asyncio.sleep(0.05)
        await inner[0].wait_for_load_state()
        await asyncio.sleep(0.5)
        assert await inner[0].evaluate("window.heard") == []
        # It would hear what is meant for anybody.
        await inner[0].evaluate("window.postMessage('all', '*')")
        await inner[0].wait_for_function("() => window.heard.length === 1")


ASK = """async (origin) => {
  const frame = document.createElement("iframe");
  frame.src = "/";
  document.body.append(frame);
  await new Promise((resolve) => frame.addEventListener("load", resolve));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const inner = frame.contentWindow;
  const { port1, port2 } = new MessageChannel();
  const answered = new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data.type);
    setTimeout(() => resolve("silence"), 1000);
  });
  const data = { type: "lobbylens.connect", v: 1 };
  const source = inner.parent;
  inner.dispatchEvent(new inner.MessageEvent("message", { data, origin, source, ports: [port2] }));
  const answer = await answered;
  frame.remove();
  return answer;
}"""


async def test_the_page_answers_exactly_the_origins_of_its_settings(
    kiosk: OpenKiosk, desk_port: int
) -> None:
    """The second lock, should a browser let a frame through: the origin of the message itself."""
    guest = await kiosk()
    desk = f"http://127.0.0.1:{desk_port}"
    strange = (f"{desk}0", f"https://127.0.0.1:{desk_port}", f"{desk}.example", "null")
    assert await guest.page.evaluate(ASK, desk) == "ready"
    answers = await asyncio.gather(*(guest.page.evaluate(ASK, each) for each in strange))
    assert dict(zip(strange, answers, strict=True)) == dict.fromkeys(strange, "silence")
    assert await guest.page.evaluate(ASK, guest.origin) == "ready"


async def test_a_window_that_is_not_the_parent_is_not_answered(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    async with guest.page.expect_popup() as opened:
        await guest.page.evaluate("void (window.other = open('/'))")
    other = await opened.value
    await other.wait_for_selector("body[data-screen=attract]")
    answer = await guest.page.evaluate(
        """() => new Promise((resolve) => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = ({ data }) => resolve(data.type);
          window.other.postMessage({ type: "lobbylens.connect", v: 1 }, location.origin, [port2]);
          setTimeout(() => resolve("silence"), 1000);
        })"""
    )
    assert answer == "silence"
