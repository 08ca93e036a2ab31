// The picture of nodes and links.

const CELL = { width: 138, height: 112 };

/** What stands for each kind of node, around 0, 0. */
const ICONS = {
  host: () => [
    s("rect", { x: -17, y: -15, width: 34, height: 22, rx: 2 }),
    s("path", { d: "M-5 7 L-7 14 H7 L5 7 M-11 14 H11" }),
  ],
  server: () => [
    s("rect", { x: -13, y: -18, width: 26, height: 36, rx: 2 }),
    s("path", { d: "M-13 -6 H13 M-13 6 H13 M-8 -12 H-2 M-8 0 H-2 M-8 12 H-2" }),
    s("path", { d: "M7 -12 h1 M7 0 h1 M7 12 h1", class: "lamp" }),
  ],
  router: () => [
    s("circle", { r: 18 }),
    s("path", { d: "M-12 0 H-4 M-7 -3 L-4 0 L-7 3 M12 0 H4 M7 -3 L4 0 L7 3" }),
    s("path", { d: "M0 -4 V-12 M-3 -9 L0 -12 L3 -9 M0 4 V12 M-3 9 L0 12 L3 9" }),
  ],
  nat: () => [
    s("circle", { r: 18 }),
    s("path", { d: "M-10 -5 H9 M5 -9 L9 -5 L5 -1 M10 6 H-9 M-5 2 L-9 6 L-5 10" }),
  ],
  firewall: () => [
    s("rect", { x: -20, y: -15, width: 40, height: 30, rx: 1 }),
    s("path", { d: "M-20 -5 H20 M-20 5 H20 M-7 -15 V-5 M8 -15 V-5 M-14 -5 V5 M0 -5 V5 M14 -5 V5" }),
    s("path", { d: "M-7 5 V15 M8 5 V15" }),
  ],
  attacker: () => [
    s("path", { d: "M0 -18 L18 14 H-18 Z" }),
    s("path", { d: "M0 -7 V4 M0 9 v.5", class: "lamp" }),
  ],
};

/** Where the nodes are in a picture that begins at 0, 0, and how large it is. */
function placed(nodes, cell, margin) {
  const finite = (value) => (Number.isFinite(value) ? value : 0);
  const xs = nodes.map((node) => finite(node.place[0]));
  const ys = nodes.map((node) => finite(node.place[1]));
  const [left, top] = [Math.min(...xs, Infinity), Math.min(...ys, Infinity)];
  const places = new Map(
    nodes.map((node, index) => [
      node.name,
      { x: margin.x + (xs[index] - left) * cell.width, y: margin.y + (ys[index] - top) * cell.height },
    ]),
  );
  const all = [...places.values()];
  const width = Math.max(0, ...all.map((place) => place.x)) + margin.x;
  const height = Math.max(0, ...all.map((place) => place.y)) + margin.bottom;
  return { places, width, height };
}

/** The pieces of a link: from an end to another, or from each end to the middle of a shared one. */
function pieces(link, places, bend, clear) {
  const ends = link.ends.map((end) => places.get(end)).filter((place) => place);
  if (ends.length === 0) return null;
  const between = (values) => (Math.min(...values) + Math.max(...values)) / 2;
  const middle = { x: between(ends.map((end) => end.x)), y: between(ends.map((end) => end.y)) };
  // The middle of a shared link must not be where a node is.
  if (ends.length > 2 && [...places.values()].some((place) => Math.hypot(place.x - middle.x, place.y - middle.y) < clear)) {
    middle.y += clear;
  }
  if (ends.length === 2) {
    const [a, b] = ends;
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
    const off = { x: (-(b.y - a.y) / length) * bend, y: ((b.x - a.x) / length) * bend };
    const knee = { x: middle.x + off.x, y: middle.y + off.y };
    const label = { x: middle.x + off.x / 2, y: middle.y + off.y / 2 };
    return { paths: [`M${a.x} ${a.y} Q${knee.x} ${knee.y} ${b.x} ${b.y}`], middle: label, ends };
  }
  const paths = ends.map((end) => `M${middle.x} ${middle.y} L${end.x} ${end.y}`);
  return { paths, middle, ends };
}

/** Where a link's name and MTU stand: on both sides of a level line, on the outer side of a steep one. */
function labelPlaces({ x, y }, ends, center) {
  const [a, b] = ends;
  const slope = ends.length === 2 ? (b.y - a.y) / (b.x - a.x || 1e-9) : 0;
  if (Math.abs(slope) < 0.15) return { name: { x, y: y - 8 }, mtu: { x, y: y + 15 } };
  if (Math.abs(slope) > 4) {
    const beside = { x: x + 8, "text-anchor": "start" };
    return { name: { ...beside, y }, mtu: { ...beside, y: y + 13 } };
  }
  if (y > center && Math.abs(slope) > 0.6) {
    const below = slope < 0 ? { x: x + 3, "text-anchor": "start" } : { x: x - 3, "text-anchor": "end" };
    return { name: { ...below, y: y + 15 }, mtu: { ...below, y: y + 27 } };
  }
  const beside = slope < 0 ? { x: x - 3, "text-anchor": "end" } : { x: x + 3, "text-anchor": "start" };
  return { name: { ...beside, y: y - 18 }, mtu: { ...beside, y: y - 6 } };
}

/** How far each link is bent, so that links between the same nodes lie side by side. */
function bends(links) {
  const seen = new Map();
  return links.map((link) => {
    const key = JSON.stringify([...link.ends].sort());
    const before = seen.get(key) ?? 0;
    seen.set(key, before + 1);
    return before === 0 ? 0 : (before % 2 === 1 ? 1 : -1) * 56 * Math.ceil(before / 2);
  });
}

/** A small one, for a card. */
function miniature(nodes, links) {
  const cell = { width: 30, height: 26 };
  const { places, width, height } = placed(nodes, cell, { x: 12, y: 12, bottom: 12 });
  const svg = picture(Math.max(width, 24), Math.max(height, 24), { class: "miniature", "aria-hidden": "true" });
  const bent = bends(links);
  links.forEach((link, index) => {
    const drawn = pieces(link, places, bent[index] / 4, 12);
    for (const d of drawn?.paths ?? []) {
      svg.append(s("path", { d, class: link.outages.length > 0 ? "link was-cut" : "link" }));
    }
  });
  for (const node of nodes) {
    const { x, y } = places.get(node.name);
    svg.append(s("circle", { cx: x, cy: y, r: 4.5, class: `dot ${node.kind}` }));
  }
  return svg;
}

/** The picture, what was chosen in it, and the time that it shows. */
class Topology {
  constructor(scenario, actions) {
    this.scenario = scenario;
    this.actions = actions;
    this.at = 0;
    this.chosen = null;
    this.info = h("div", { class: "chosen", "aria-live": "polite" });
    const { nodes, links } = scenario.data;
    const { places, width, height } = placed(nodes, CELL, { x: 74, y: 40, bottom: 50 });
    this.places = places;
    const svg = picture(Math.max(width, 240), Math.max(height, 120), { class: "topology-picture", role: "group" });
    svg.setAttribute("aria-label", `${several(nodes.length, "node")} and ${several(links.length, "link")}`);
    svg.style.maxWidth = `${Math.max(width, 240) * 1.15}px`;
    this.center = height / 2;
    this.links = new Map();
    const bent = bends(links);
    links.forEach((link, index) => {
      const drawn = pieces(link, places, bent[index], 50);
      if (drawn) svg.append(this.drawLink(link, drawn));
    });
    this.flights = s("g", { class: "flights", "aria-hidden": "true" });
    svg.append(this.flights);
    this.nodes = new Map();
    for (const node of nodes) {
      svg.append(this.drawNode(node));
    }
    this.element = h("div", { class: "topology" }, h("div", { class: "sheet" }, svg), this.info, this.legend());
    // Many columns need the page's width, and a single row would leave the story's height empty.
    this.wide = width > CELL.width * 5 || height < CELL.height * 1.7;
    this.choose(null);
  }

  drawLink(link, { paths, middle, ends }) {
    const parts = paths.flatMap((d) => [
      s("path", { d, class: "touch" }),
      link.kind === "pppoe" ? s("path", { d, class: "sleeve" }) : null,
      s("path", { d, class: "wire" }),
    ]);
    if (ends.length !== 2) parts.push(s("circle", { cx: middle.x, cy: middle.y, r: 4, class: "joint" }));
    const text = labelPlaces(middle, ends, this.center);
    const group = s(
      "g",
      { ...this.pressable("link", link.name), class: `link ${link.kind}` },
      s("title", {}, `${link.name}: ${LINK_KINDS[link.kind] ?? link.kind}, MTU ${link.mtu}${link.faults ? `, ${link.faults}` : ""}`),
      ...parts,
      s("text", text.name, link.name),
      s("text", { ...text.mtu, class: "small" }, `MTU ${link.mtu}`),
      s("path", { d: `M${middle.x - 7} ${middle.y - 7} l14 14 m0 -14 l-14 14`, class: "cross" }),
    );
    this.links.set(link.name, { group, link, middle });
    return group;
  }

  drawNode(node) {
    const { x, y } = this.places.get(node.name);
    const icon = (ICONS[node.kind] ?? ICONS.host)();
    const group = s(
      "g",
      { ...this.pressable("node", node.name), class: `node ${node.kind}`, transform: `translate(${x} ${y})` },
      s("title", {}, [node.about, ...node.addresses].filter((line) => line).join("\n")),
      s("circle", { r: 26, class: "halo" }),
      s("g", { class: "icon" }, ...icon),
      s("text", { y: 37 }, node.name),
    );
    this.nodes.set(node.name, group);
    return group;
  }

  pressable(kind, name) {
    const press = () => this.choose(this.isChosen(kind, name) ? null : { kind, name });
    return {
      role: "button",
      tabindex: "0",
      "aria-label": `${kind} ${name}`,
      "aria-pressed": "false",
      click: press,
      keydown: (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        press();
      },
    };
  }

  isChosen(kind, name) {
    return this.chosen?.kind === kind && this.chosen.name === name;
  }

  choose(chosen) {
    this.chosen = chosen;
    for (const [kind, groups] of [["node", this.nodes], ["link", this.links]]) {
      for (const [name, entry] of groups) {
        const group = entry.group ?? entry;
        group.setAttribute("aria-pressed", String(this.isChosen(kind, name)));
      }
    }
    this.tell();
  }

  setTime(at) {
    this.at = at;
    for (const { group, link } of this.links.values()) {
      group.classList.toggle("cut", this.scenario.isCut(link, at));
      group.classList.remove("busy");
    }
    // What was sent lately is on its way, in the eyes of whoever moves the slider.
    const lately = this.scenario.between(at - this.scenario.duration / 100, at).slice(-40);
    const drawn = new Set();
    const flights = [];
    for (const message of lately) {
      this.links.get(message.link)?.group.classList.add("busy");
      for (const receiver of this.scenario.receivers(message)) {
        const key = JSON.stringify([message.link, message.from, receiver]);
        if (!drawn.has(key)) flights.push(this.flight(message, receiver));
        drawn.add(key);
      }
    }
    this.flights.replaceChildren(...flights.filter((flight) => flight));
    if (this.chosen) this.tell();
  }

  /** An arrow beside the link in the direction of a message. */
  flight(message, receiver) {
    const [from, to] = [this.places.get(message.from), this.places.get(receiver)];
    const link = this.links.get(message.link);
    if (!from || !to || !link) return null;
    const shared = link.link.ends.length !== 2;
    const toward = shared ? link.middle : to;
    const start = shared ? from : link.middle;
    const angle = (Math.atan2(toward.y - from.y, toward.x - from.x) * 180) / Math.PI;
    const at = shared
      ? { x: (start.x + toward.x) / 2, y: (start.y + toward.y) / 2 }
      : { x: link.middle.x + (to.x - from.x) * 0.14, y: link.middle.y + (to.y - from.y) * 0.14 };
    const bad = message.fate !== "" ? " bad" : "";
    return s("path", {
      d: "M-6 -5 L6 0 L-6 5 Z",
      class: `flight ${this.scenario.hue(message.protocol)}${bad}`,
      transform: `translate(${at.x} ${at.y}) rotate(${angle})`,
    });
  }

  /** What is known of the chosen one at this time. */
  tell() {
    if (!this.chosen) {
      this.info.replaceChildren(h("p", { class: "hint" }, "Choose a node or a link to read about it."));
      return;
    }
    const { kind, name } = this.chosen;
    this.info.replaceChildren(...(kind === "node" ? this.tellNode(name) : this.tellLink(name)));
  }

  tellNode(name) {
    const node = this.scenario.nodes.get(name);
    const states = this.scenario.statesOf(name, this.at).slice(0, 12);
    return [
      h("h4", {}, name, h("span", { class: "kind" }, NODE_KINDS[node.kind] ?? node.kind)),
      node.about ? h("p", {}, node.about) : null,
      node.addresses.length > 0 ? h("ul", { class: "mono plain" }, ...node.addresses.map((address) => h("li", {}, address))) : null,
      states.length > 0
        ? h("dl", { class: "pairs" }, ...states.flatMap(([machine, state]) => [h("dt", {}, machine), h("dd", {}, state ?? "–")]))
        : null,
      h(
        "p",
        { class: "buttons" },
        button("its messages", {}, () => this.actions.messagesOf("node", name)),
        this.scenario.data.tables.some((table) => table.node === name)
          ? button("its tables", {}, () => this.actions.tablesOf(name))
          : null,
      ),
    ].filter((part) => part);
  }

  tellLink(name) {
    const { link } = this.links.get(name);
    const cut = this.scenario.isCut(link, this.at);
    const pairs = [
      ["between", link.ends.join(", ")],
      ["MTU", `${count(link.mtu)} octets`],
      ["faults", link.faults || "none"],
      ["now", cut ? "cut" : "up"],
      ["frames", count(link.frames)],
    ];
    return [
      h("h4", {}, name, h("span", { class: "kind" }, LINK_KINDS[link.kind] ?? link.kind)),
      h("dl", { class: "pairs" }, ...pairs.flatMap(([term, text]) => [h("dt", {}, term), h("dd", {}, text)])),
      h(
        "p",
        { class: "buttons" },
        button("its messages", {}, () => this.actions.messagesOf("link", name)),
        captureLink(link),
      ),
    ].filter((part) => part);
  }

  legend() {
    const kinds = [...new Set(this.scenario.data.links.map((link) => link.kind))];
    const sample = (classes, text) =>
      h(
        "span",
        { class: "key" },
        picture(34, 12, { "aria-hidden": "true" }, s("g", { class: `link ${classes}` }, classes.startsWith("pppoe") ? s("path", { d: "M1 6 H33", class: "sleeve" }) : null, s("path", { d: "M1 6 H33", class: "wire" }))),
        text,
      );
    const cut = this.scenario.data.links.some((link) => link.outages.length > 0);
    return h("p", { class: "legend" }, ...kinds.map((kind) => sample(kind, LINK_KINDS[kind] ?? kind)), cut ? sample("ethernet cut", "cut") : null);
  }
}

/** A link to the capture, if there is one. */
function captureLink(link) {
  if (!link.capture) return null;
  return h("a", { href: beside(link.capture), download: "" }, link.capture);
}
