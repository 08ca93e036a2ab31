// A message opened: its layers with their fields, and its octets.

const WIDTH = 16;

class MessagePane {
  constructor(scenario, actions) {
    this.scenario = scenario;
    this.actions = actions;
    this.index = -1;
    this.element = h("aside", { class: "message", id: "message", "aria-label": "The opened message", tabindex: "-1", hidden: true });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") actions.close();
    });
  }

  close() {
    this.index = -1;
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  open(index) {
    const message = this.scenario.data.messages[index];
    this.index = index;
    this.octets = (message.octets.match(/../g) ?? []).slice(0, 4096);
    this.layers = message.layers;
    const link = this.scenario.links.get(message.link);
    const facts = [
      ["at", seconds(message.at_us, 6)],
      ["on", message.link],
      ["from", message.from + (message.source ? ` (${message.source})` : "")],
      ["to", (message.to ?? "all on the link") + (message.destination ? ` (${message.destination})` : "")],
      ["length", several(message.length, "octet")],
      ["frame", link?.capture ? h("span", {}, `${count(message.number)} of `, captureLink(link)) : count(message.number)],
    ];
    const fate = message.fate ? h("span", { class: "fate" }, message.fate) : null;
    this.hex = this.dump();
    this.trees = this.layers.map((layer, number) => this.layer(layer, number));
    const short = this.octets.length < message.length;
    this.element.replaceChildren(
      h(
        "header",
        {},
        h("h4", {}, h("span", { class: `protocol ${this.scenario.hue(message.protocol)}` }, message.protocol), ` Message ${count(index + 1)} `, fate),
        h(
          "span",
          { class: "buttons" },
          button("‹", { "aria-label": "The message before", title: "The message before" }, () => this.actions.step(-1)),
          button("›", { "aria-label": "The next message", title: "The next message" }, () => this.actions.step(1)),
          button("✕", { "aria-label": "Close the message", title: "Close (Esc)", class: "close" }, () => this.actions.close()),
        ),
      ),
      h("p", { class: "summary" }, message.summary),
      h("dl", { class: "pairs" }, ...facts.flatMap(([term, text]) => [h("dt", {}, term), h("dd", {}, text)])),
      h("div", { class: "layers" }, ...this.trees),
      h("h5", {}, "Octets"),
      this.hex,
      short ? h("p", { class: "hint" }, `The first ${several(this.octets.length, "octet")} of ${count(message.length)}.`) : "",
    );
    this.element.hidden = false;
    this.element.scrollTop = 0;
  }

  layer(layer, number) {
    const rows = layer.fields.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)));
    const last = layer.length > 0 ? layer.offset + layer.length - 1 : layer.offset;
    const where = layer.length > 0 ? `octets ${layer.offset}–${last}` : `at octet ${layer.offset}`;
    const details = h(
      "details",
      {
        class: layer.quoted ? "layer quoted" : "layer",
        mouseenter: () => this.mark(number),
        mouseleave: () => this.mark(-1),
        focusin: () => this.mark(number),
        focusout: () => this.mark(-1),
      },
      h(
        "summary",
        {},
        h("b", {}, layer.name),
        layer.quoted ? h("span", { class: "kind" }, "quoted") : null,
        h("span", { class: "line" }, ` ${layer.summary}`),
      ),
      h("table", { class: "fields" }, h("caption", {}, where), h("tbody", {}, ...rows)),
    );
    details.open = this.layers.length <= 2 || number >= this.layers.length - 2;
    return details;
  }

  /** Rows of offset, octets and their characters. */
  dump() {
    this.cells = [];
    const rows = [];
    for (let start = 0; start < this.octets.length; start += WIDTH) {
      const part = this.octets.slice(start, start + WIDTH);
      const line = h("span", { class: "offset" }, start.toString(16).padStart(4, "0"));
      const hex = part.map((octet, place) => this.cell(start + place, octet));
      const plain = part.map((octet, place) => {
        const code = parseInt(octet, 16);
        return this.cell(start + place, code > 32 && code < 127 ? String.fromCharCode(code) : "·");
      });
      // A short line is filled up, so that the characters stand below those before.
      const filled = Array.from({ length: WIDTH - part.length }, () => h("s", {}, "  "));
      rows.push(h("div", {}, line, h("span", { class: "hex" }, ...hex, ...filled), h("span", { class: "plain" }, ...plain)));
    }
    return h("div", { class: "dump mono", tabindex: "0", role: "group", "aria-label": "The octets in hexadecimal" }, ...rows);
  }

  cell(at, text) {
    const cell = h("i", { mouseenter: () => this.mark(this.layerAt(at)), mouseleave: () => this.mark(-1) }, text);
    (this.cells[at] ??= []).push(cell);
    return cell;
  }

  /** The innermost layer that an octet is in. */
  layerAt(at) {
    return this.layers.findLastIndex((layer) => layer.offset <= at && at < layer.offset + layer.length);
  }

  /** Marks a layer and its octets; none with -1. */
  mark(number) {
    const layer = this.layers[number];
    this.trees.forEach((tree, index) => tree.classList.toggle("marked", index === number));
    this.cells.forEach((cells, at) => {
      const inside = layer !== undefined && layer.offset <= at && at < layer.offset + layer.length;
      for (const cell of cells) cell.classList.toggle("marked", inside);
    });
  }
}
