/** The few DOM calls that every module makes. */

export const byId = (id) => document.getElementById(id);

/** An element with properties and children; text is set as text, never as markup. */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** A sentence of the server's own, which is English in a page of whatever language and direction. */
export const english = (text) => element("bdi", { lang: "en", textContent: text });

const SVG = "http://www.w3.org/2000/svg";

/** One of the symbols drawn in index.html, hidden from assistive technology. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}
