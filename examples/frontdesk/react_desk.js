// The same front desk in React 18, through an import map: no bundler, no CDN.

import { createElement as h, useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom";

const { lens, token, specimen } = await (await fetch("/desk.json")).json();
await import(`${lens}/static/embed.js`);

const EVENTS = ["ready", "guidance", "capture", "result", "confirmed", "error", "close"];

/** React 18 sets attributes of a custom element, but its events are listened to by hand. */
function Capture({ element, on }) {
  useEffect(() => {
    const { current } = element;
    const hear = ({ type, detail }) => on(type, detail);
    for (const name of EVENTS) current.addEventListener(name, hear);
    return () => EVENTS.forEach((name) => current.removeEventListener(name, hear));
  }, [element, on]);
  return h("lobbylens-capture", { ref: element });
}

const SAID = {
  ready: () => "Ready",
  guidance: ({ text }) => text,
  capture: () => "Picture taken",
  result: ({ status }) => `Read: ${status}`,
  confirmed: ({ edited }) => `Confirmed, ${edited.length} changed by the guest`,
  error: ({ message }) => message,
  close: ({ reason }) => `Closed: ${reason}`,
};

function Guest({ fields }) {
  const rows = Object.entries(fields).flatMap(([name, { value, status }]) => [
    h("dt", { key: `${name}-term` }, name.replaceAll("_", " ")),
    h("dd", { key: name, title: status }, value ?? "–"),
  ]);
  return h("dl", { id: "guest" }, rows);
}

function Desk() {
  const element = useRef(null);
  const [said, setSaid] = useState("Starting…");
  const [fields, setFields] = useState({});
  const hear = useRef((type, detail) => {
    setSaid(SAID[type](detail));
    if (type === "result") setFields(detail.fields);
    if (type === "close") setFields({});
  }).current;
  const begin = () =>
    element.current.start({ token, specimen, language: navigator.language.split("-")[0] });
  return h(
    "div",
    null,
    h("header", null, h("h1", null, "Arrivals"), h("p", { id: "status", role: "status" }, said)),
    h(
      "main",
      null,
      h("section", { className: "capture", "aria-label": "Guest's document" }, h(Capture, { element, on: hear })),
      h(
        "section",
        { className: "reservation", "aria-label": "Reservation" },
        h(
          "div",
          { className: "buttons" },
          h("button", { type: "button", id: "start", onClick: begin }, "Scan a document"),
          h("button", { type: "button", id: "stop", onClick: () => element.current.stop() }, "Stop"),
        ),
        h(Guest, { fields }),
      ),
    ),
  );
}

createRoot(document.getElementById("root")).render(h(Desk));
