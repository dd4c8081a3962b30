/**
 * One camera frame at full resolution, as a JPEG file: the sensor's pixels, without what the video
 * codec makes of them.
 */

const QUALITY = 0.92;
const VIDEO_WIDTH_PX = 1280;

/**
 * Whether a still shows more than the video does. From a 720p camera it does not by much, and
 * taking, sending and waiting for it would cost the guest a third of a second.
 */
export function stillPays(track) {
  return (track.getSettings().width ?? 0) > VIDEO_WIDTH_PX;
}

/** ImageCapture where there is one (Chromium), else whatever the preview shows now. */
async function grab(track, video) {
  if ("ImageCapture" in window) return new ImageCapture(track).grabFrame();
  return createImageBitmap(video);
}

/** A JPEG blob, or null when this browser or camera gives none. */
export async function takeStill(track, video) {
  try {
    const frame = await grab(track, video);
    const canvas = document.createElement("canvas");
    canvas.width = frame.width;
    canvas.height = frame.height;
    canvas.getContext("2d", { alpha: false }).drawImage(frame, 0, 0);
    frame.close();
    const jpeg = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
    canvas.width = canvas.height = 0; // no picture is kept
    return jpeg;
  } catch {
    return null; // the camera went away, or cannot: the video's own frames are read then
  }
}
