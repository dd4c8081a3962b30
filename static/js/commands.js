/** What a host page may ask for: of several commands the newest stands. */

import * as doors from "./doors.js";

/** `reset()` resolves when the words are there, `begin(specimen)` opens a camera, `leave(reason)` ends all. */
export function commands(host, { reset, begin, leave }) {
  let given = 0; // so far

  const end = (reason) => () => {
    given += 1;
    leave(reason);
  };

  return {
    async start({ token, language, specimen }) {
      if (typeof token === "string") doors.setToken(token);
      host.language = typeof language === "string" ? language : null;
      const mine = (given += 1);
      // Where its words cannot be had, a guest is served in those that show.
      await reset();
      if (mine === given) begin(specimen); // no camera goes on after a stop
    },
    reset: end("reset"),
    stop: end("stopped"),
  };
}
