"""What a visit tells the server when it comes back, and what it holds to be past."""

from __future__ import annotations

from typing import Any

from tests.browser.kiosk import OpenKiosk

VISIT = """async () => {
  const { Visit } = await import("/static/js/visit.js");
  const nothing = () => {};
  const handlers = ["message", "up", "down", "failed", "transport", "unanswered"];
  const visit = new Visit(Object.fromEntries(handlers.map((name) => [name, nothing])));
  const track = { enabled: true, readyState: "live" };
  await visit.connect({ track, again: nothing, stop: nothing }, "en").catch(nothing);
  const net = { sent: [], online: true };
  visit.connection.send = (message) => {
    if (net.online) net.sent.push(message);
    return net.online;
  };
  const hooks = visit.connection.hooks;
  hooks.up({ resumed: false });
  ACT
}"""
"""A visit whose connection is a list of what is sent; ACT is what happens."""


async def told(kiosk: OpenKiosk, act: str) -> Any:
    # Its own connection fails: no track of a camera is there.
    guest = await kiosk(expect=("",))
    return await guest.page.evaluate(VISIT.replace("ACT", act))


async def test_what_was_left_is_forgotten_before_what_came_after_is_confirmed(
    kiosk: OpenKiosk,
) -> None:
    sent = await told(
        kiosk,
        """
        net.online = false;
        visit.rescan();
        hooks.down();
        visit.confirm({ room: "1" });
        net.online = true;
        hooks.up({ resumed: true });
        return net.sent;
        """,
    )
    assert [each["type"] for each in sent] == ["reset", "configure", "confirm"]
    assert sent[1]["reviewing"] is None, "what was said of it may have been lost"


async def test_the_next_guest_is_told_of_also_by_the_next_connection(kiosk: OpenKiosk) -> None:
    sent = await told(
        kiosk,
        """
        visit.sides = 2;
        net.online = false;
        visit.another();
        hooks.down();
        net.online = true;
        hooks.up({ resumed: true });
        hooks.down();
        hooks.up({ resumed: true });
        return net.sent.filter((message) => "sides" in message);
        """,
    )
    assert sent == [{"type": "configure", "sides": 2}]


async def test_of_a_session_that_is_over_no_document_is_confirmed(kiosk: OpenKiosk) -> None:
    read = await told(
        kiosk,
        """
        visit.sides = 2;
        visit.read = { document_id: "A", sides: ["back"], fields: {} };
        hooks.down();
        hooks.up({ resumed: false });
        return [visit.read.document_id, visit.wantsOtherSide];
        """,
    )
    assert read == [None, True]


async def test_a_result_that_came_to_the_open_form_is_past_with_it(kiosk: OpenKiosk) -> None:
    past = await told(
        kiosk,
        """
        hooks.message({ type: "result", document_id: "A", sides: [] });
        const before = visit.isPast("A");
        visit.another();
        return [before, visit.isPast("A"), visit.isPast("B")];
        """,
    )
    assert past == [False, True, False]
