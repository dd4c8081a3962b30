/** Notices that the guest has gone: warns, then wipes. */

import { byId } from "./dom.js";
import { t } from "./i18n.js";

const WARN_S = 15;
const PRESENT_EVERY_MS = 20_000;

export class Idle {
  #dialog = byId("idle");
  #timer = 0;
  #touchedMs = 0;
  #toldMs = 0;
  #quiet = false;
  /** Seconds without a sign of the guest. */
  limitS = 60;

  /**
   * `gone()` after `limitS` without a sign of the guest; `present()` now and then while there
   * are signs, because somebody who types is nobody to a server that waits for pictures.
   */
  constructor({ gone, present }) {
    this.gone = gone;
    this.present = present;
    for (const type of ["pointerdown", "pointermove", "keydown", "input", "wheel", "touchmove"]) {
      addEventListener(type, () => this.#interaction(), { passive: true, capture: true });
    }
    byId("idle-stay").addEventListener("click", () => this.touch());
    this.#dialog.addEventListener("cancel", () => this.touch());
  }

  /** `quiet`: nothing of a guest is there yet, so nothing need be asked before it is wiped. */
  start({ quiet = false } = {}) {
    this.#quiet = quiet;
    if (!this.#timer) this.#timer = setInterval(() => this.#look(), 500);
    this.touch();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#dialog.close();
  }

  /** A sign of the guest: a key, a finger, a document in view. */
  touch() {
    this.#touchedMs = performance.now();
    if (this.#dialog.open) this.#dialog.close();
  }

  /** While the question is on the screen only an answer to it counts, not a brushed mouse. */
  #interaction() {
    if (!this.#dialog.open) this.#touchedMs = performance.now();
    if (this.#timer && performance.now() - this.#toldMs > PRESENT_EVERY_MS) {
      this.#toldMs = performance.now();
      this.present();
    }
  }

  #look() {
    const leftS = this.limitS - (performance.now() - this.#touchedMs) / 1000;
    if (leftS <= 0) {
      this.stop();
      this.gone();
    } else if (leftS <= WARN_S && !this.#quiet) {
      byId("idle-text").textContent = t("idle.text", { seconds: Math.ceil(leftS) });
      if (!this.#dialog.open) this.#dialog.showModal();
    }
  }
}
