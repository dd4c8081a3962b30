/** The menus to choose a camera with; shown when there is a choice. */

import { listCameras } from "./camera.js";
import { element } from "./dom.js";
import { t } from "./i18n.js";

const menus = document.querySelectorAll("[data-camera-choice]");

/** `chosen(deviceId)` when the guest picks another camera. */
export function bind(chosen) {
  for (const menu of menus) {
    menu.querySelector("select").addEventListener("change", ({ target }) => {
      if (target.value) chosen(target.value);
    });
  }
  navigator.mediaDevices?.addEventListener("devicechange", () => refresh());
}

let current = "";

/** Lists the cameras anew; `deviceId` is the one in use. */
export async function refresh(deviceId = current) {
  current = deviceId;
  const cameras = await listCameras().catch(() => []);
  for (const menu of menus) {
    const select = menu.querySelector("select");
    const options = cameras.map((camera, index) =>
      element("option", {
        value: camera.deviceId,
        textContent: camera.label || t("camera.unnamed", { number: index + 1 }),
      }),
    );
    const inUse = cameras.some((camera) => camera.deviceId === deviceId);
    if (!inUse) options.unshift(element("option", { value: "", textContent: "–" }));
    select.replaceChildren(...options);
    select.value = inUse ? deviceId : "";
    menu.hidden = cameras.length < 2;
  }
}
