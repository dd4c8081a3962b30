/** Which screen shows, and the one table of moves between them. */

/** screen -> event -> next screen; "home" is attract, or start where nobody is to be attracted. */
export const MOVES = Object.freeze({
  "": { reset: "home" },
  attract: { touch: "language", chosen: "start", begin: "asking", specimen: "live", reset: "home" },
  language: { chosen: "start", begin: "asking", specimen: "live", reset: "home" },
  start: { begin: "asking", specimen: "live", manual: "review", problem: "problem", reset: "home" },
  asking: { granted: "live", problem: "problem", manual: "review", reset: "home" },
  live: { result: "review", manual: "review", problem: "problem", reset: "home" },
  review: {
    confirmed: "card",
    rescan: "live",
    rescan_anew: "asking",
    problem: "problem",
    reset: "home",
  },
  card: { edit: "review", another: "live", another_anew: "asking", finish: "thanks", reset: "home" },
  thanks: { reset: "home" },
  problem: { retry: "asking", specimen: "live", manual: "review", reset: "home" },
});

export class Screens {
  #now = "";
  home = "attract";

  /** `entered(screen, from)` is called with each move, before the focus follows. */
  constructor(entered) {
    this.entered = entered;
  }

  get now() {
    return this.#now;
  }

  /** Makes the move if the table has it; true when it was made. */
  go(event) {
    const move = MOVES[this.#now][event];
    if (!move) return false;
    const to = move === "home" ? this.home : move;
    const from = this.#now;
    this.#now = to;
    document.body.dataset.screen = to;
    for (const section of document.querySelectorAll(".screen")) {
      section.hidden = section.dataset.screen !== to;
    }
    this.entered(to, from); // which closes a question that would keep the focus
    // A screen reader starts reading where the focus is, and so does the keyboard.
    document.querySelector(`.screen[data-screen="${to}"] h1`).focus({ preventScroll: true });
    window.scrollTo(0, 0);
    return true;
  }
}
