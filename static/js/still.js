/**
 * One camera frame at full resolution, as a JPEG file: the sensor's pixels, without what the video
 * codec makes of them.
 */

const QUALITY = 0.92;
const GRAB_MS = 500; // a camera that gives no frame by then gives none

/** ImageCapture where there is one (Chromium), else whatever the preview shows now. */
function grab(track, video) {
  if ("ImageCapture" in window) return new ImageCapture(track).grabFrame();
  return createImageBitmap(video);
}

/** An ImageBitmap, or null when this browser or camera gives none; close it. */
export async function grabStill(track, video) {
  const late = new Promise((resolve) => setTimeout(resolve, GRAB_MS, null));
  try {
    const frame = grab(track, video);
    const first = await Promise.race([frame, late]);
    if (!first) frame.then((unused) => unused.close(), () => {});
    return first;
  } catch {
    return null; // the camera went away, or cannot: the video's own frames are read then
  }
}

/** A JPEG blob of a frame, which is closed; null where the browser makes none. */
export async function jpegOf(frame) {
  const canvas = document.createElement("canvas");
  canvas.width = frame.width;
  canvas.height = frame.height;
  const paper = canvas.getContext("2d", { alpha: false });
  paper?.drawImage(frame, 0, 0);
  frame.close();
  const jpeg = paper && (await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY)));
  canvas.width = canvas.height = 0; // no picture is kept
  return jpeg;
}
