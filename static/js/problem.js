/** The screen for what can go wrong: each problem with its own words and its ways on. */

import { byId } from "./dom.js";
import { knows, say } from "./i18n.js";

const ICONS = {
  insecure: "lock",
  access: "lock",
  server: "link-off",
  network: "link-off",
  busy: "clock",
};

/** Without the server neither the specimen nor typing leads anywhere. */
const NEEDS_SERVER = new Set(["access", "server", "network", "busy"]);

export function showProblem(kind) {
  const name = knows(`problem.${kind}.title`) ? kind : "camera";
  const section = document.querySelector('.screen[data-screen="problem"]');
  section.dataset.problem = name;
  say(byId("problem-title"), `problem.${name}.title`);
  say(byId("problem-lead"), `problem.${name}.lead`);
  byId("problem-icon").setAttribute("href", `#i-${ICONS[name] ?? "camera-off"}`);
  for (const button of section.querySelectorAll('[data-action="specimen"], [data-action="manual"]')) {
    button.hidden = NEEDS_SERVER.has(name);
  }
  section.classList.toggle("server-side", NEEDS_SERVER.has(name));
}
