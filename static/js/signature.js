/**
 * The pad on which a guest signs, with a finger, a pen or a mouse (W3C Pointer Events). What is
 * drawn is kept as strokes: points that are ratios of the pad, as the protocol has them. Whoever
 * has none of these leaves it empty and signs the printed card.
 */

import { byId } from "./dom.js";
import { hush, say } from "./i18n.js";

const NEAR = 0.003; // of the pad's width: nearer points say nothing new
const MOST_POINTS = 2500; // some 40 kB of JSON, well within what a message may have
const MOST_STROKES = 150;
const PEN_PX = 2.4;

const within = (value) => Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;

export class SignaturePad {
  #pad = byId("signature-pad");
  #clear = byId("signature-clear");
  #status = byId("signature-status");
  #strokes = [];
  #pointer = null; // of the stroke that is being drawn
  #full = false;

  constructor() {
    this.#pad.addEventListener("pointerdown", (event) => this.#begin(event));
    this.#pad.addEventListener("pointermove", (event) => this.#go(event));
    for (const type of ["pointerup", "pointercancel"]) {
      this.#pad.addEventListener(type, (event) => this.#end(event));
    }
    this.#clear.addEventListener("click", () => {
      this.clear();
      say(this.#status, "signature.cleared");
    });
    new ResizeObserver(() => this.#draw()).observe(this.#pad);
  }

  set offered(flag) {
    byId("signing").hidden = !flag;
  }

  /** As a `confirm` has it; null where nothing is drawn or nothing is asked for. */
  get signature() {
    if (!this.#strokes.length || byId("signing").hidden) return null;
    const { clientWidth, clientHeight } = this.#pad;
    return { strokes: this.#strokes, aspect: Math.round((clientWidth / clientHeight) * 100) / 100 };
  }

  /** What was drawn before the form was filled anew. */
  get strokes() {
    return this.#strokes;
  }

  set strokes(strokes) {
    this.#strokes = strokes;
    this.#told();
    this.#draw();
  }

  clear() {
    this.#pointer = null;
    this.#full = false;
    this.strokes = [];
  }

  #point({ offsetX, offsetY }) {
    return [within(offsetX / this.#pad.clientWidth), within(offsetY / this.#pad.clientHeight)];
  }

  #begin(event) {
    // A palm beside the pen, a second finger, another button: none of these writes.
    if (this.#pointer !== null || event.button !== 0 || byId("signing").disabled) return;
    if (this.#full || this.#strokes.length >= MOST_STROKES) return;
    event.preventDefault();
    this.#pointer = event.pointerId;
    this.#pad.setPointerCapture(event.pointerId);
    this.#strokes.push([this.#point(event)]);
    this.#told();
    this.#draw();
  }

  #go(event) {
    if (event.pointerId !== this.#pointer) return;
    const stroke = this.#strokes.at(-1);
    // A fast hand moves several times between two frames.
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length ? moves : [event]) {
      const [x, y] = this.#point(move);
      const [lastX, lastY] = stroke.at(-1);
      if (Math.hypot(x - lastX, y - lastY) < NEAR) continue;
      stroke.push([x, y]);
      this.#full = this.#strokes.reduce((sum, { length }) => sum + length, 0) >= MOST_POINTS;
      if (this.#full) {
        this.#pointer = null;
        break;
      }
    }
    this.#draw();
  }

  #end(event) {
    if (event.pointerId === this.#pointer) this.#pointer = null;
  }

  #told() {
    const empty = !this.#strokes.length;
    if (empty && this.#clear === document.activeElement) byId("confirm").focus();
    this.#clear.disabled = empty;
    if (empty) hush(this.#status);
    else say(this.#status, "signature.drawn");
  }

  #draw() {
    const { clientWidth, clientHeight } = this.#pad;
    const scale = window.devicePixelRatio || 1;
    this.#pad.width = clientWidth * scale;
    this.#pad.height = clientHeight * scale;
    const ink = this.#pad.getContext("2d");
    ink.scale(scale, scale);
    Object.assign(ink, { lineWidth: PEN_PX, lineCap: "round", lineJoin: "round" });
    ink.strokeStyle = ink.fillStyle = getComputedStyle(this.#pad).color;
    for (const stroke of this.#strokes) {
      ink.beginPath();
      for (const [x, y] of stroke) ink.lineTo(x * clientWidth, y * clientHeight);
      ink.stroke();
      if (stroke.length > 1) continue;
      // A line without length is not drawn: the dot of an i.
      const [[x, y]] = stroke;
      ink.beginPath();
      ink.arc(x * clientWidth, y * clientHeight, PEN_PX / 2, 0, 2 * Math.PI);
      ink.fill();
    }
  }
}
