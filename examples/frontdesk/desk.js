// A front desk that takes LobbyLens in with one tag: plain JavaScript, no framework.

const { lens, token, specimen } = await (await fetch("/desk.json")).json();
await import(`${lens}/static/embed.js`); // defines <lobbylens-capture>

const status = document.getElementById("status");
const guest = document.getElementById("guest");
const capture = document.createElement("lobbylens-capture");

function show(fields) {
  guest.replaceChildren();
  for (const [name, { value, status: evidence }] of Object.entries(fields)) {
    const term = document.createElement("dt");
    const told = document.createElement("dd");
    term.textContent = name.replaceAll("_", " ");
    told.textContent = value ?? "–";
    told.title = evidence;
    guest.append(term, told);
  }
}

capture.addEventListener("ready", () => (status.textContent = "Ready"));
capture.addEventListener("guidance", ({ detail }) => (status.textContent = detail.text));
capture.addEventListener("capture", () => (status.textContent = "Picture taken"));
capture.addEventListener("result", ({ detail }) => {
  status.textContent = `Read: ${detail.status}`;
  show(detail.fields);
});
capture.addEventListener("confirmed", ({ detail }) => {
  status.textContent = `Confirmed, ${detail.edited.length} changed by the guest`;
});
capture.addEventListener("error", ({ detail }) => (status.textContent = detail.message));
capture.addEventListener("close", ({ detail }) => {
  status.textContent = `Closed: ${detail.reason}`;
  guest.replaceChildren();
});

document.getElementById("start").addEventListener("click", () => {
  capture.start({ token, specimen, language: navigator.language.split("-")[0] });
});
document.getElementById("stop").addEventListener("click", () => capture.stop());
document.getElementById("place").replaceWith(capture);
