/** The one line that tells the guest what to do: large on the screen, and spoken. */

import { byId } from "./dom.js";
import { knows, t } from "./i18n.js";

const SPOKEN_EVERY_MS = 2500; // a screen reader needs this long for a line

export class Guidance {
  #line = byId("guidance");
  #voice = byId("announcer");
  #message = null;
  #timer = 0;
  #spokenMs = -Infinity;

  /** `message`: {code, severity, text}. The page's own words first, else the server's. */
  show(message) {
    this.#message = message;
    this.#line.dataset.severity = message.severity ?? "info";
    this.#line.dataset.code = message.code ?? "";
    const text = this.#words();
    if (this.#line.textContent === text) return;
    this.#line.textContent = text;
    this.#speakSoon();
  }

  /** A text of the page's own that is no guidance, for instance a refused shutter. */
  note(text) {
    this.show({ severity: "warning", text });
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
    const { code, text } = this.#message;
    const key = `guidance.${code}`;
    return code && knows(key) ? t(key) : (text ?? "");
  }

  /** At most one line in a while, and always the latest: never a queue of stale advice. */
  #speakSoon() {
    if (this.#timer) return;
    const wait = Math.max(0, this.#spokenMs + SPOKEN_EVERY_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#spokenMs = performance.now();
      this.#voice.textContent = this.#line.textContent;
    }, wait);
  }
}
