/** Draws one outline; knows canvas and geometry, no messages and no video. */

const FOLLOW_RATIO = 0.02; // corner motion (share of the frame) that is followed at once

/** Corner points eased so that they rest when the document rests, and never lag when it moves. */
export class Smoother {
  #corners = null;

  clear() {
    this.#corners = null;
  }

  /** Ratios in, ratios out. */
  next(corners) {
    if (!this.#corners) {
      this.#corners = corners;
      return corners;
    }
    const motion = Math.max(
      ...corners.map(([x, y], i) => Math.hypot(x - this.#corners[i][0], y - this.#corners[i][1])),
    );
    const weight = Math.min(1, 0.25 + motion / FOLLOW_RATIO);
    this.#corners = corners.map(([x, y], i) => [
      this.#corners[i][0] + (x - this.#corners[i][0]) * weight,
      this.#corners[i][1] + (y - this.#corners[i][1]) * weight,
    ]);
    return this.#corners;
  }
}

function roundedPath(points, radius) {
  const path = new Path2D();
  const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  path.moveTo(...middle(points[3], points[0]));
  points.forEach((corner, i) => path.arcTo(...corner, ...middle(corner, points[(i + 1) % 4]), radius));
  path.closePath();
  return path;
}

function cornerMarks(points, share) {
  const path = new Path2D();
  points.forEach((corner, i) => {
    const toward = (other) => [
      corner[0] + (other[0] - corner[0]) * share,
      corner[1] + (other[1] - corner[1]) * share,
    ];
    path.moveTo(...toward(points[(i + 3) % 4]));
    path.arcTo(...corner, ...toward(points[(i + 1) % 4]), 12);
    path.lineTo(...toward(points[(i + 1) % 4]));
  });
  return path;
}

function progressRing(context, points, progress, unit, colours) {
  const x = points.reduce((sum, point) => sum + point[0], 0) / 4;
  const y = points.reduce((sum, point) => sum + point[1], 0) / 4;
  const radius = 46 * unit;
  context.lineWidth = 10 * unit;
  context.strokeStyle = "rgba(10, 14, 18, 0.5)";
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
  context.strokeStyle = colours.line;
  context.beginPath();
  context.arc(x, y, radius, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * progress);
  context.stroke();
}

/**
 * Draws onto `context`. `corners`: four [x, y] ratios of the frame; `progress`: 0 to 1, drawn as
 * a ring when over 0; `cut`: the document leaves the frame, its edge is dashed.
 */
export function drawOutline(context, { corners, progress, cut, colours }) {
  const { width, height } = context.canvas;
  const unit = width / 1280;
  const points = corners.map(([x, y]) => [x * width, y * height]);
  const edge = roundedPath(points, 14 * unit);
  context.save();
  context.lineJoin = context.lineCap = "round";
  context.fillStyle = colours.fill;
  context.fill(edge);
  context.setLineDash(cut ? [18 * unit, 16 * unit] : []);
  context.lineWidth = 3 * unit;
  context.strokeStyle = colours.line;
  context.stroke(edge);
  if (!cut) {
    context.lineWidth = 8 * unit;
    context.stroke(cornerMarks(points, 0.12));
  }
  context.setLineDash([]);
  if (progress > 0) progressRing(context, points, progress, unit, colours);
  context.restore();
}
