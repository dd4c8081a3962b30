/** Which screen shows, and the one table of moves between them. */

/** screen -> event -> next screen. An event that is not listed for a screen is ignored. */
export const MOVES = Object.freeze({
  start: { begin: "asking", specimen: "live", manual: "review", problem: "problem" },
  asking: { granted: "live", problem: "problem", reset: "start" },
  live: { result: "review", manual: "review", problem: "problem", reset: "start" },
  review: {
    confirmed: "card",
    rescan: "live",
    rescan_anew: "asking",
    problem: "problem",
    reset: "start",
  },
  card: { edit: "review", finish: "thanks", reset: "start" },
  thanks: { reset: "start" },
  problem: { retry: "asking", specimen: "live", manual: "review", reset: "start" },
});

export class Screens {
  #now = "start";

  /** `entered(screen, from)` is called after each move. */
  constructor(entered) {
    this.entered = entered;
  }

  get now() {
    return this.#now;
  }

  /** Makes the move if the table has it; true when it was made. */
  go(event) {
    const to = MOVES[this.#now][event];
    if (!to) return false;
    const from = this.#now;
    this.#now = to;
    document.body.dataset.screen = to;
    for (const section of document.querySelectorAll(".screen")) {
      section.hidden = section.dataset.screen !== to;
    }
    // A screen reader starts reading where the focus is, and so does the keyboard.
    document.querySelector(`.screen[data-screen="${to}"] h1`).focus({ preventScroll: true });
    window.scrollTo(0, 0);
    this.entered(to, from);
    return true;
  }
}
