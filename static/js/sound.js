/** Two short sounds, made here, with a switch. Never the only sign: all they say is shown too. */

import { byId } from "./dom.js";

/** name -> [frequency in Hz, beginning in s, length in s] of each note. */
const SOUNDS = {
  captured: [
    [880, 0, 0.09],
    [1318.5, 0.08, 0.16],
  ],
  done: [
    [659.3, 0, 0.12],
    [880, 0.11, 0.12],
    [1108.7, 0.22, 0.24],
  ],
};
const LOUDNESS = 0.12;
const REST_MS = 1500; // longer than any sound

export class Sound {
  #button = byId("sound");
  #context = null;
  #resting = 0;
  #usual = true;

  constructor() {
    this.#button.addEventListener("click", () => this.#switch(!this.on));
  }

  /** What the property wishes; the next guest finds it so again. */
  set usual(flag) {
    this.#usual = flag;
    this.#switch(flag);
  }

  reset() {
    this.#switch(this.#usual);
  }

  get on() {
    return this.#button.getAttribute("aria-pressed") === "true";
  }

  #switch(flag) {
    this.#button.setAttribute("aria-pressed", String(flag));
    byId("sound-icon").setAttribute("href", flag ? "#i-sound" : "#i-silent");
  }

  /**
   * To be called once the guest has touched the page, well before it is to sound: a first
   * AudioContext may hold up the page for a tenth of a second, and with it the live picture.
   */
  prepare() {
    if (this.on && !this.#context) this.#wake();
  }

  /** The context, running; it goes to rest by itself. Null where the page may not sound. */
  #wake() {
    // Browsers let no page sound that nobody has touched: a host's own button may have begun.
    if (navigator.userActivation?.hasBeenActive === false) return null;
    const context = (this.#context ??= new AudioContext());
    context.resume().catch(() => {});
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => context.suspend().catch(() => {}), REST_MS);
    return context;
  }

  play(name) {
    const context = this.on ? this.#wake() : null;
    if (!context) return;
    for (const [hertz, begin, length] of SOUNDS[name]) {
      const at = context.currentTime + begin;
      const tone = new OscillatorNode(context, { type: "sine", frequency: hertz });
      const gain = new GainNode(context, { gain: 0 });
      gain.gain.linearRampToValueAtTime(LOUDNESS, at + 0.01);
      gain.gain.exponentialRampToValueAtTime(0.0005, at + length);
      tone.connect(gain).connect(context.destination);
      tone.start(at);
      tone.stop(at + length);
    }
  }
}
