// Elements and text. Data becomes text nodes and attribute values here, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Sets attributes; a function is a listener, `null` and `false` leave the attribute out. */
function dress(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") {
      element.addEventListener(name, value);
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** An HTML element. */
function h(tag, attributes, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

/** An SVG element. */
function s(tag, attributes, ...children) {
  return dress(document.createElementNS(SVG, tag), attributes, children);
}

/** A picture of `width` by `height` units. */
function picture(width, height, attributes, ...children) {
  return s("svg", { viewBox: `0 0 ${width} ${height}`, ...attributes }, ...children);
}

/** A choice; `entries` are pairs of value and text. */
function choice(label, entries, changed) {
  const select = h("select", { change: () => changed(select.value) });
  for (const [value, text] of entries) {
    select.append(h("option", { value }, text));
  }
  return { select, element: h("label", { class: "field" }, h("span", {}, label), select) };
}

/** A box to tick. */
function tick(label, ticked, changed) {
  const box = h("input", { type: "checkbox", change: () => changed(box.checked) });
  box.checked = ticked;
  return { box, element: h("label", { class: "tick" }, box, label) };
}

/** Something to press. */
function button(text, attributes, pressed) {
  return h("button", { type: "button", ...attributes, click: pressed }, text);
}

/** A part of a scenario, with a heading. */
function panel(id, title, ...children) {
  return h(
    "section",
    { class: `panel ${id}`, id, "aria-labelledby": `${id}-title` },
    h("h3", { id: `${id}-title` }, title),
    ...children,
  );
}

/** Whether it passed, as a word with a sign. */
function verdict(passed, text) {
  return h(
    "span",
    { class: passed ? "verdict good" : "verdict bad" },
    h("span", { "aria-hidden": "true" }, passed ? "✓ " : "✗ "),
    text ?? (passed ? "passed" : "failed"),
  );
}

const grouped = new Intl.NumberFormat("en");

/** A number with its thousands apart. */
const count = (value) => grouped.format(value);

/** So many of a thing. */
const several = (number, thing, things) => `${count(number)} ${number === 1 ? thing : (things ?? `${thing}s`)}`;

/** Microseconds as seconds. */
const seconds = (us, digits = 3) => `${(us / 1e6).toFixed(digits)} s`;

/** Microseconds in the unit in which they are easy to read. */
function span(us) {
  if (us < 1e3) return `${us} µs`;
  if (us < 1e6) return `${+(us / 1e3).toPrecision(4)} ms`;
  return `${+(us / 1e6).toPrecision(4)} s`;
}

/** How many of `list`, which is in order, come before or at `at`. */
function countUntil(list, at, time = (entry) => entry.at_us) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time(list[middle]) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Runs `work` once before the next picture, however often it is asked to. */
function coalesced(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}

/** Calls `changed` when the element's width does. */
function onWidth(element, changed) {
  let last = 0;
  const draw = coalesced(() => {
    if (element.clientWidth !== last && element.clientWidth > 0) {
      last = element.clientWidth;
      changed(last);
    }
  });
  new ResizeObserver(draw).observe(element);
}
