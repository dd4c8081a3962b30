/** The first two screens: whoever passes by is greeted in every language, and chooses one. */

import { byId, element } from "./dom.js";
import { languages } from "./i18n.js";

/** `chosen(code)` when the guest touches a language. */
export function bind(chosen) {
  const greetings = languages().map(({ code, hello, dir }) =>
    element("li", { textContent: hello, lang: code, dir }),
  );
  byId("greetings").replaceChildren(...greetings);
  const buttons = languages().map(({ code, name, dir }) => {
    const button = element("button", { type: "button", textContent: name, lang: code, dir });
    button.addEventListener("click", () => chosen(code));
    return button;
  });
  byId("language-buttons").replaceChildren(...buttons);
}
