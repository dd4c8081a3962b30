/** The property's own settings: its name, languages, and what the page offers. */

import { byId } from "./dom.js";

const DEFAULTS = Object.freeze({
  name: "LobbyLens",
  languages: [],
  language: "en",
  attract: true,
  specimen: false,
  sound: true,
  signature: false,
  idle_s: 60,
  frame_ancestors: [],
  stored: [],
});

/** What is said of the guest's data has to be true of this server. */
function tellOfStorage(stored) {
  const details = stored.length ? "privacy_details" : "privacy";
  const line = byId("privacy");
  if (line) line.dataset.i18n = stored.includes("image") ? "privacy_pictures" : details;
}

/** As the server has them; its defaults where it does not answer, as the page must still say so. */
export async function loadProperty() {
  const answer = await fetch("/page.json").catch(() => null);
  const told = answer?.ok ? await answer.json().catch(() => ({})) : {};
  const property = Object.freeze({ ...DEFAULTS, ...told });
  const named = byId("property-name");
  if (named) named.textContent = document.title = property.name;
  tellOfStorage(property.stored);
  if (!property.specimen) {
    for (const button of document.querySelectorAll('[data-action="specimen"]')) button.remove();
  }
  return property;
}
