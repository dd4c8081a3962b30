/** The camera's lamp, where it has one that a page may switch (phones, mostly). */

import { byId } from "./dom.js";

const button = byId("torch");
let offered = null; // the track that the button is for

const light = (track, flag) => track.applyConstraints({ advanced: [{ torch: flag }] });

async function press(flag) {
  const track = offered;
  try {
    await light(track, flag);
    if (track === offered) button.setAttribute("aria-pressed", String(flag));
    else darken(track); // its picture was left meanwhile
  } catch {
    if (track === offered) button.hidden = true; // it said that it could, and cannot
  }
}

/** A track that has ended needs no such thing, and may say so. */
function darken(track) {
  light(track, false).catch(() => {});
}

export function bind() {
  button.addEventListener("click", () => press(button.getAttribute("aria-pressed") !== "true"));
}

/** Shows the button for a track with a lamp; null takes it away. A lamp that is left goes out. */
export function offer(track) {
  if (button.getAttribute("aria-pressed") === "true") darken(offered);
  offered = track;
  button.setAttribute("aria-pressed", "false");
  button.hidden = !track?.getCapabilities?.().torch;
}
