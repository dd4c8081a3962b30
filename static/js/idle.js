/** Notices that the guest has gone: warns, then wipes. */

import { byId } from "./dom.js";
import { t } from "./i18n.js";

const WARN_S = 15;
const PRESENT_EVERY_MS = 20_000;
const SLEPT_MS = 30_000; // clocks that are put right differ by less

export class Idle {
  #dialog = byId("idle");
  #timer = 0;
  #touchedMs = 0;
  #touchedAt = 0; // by the wall clock
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

  /**
   * `quiet`: nothing of a guest is there yet, so nothing need be asked before it is wiped.
   * `alone`: the page has gone on by itself, which is no sign of a guest.
   */
  start({ quiet = false, alone = false } = {}) {
    this.#quiet = quiet;
    if (this.#timer && alone) return;
    this.#timer ||= setInterval(() => this.#look(), 500);
    this.touch();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#dialog.close();
  }

  /** A sign of the guest: a key, a finger, a document in view. */
  touch() {
    this.#note();
    if (this.#dialog.open) this.#dialog.close();
  }

  #note() {
    this.#touchedMs = performance.now();
    this.#touchedAt = Date.now();
  }

  /** A machine that sleeps stops the one clock; nobody stands before it as long. */
  get #sinceMs() {
    const awakeMs = performance.now() - this.#touchedMs;
    const passedMs = Date.now() - this.#touchedAt;
    return passedMs - awakeMs > SLEPT_MS ? passedMs : awakeMs;
  }

  /** While the question is on the screen only an answer to it counts, not a brushed mouse. */
  #interaction() {
    // Whoever wakes the machine may be somebody else: that is for the next look to say.
    if (!this.#dialog.open && this.#sinceMs < 1000 * this.limitS) this.#note();
    if (this.#timer && performance.now() - this.#toldMs > PRESENT_EVERY_MS) {
      this.#toldMs = performance.now();
      this.present();
    }
  }

  #look() {
    const leftS = this.limitS - this.#sinceMs / 1000;
    if (leftS <= 0) {
      this.stop();
      this.gone();
    } else if (leftS <= WARN_S && !this.#quiet) {
      byId("idle-text").textContent = t("idle.text", { seconds: Math.ceil(leftS) });
      if (!this.#dialog.open) this.#dialog.showModal();
    }
  }
}
