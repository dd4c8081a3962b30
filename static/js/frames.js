/**
 * The last few frames of the preview, each with its capture time, so that an outline can be
 * drawn on the frame it was found in.
 *
 * Frames are taken at once, inside the callback that names them: createImageBitmap may already get
 * the next one. And they are copies, because a camera has some ten buffers only and stops when a
 * page keeps hold of them (VideoFrame).
 */

import { Copier, Room } from "./copier.js";

const KEPT = 8;
const WIDEST_PX = 1280;

/** Draws a frame's picture onto a canvas of its size. */
export function show(context, picture) {
  if (picture instanceof ImageData) context.putImageData(picture, 0, 0);
  else context.drawImage(picture, 0, 0);
}

export class FrameRing {
  #video;
  #copier;
  #slots = []; // {captureMs, shownMs, picture, room}, used in turn
  #count = 0;
  #handle = 0;
  #newestMs = 0;
  /** Page time (ms) up to which frames are copied; of later ones only the times are kept. */
  wantedUntilMs = 0;
  /** Time between frames in ms, smoothed. */
  intervalMs = 42;

  constructor(video) {
    this.#video = video;
    this.#copier = new Copier(video);
  }

  start() {
    if (this.#handle || !("requestVideoFrameCallback" in this.#video)) return;
    this.#next();
  }

  /** Stops, and wipes every picture held. */
  stop() {
    if (this.#handle) this.#video.cancelVideoFrameCallback(this.#handle);
    this.#handle = 0;
    for (const { room } of this.#slots) room.wipe();
    this.#slots = [];
    this.#count = 0;
  }

  /** Width and height of what is drawn over the video, in pixels; 0 before there is a picture. */
  size() {
    const { videoWidth, videoHeight, clientWidth } = this.#video;
    if (!videoWidth) return { width: 0, height: 0 };
    const shown = Math.round(clientWidth * devicePixelRatio) || WIDEST_PX;
    const width = Math.min(shown, videoWidth, WIDEST_PX);
    return { width, height: Math.round((width * videoHeight) / videoWidth) };
  }

  #next() {
    this.#handle = this.#video.requestVideoFrameCallback((now, metadata) => {
      this.#next();
      // captureTime: Chromium and Safari; elsewhere the moment it was shown is near enough.
      this.#keep(metadata.captureTime ?? now, now);
    });
  }

  #keep(captureMs, shownMs) {
    const index = this.#count++ % KEPT;
    const slot = { captureMs, shownMs, picture: null, room: this.#slots[index]?.room ?? new Room() };
    this.#slots[index] = slot;
    const size = this.size();
    if (size.width && shownMs < this.wantedUntilMs) this.#copier.copy(slot, size);
    const step = captureMs - this.#newestMs;
    if (step > 5 && step < 200) this.intervalMs += (step - this.intervalMs) / 8;
    this.#newestMs = captureMs;
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
