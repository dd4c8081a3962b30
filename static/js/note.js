/** A line from the front desk, over whatever screen shows. */

import { byId } from "./dom.js";
import { hush, knows, say, t } from "./i18n.js";

const SHOWN_MS = 15_000;
let timer = 0;

/** `hint`: {code, text} as the protocol has it. */
export function show({ code, text }) {
  const key = code ? `guidance.${code}` : "";
  const words = () => ({ hint: key && knows(key) ? t(key) : (text ?? "") });
  if (!words().hint) return;
  byId("desk-note").hidden = false;
  say(byId("desk-note-text"), "desk.hint", words);
  clearTimeout(timer);
  timer = setTimeout(clear, SHOWN_MS);
}

export function clear() {
  clearTimeout(timer);
  byId("desk-note").hidden = true;
  hush(byId("desk-note-text"));
}
