/** Shows the finished registration card, and offers it to open and print. */

import * as doors from "./doors.js";
import { byId, element } from "./dom.js";
import { say, t } from "./i18n.js";

export class Card {
  #view = byId("card-view");
  #link = byId("card-link");
  #address = "";
  #window = null;

  constructor() {
    // A window that the page opened itself can be closed again before the next guest comes. It shows
    // what was fetched: at the link's own address there is no card once the session is over.
    this.#link.addEventListener("click", (event) => {
      this.#window = open(this.#address || this.#link.href, "lobbylens-card");
      if (this.#window) event.preventDefault();
    });
    // One that the browser opened, by the middle button or its menu, would stay for the next guest.
    for (const type of ["auxclick", "contextmenu"]) {
      this.#link.addEventListener(type, (event) => event.preventDefault());
    }
  }

  /** Fetches the card once; throws doors.Refused. */
  async show(path) {
    const blob = await doors.card(path);
    this.clear();
    this.#link.href = path;
    this.#address = URL.createObjectURL(blob);
    if (navigator.pdfViewerEnabled) {
      // Without the viewer's own bars: the page has its link for printing.
      const address = `${this.#address}#toolbar=0&navpanes=0&view=Fit`;
      this.#view.append(element("iframe", { src: address, title: t("card.view") }));
    } else {
      const note = element("p", { className: "hint" });
      say(note, "card.no_preview");
      this.#view.append(note);
    }
  }

  clear() {
    this.#view.replaceChildren();
    this.#link.removeAttribute("href");
    this.#window?.close(); // first, as it may be about to fetch from the address
    this.#window = null;
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = "";
  }
}
