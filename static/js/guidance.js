/** The one line that tells the guest what to do: large on the screen, and spoken. */

import { byId, english } from "./dom.js";
import { knows, t } from "./i18n.js";

const SPOKEN_EVERY_MS = 2500; // a screen reader needs this long for a line

export class Guidance {
  #line = byId("guidance");
  #voice = byId("announcer");
  #message = null;
  #timer = 0;
  #spokenMs = -Infinity;

  /** `message`: {code, severity, text}, or a `note`. The page's own words first, else the server's. */
  show(message) {
    this.#message = message;
    this.#line.dataset.severity = message.severity ?? "info";
    this.#line.dataset.code = message.code ?? "";
    const text = this.#words();
    if (this.#line.textContent === text) return;
    this.#line.replaceChildren(message.note ? english(text) : text);
    this.#speakSoon();
  }

  /** A sentence of the server's that is no guidance, for instance of a refused shutter. */
  note(note) {
    this.show({ severity: "warning", note });
  }

  /** The language has changed. */
  reword() {
    if (this.#message) this.show(this.#message);
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#message = null;
    this.#line.textContent = this.#voice.textContent = "";
    this.#line.dataset.code = "";
  }

  #words() {
    const { code, text, note } = this.#message;
    const key = `guidance.${code}`;
    return code && knows(key) ? t(key) : (note ?? text ?? "");
  }

  /** At most one line in a while, and always the latest: never a queue of stale advice. */
  #speakSoon() {
    if (this.#timer) return;
    const wait = Math.max(0, this.#spokenMs + SPOKEN_EVERY_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#spokenMs = performance.now();
      this.#voice.replaceChildren(...this.#line.cloneNode(true).childNodes);
    }, wait);
  }
}
