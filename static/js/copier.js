/**
 * Copies of a video's frames, the cheaper way of two.
 *
 * With a graphics processor drawing a frame onto a canvas costs next to nothing. Without one it
 * takes Chromium several times as long as turning the frame into RGBA, which gives the same pixels
 * (WebCodecs, VideoFrame.copyTo). Which it is, the first frames tell.
 */

const SLOW_MS = 3;
const SLOW_DRAWS = 2; // in a row: one may be slow because something else was
const MOST_PX = 1920 * 1088; // of a frame that is kept in full size

/** Memory for one picture, used again and again. */
export class Room {
  #canvas = null;
  #context = null;
  #image = null;

  /** A 2D context of this size, in pixels. */
  context(width, height) {
    this.#image = null;
    this.#canvas ??= document.createElement("canvas");
    this.#context ??= this.#canvas.getContext("2d", { alpha: false });
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    return this.#context;
  }

  /** ImageData of this size, in pixels. */
  image(width, height) {
    this.#free();
    if (this.#image?.width !== width || this.#image.height !== height) {
      this.#image = new ImageData(width, height);
    }
    return this.#image;
  }

  has(image) {
    return image === this.#image;
  }

  #free() {
    if (this.#canvas) this.#canvas.width = this.#canvas.height = 0;
  }

  wipe() {
    this.#free();
    this.#image?.data.fill(0);
    this.#image = null;
  }
}

export class Copier {
  #video;
  #slow = 0;
  #converts = typeof VideoFrame === "function";

  constructor(video) {
    this.#video = video;
  }

  /**
   * Has the video's frame of now in `slot.picture`, at once or a little later: a canvas of `size`,
   * or ImageData as large as the video. `slot.room`: where. Nothing is there when it cannot be had.
   */
  copy(slot, size) {
    if (this.#converts && this.#slow >= SLOW_DRAWS) this.#convert(slot, size);
    else this.#draw(slot, size);
  }

  #draw(slot, { width, height }) {
    const began = performance.now();
    const context = slot.room.context(width, height);
    context.drawImage(this.#video, 0, 0, width, height);
    slot.picture = context.canvas;
    this.#slow = performance.now() - began > SLOW_MS ? this.#slow + 1 : 0;
  }

  async #convert(slot, size) {
    let frame;
    try {
      frame = new VideoFrame(this.#video);
      if (!this.#convertible(frame)) {
        this.#draw(slot, size);
        return;
      }
      const image = slot.room.image(frame.visibleRect.width, frame.visibleRect.height);
      await frame.copyTo(image.data, { format: "RGBA" });
      if (slot.room.has(image)) slot.picture = image;
      else image.data.fill(0); // stopped meanwhile: no picture is kept
    } catch {
      this.#converts = false; // this frame has no copy; the next ones are drawn
    } finally {
      frame?.close();
    }
  }

  /** Not a picture to be turned, nor too large, nor in a browser that copies it as it is coded. */
  #convertible(frame) {
    const { width, height } = frame.visibleRect;
    const { videoWidth, videoHeight } = this.#video;
    const upright = !frame.rotation && !frame.flip && width === videoWidth && height === videoHeight;
    const bytes = 4 * width * height;
    return upright && bytes <= 4 * MOST_PX && frame.allocationSize({ format: "RGBA" }) === bytes;
  }
}
