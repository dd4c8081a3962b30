/**
 * The last few frames of the preview, each with its capture time, so that an outline can be
 * drawn on the frame it was found in.
 *
 * Frames are copied at once, inside the callback that names them: whatever is asynchronous
 * (createImageBitmap) may already get the next frame. And they are copies, because a camera has
 * some ten buffers only and stops when a page keeps hold of them (VideoFrame).
 */

const KEPT = 8;
const WIDEST_PX = 1280;

export class FrameRing {
  #video;
  #slots = []; // {canvas, context, captureMs, shownMs}, reused in turn
  #count = 0;
  #handle = 0;
  #newestMs = 0;
  /** Time between frames in ms, smoothed. */
  intervalMs = 42;

  constructor(video) {
    this.#video = video;
  }

  start() {
    if (this.#handle || !("requestVideoFrameCallback" in this.#video)) return;
    this.#next();
  }

  /** Stops, and wipes every picture held. */
  stop() {
    if (this.#handle) this.#video.cancelVideoFrameCallback(this.#handle);
    this.#handle = 0;
    for (const { canvas } of this.#slots) canvas.width = canvas.height = 0;
    this.#slots = [];
    this.#count = 0;
  }

  #next() {
    this.#handle = this.#video.requestVideoFrameCallback((now, metadata) => {
      this.#next();
      // captureTime: Chromium and Safari; elsewhere the moment it was shown is near enough.
      this.#keep(metadata.captureTime ?? now, now);
    });
  }

  #keep(captureMs, shownMs) {
    const { videoWidth, videoHeight, clientWidth } = this.#video;
    if (!videoWidth) return;
    const width = Math.min(Math.round(clientWidth * devicePixelRatio) || WIDEST_PX, videoWidth, WIDEST_PX);
    const height = Math.round((width * videoHeight) / videoWidth);
    const slot = this.#slot();
    if (slot.canvas.width !== width || slot.canvas.height !== height) {
      slot.canvas.width = width;
      slot.canvas.height = height;
    }
    slot.context.drawImage(this.#video, 0, 0, width, height);
    slot.captureMs = captureMs;
    slot.shownMs = shownMs;
    const step = captureMs - this.#newestMs;
    if (step > 5 && step < 200) this.intervalMs += (step - this.intervalMs) / 8;
    this.#newestMs = captureMs;
  }

  #slot() {
    const index = this.#count++ % KEPT;
    if (!this.#slots[index]) {
      const canvas = document.createElement("canvas");
      this.#slots[index] = { canvas, context: canvas.getContext("2d", { alpha: false }) };
    }
    return this.#slots[index];
  }

  /** The frame captured at this page time, or null when none is near enough. */
  at(captureMs) {
    let best = null;
    let bestOff = this.intervalMs * 0.75;
    for (const frame of this.#slots) {
      const off = Math.abs(frame.captureMs - captureMs);
      if (off <= bestOff) {
        best = frame;
        bestOff = off;
      }
    }
    return best;
  }
}
