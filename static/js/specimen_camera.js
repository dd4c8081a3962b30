/**
 * Two cameras without a camera: the bundled specimen held into a drawn scene, and an empty
 * picture for guests who type. Both are canvas streams, so everything behind them is the same.
 */

import { Feed, Problem } from "./camera.js";

const WIDTH = 1280;
const HEIGHT = 720;
const FPS = 24;
const BLANK = { width: 320, height: 180, fps: 2 }; // a sign of life: nobody looks at it
const SPECIMEN = "/static/specimen/passport.png";

const EMPTY_MS = 900; // the desk alone
const ENTER_MS = 1300; // the passport comes in from below
const LINGER_MS = 600; // stays a moment after its picture is taken
const LEAVE_MS = 900; // and goes
const SHADOW = { blur: 26, below: 12, reach: 40 }; // pixels; it is gone that far from the page
const HELD_WIDTH = 0.66; // share of the frame; MRZ capitals are then about 17 px high

const clamp = (x) => Math.min(1, Math.max(0, x));
const ease = (x) => x * x * (3 - 2 * x);

/** A lobby desk: wood with grain, a lamp's light from one side. Drawn once. */
function drawDesk() {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d");
  const wood = context.createLinearGradient(0, 0, 0, HEIGHT);
  wood.addColorStop(0, "#5f4630");
  wood.addColorStop(1, "#7a5b3e");
  context.fillStyle = wood;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  for (let y = 0; y < HEIGHT; y += 3) {
    // Grain: a fixed pattern, so that each run shows the same scene.
    const wave = Math.sin(y * 0.37) + Math.sin(y * 0.113 + 2) + Math.sin(y * 0.051);
    context.strokeStyle = `rgba(40, 24, 12, ${(0.07 + 0.05 * wave).toFixed(3)})`;
    context.beginPath();
    context.moveTo(0, y);
    context.bezierCurveTo(WIDTH / 3, y + 6 * wave, WIDTH / 1.5, y - 7 * wave, WIDTH, y + 3);
    context.stroke();
  }
  const lamp = context.createRadialGradient(WIDTH * 0.3, HEIGHT * 0.1, 60, WIDTH / 2, HEIGHT / 2, WIDTH * 0.7);
  lamp.addColorStop(0, "rgba(255, 240, 214, 0.32)");
  lamp.addColorStop(1, "rgba(10, 6, 4, 0.3)");
  context.fillStyle = lamp;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  return canvas;
}

/** Where the page is at `ms`: centre in pixels, turn in radians. A hand trembles slightly. */
function pose(ms, leftMs) {
  const entered = ease(clamp((ms - EMPTY_MS) / ENTER_MS));
  const gone = ease(clamp(leftMs / LEAVE_MS));
  const tremble = (rate, phase) => Math.sin(ms * rate + phase);
  return {
    x: WIDTH / 2 + (1 - entered) * 160 + 0.8 * tremble(0.011, 0) + 0.4 * tremble(0.023, 1),
    y: HEIGHT * 0.52 + (1 - entered + gone) * HEIGHT + 0.7 * tremble(0.013, 2),
    turn: (1 - entered) * 0.25 + 0.02 + 0.0006 * tremble(0.009, 3),
  };
}

/**
 * The page with its shadow, drawn once: blurring takes longer than all else of a frame where no
 * GPU helps. Only what is to be seen around the page is kept of the shadow.
 */
class Page {
  #image;
  #shadow;
  #width = WIDTH * HELD_WIDTH;
  #height;

  constructor(image) {
    this.#image = image;
    this.#height = (this.#width * image.height) / image.width;
    const shadow = document.createElement("canvas");
    shadow.width = Math.ceil(this.#width + 2 * SHADOW.reach);
    shadow.height = Math.ceil(this.#height + 2 * SHADOW.reach);
    const context = shadow.getContext("2d");
    context.shadowColor = "rgba(0, 0, 0, 0.5)";
    context.shadowBlur = SHADOW.blur;
    context.shadowOffsetY = SHADOW.below;
    context.fillRect(SHADOW.reach, SHADOW.reach, this.#width, this.#height);
    this.#shadow = shadow;
  }

  draw(context, { x, y, turn }) {
    context.save();
    context.translate(x, y);
    context.rotate(turn);
    this.#drawShadow(context);
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#image, -this.#width / 2, -this.#height / 2, this.#width, this.#height);
    context.restore();
  }

  /** Four strips around the page, each a little under it. */
  #drawShadow(context) {
    const { width, height } = this.#shadow;
    const deep = SHADOW.reach + 2;
    for (const [x, y, w, h] of [
      [0, 0, width, deep],
      [0, height - deep, width, deep],
      [0, deep, deep, height - 2 * deep],
      [width - deep, deep, deep, height - 2 * deep],
    ]) {
      context.drawImage(this.#shadow, x, y, w, h, x - width / 2, y - height / 2, w, h);
    }
  }

  close() {
    this.#image.close();
  }
}

/** A feed that plays what `draw(context)` draws, on a canvas of that size. */
class CanvasFeed extends Feed {
  #timer;

  constructor(draw, { width = WIDTH, height = HEIGHT, fps = FPS, ...options } = {}) {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d", { alpha: false });
    draw(context);
    super(canvas.captureStream(fps), options);
    // Nobody looks while the guest reads and types: black is sent, and seldom.
    const seldom = Math.ceil(fps / BLANK.fps);
    let skipped = 0;
    const tick = () => {
      if (!this.track.enabled && ++skipped % seldom) return;
      draw(context);
    };
    // A timer rather than animation frames: those stop in a tab that is not in front.
    this.#timer = setInterval(tick, 1000 / fps);
  }

  stop() {
    clearInterval(this.#timer);
    super.stop();
  }
}

/** The specimen comes in, is held until its picture is taken, and goes. */
class SpecimenFeed extends CanvasFeed {
  #page;
  #play;

  constructor(image) {
    const play = { began: performance.now(), taken: Infinity };
    const desk = drawDesk();
    const page = new Page(image);
    super((context) => {
      const now = performance.now();
      context.drawImage(desk, 0, 0);
      page.draw(context, pose(now - play.began, now - play.taken));
    });
    this.#page = page;
    this.#play = play;
  }

  captured() {
    this.#play.taken = performance.now() + LINGER_MS;
  }

  again() {
    this.#play.began = performance.now();
    this.#play.taken = Infinity;
  }

  stop() {
    super.stop();
    this.#page.close();
  }
}

/** Throws Problem. */
export async function openSpecimen() {
  const answer = await fetch(SPECIMEN).catch(() => null);
  if (!answer?.ok) throw new Problem("server");
  return new SpecimenFeed(await createImageBitmap(await answer.blob()));
}

/** A dark picture, for the session of a guest who types. */
export function openBlank() {
  const draw = (context) => {
    context.fillStyle = "#101418";
    context.fillRect(0, 0, BLANK.width, BLANK.height);
  };
  return new CanvasFeed(draw, { ...BLANK, empty: true });
}
