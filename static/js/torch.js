/** The camera's lamp, where it has one that a page may switch (phones, mostly). */

import { byId } from "./dom.js";

const button = byId("torch");
let lit = null; // the track that the button is for

async function light(flag) {
  try {
    await lit.applyConstraints({ advanced: [{ torch: flag }] });
    button.setAttribute("aria-pressed", String(flag));
  } catch {
    button.hidden = true; // it said that it could, and cannot
  }
}

export function bind() {
  button.addEventListener("click", () => light(button.getAttribute("aria-pressed") !== "true"));
}

/** Shows the button for a track with a lamp; null takes it away. */
export function offer(track) {
  lit = track;
  button.setAttribute("aria-pressed", "false");
  button.hidden = !track?.getCapabilities?.().torch;
}
