// The states of machines and the outages of links, as bars over time.

const BAR = 22;
const LABELS = 216;

/** States whose meaning has a color of its own; others take one by their order. */
const STATE_COLORS = [
  [/^(opened|open|up|established|reachable|bound|network|active|running|connected|ok|ready|preferred|assigned|valid)\b/i, "good"],
  [/^(failed|failure|unreachable|dead|blocked|rejected|error)\b/i, "bad"],
  [/^(initial|starting|closed|stopped|down|none|idle|init|off|gone|removed)\b/i, "idle"],
  [/^(stale|delay|probe|stopping|closing|terminat|tentative|incomplete|time.?wait|deprecated|establish$|authenticate)/i, "warn"],
];

class Timelines {
  constructor(scenario, actions) {
    this.scenario = scenario;
    this.actions = actions;
    this.at = 0;
    this.bars = this.collect();
    this.others = new Map();
    const changes = this.changes();
    this.stretched = this.isCrowded(changes);
    this.changeTimes = changes;
    this.scale = this.makeScale();
    this.sheet = h("div", { class: "sheet" });
    const stretch = tick("stretch busy times", this.stretched, (on) => {
      this.stretched = on;
      this.scale = this.makeScale();
      this.draw();
    });
    this.element = h("div", {}, h("p", { class: "tools" }, stretch.element), this.sheet, this.asText());
    onWidth(this.sheet, () => this.draw());
  }

  get isEmpty() {
    return this.bars.length === 0;
  }

  /** All rows: the machines node by node, then the links that were cut. */
  collect() {
    const { timelines, links } = this.scenario.data;
    const end = this.scenario.duration;
    const rows = timelines.map((line) => ({
      group: line.node,
      name: line.machine,
      states: line.states.map(([from, text], index) => ({ from, to: line.states[index + 1]?.[0] ?? end, text })),
    }));
    const order = [...this.scenario.nodes.keys()];
    rows.sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group));
    for (const link of links) {
      if (link.outages.length === 0) continue;
      const states = link.outages.map((cut) => ({ from: cut.from_us, to: cut.to_us ?? end, text: "cut", outage: true }));
      rows.push({ group: "links", name: link.name, states });
    }
    return rows;
  }

  changes() {
    const times = this.bars.flatMap((row) => row.states.flatMap((state) => [state.from, state.to]));
    const { duration } = this.scenario;
    return [...new Set([0, duration, ...times.filter((at) => at > 0 && at < duration)])].sort((a, b) => a - b);
  }

  /** Whether most of the changes would fall on a few points. */
  isCrowded(changes) {
    const tenths = new Set(changes.map((at) => Math.floor((at / this.scenario.duration) * 40)));
    return changes.length > 6 && tenths.size < changes.length / 2;
  }

  /** From a time to its place, 0 to 1. */
  makeScale() {
    const { duration } = this.scenario;
    if (!this.stretched) return (at) => Math.min(at / duration, 1);
    const times = this.changeTimes;
    const places = [0];
    for (let index = 1; index < times.length; index += 1) {
      places.push(places[index - 1] + ((times[index] - times[index - 1]) / duration) ** 0.3);
    }
    const all = places[places.length - 1] || 1;
    return (at) => {
      const next = countUntil(times, at, (time) => time);
      if (next >= times.length) return 1;
      const before = Math.max(next - 1, 0);
      const part = (at - times[before]) / (times[before + 1] - times[before]);
      return (places[before] + part * (places[before + 1] - places[before])) / all;
    };
  }

  color(state) {
    if (state.outage) return "outage";
    for (const [pattern, color] of STATE_COLORS) if (pattern.test(state.text)) return color;
    const key = state.text.split(/[ (]/)[0];
    if (!this.others.has(key)) this.others.set(key, this.others.size % 6);
    return `state-${this.others.get(key)}`;
  }

  draw() {
    const width = this.sheet.clientWidth || 900;
    const labels = width < 700 ? 150 : LABELS;
    const room = width - labels - 10;
    this.x = (at) => labels + this.scale(at) * room;
    const parts = [];
    let y = 26;
    let group = null;
    for (const row of this.bars) {
      if (row.group !== group) {
        group = row.group;
        y += 6;
        parts.push(s("text", { x: 0, y: y + 13, class: "group" }, group), s("path", { d: `M0 ${y - 2} H${width}`, class: "rule" }));
        y += 18;
      }
      parts.push(this.drawRow(row, y, labels));
      y += BAR;
    }
    this.height = y + 4;
    this.now = s("path", { class: "now-line" });
    const label = `States of ${several(this.bars.length, "machine or link", "machines and links")} over time; as text below.`;
    const svg = s(
      "svg",
      { width, height: this.height, class: "timeline-picture", role: "img", "aria-label": label, click: (event) => this.click(event) },
      this.axis(labels),
      ...parts,
      this.now,
    );
    this.svg = svg;
    this.sheet.replaceChildren(svg);
    this.setTime(this.at);
  }

  drawRow(row, y, labels) {
    const most = Math.floor((labels - 18) / 6.6);
    const name = row.name.length > most ? `${row.name.slice(0, most - 1)}…` : row.name;
    const group = s("g", {}, s("title", {}, row.name), s("text", { x: 10, y: y + 15 }, name));
    for (const state of row.states) {
      const from = this.x(state.from);
      const long = Math.max(this.x(state.to) - from, 1.5);
      const fits = state.text.length * 6.6 + 8 < long;
      group.append(
        s(
          "g",
          { class: `bar ${this.color(state)}` },
          s("title", {}, `${row.name}: ${state.text}, from ${seconds(state.from, 6)} for ${span(state.to - state.from)}`),
          s("rect", { x: from, y: y + 2, width: long, height: BAR - 4, rx: Math.min(2, long / 3) }),
          fits ? s("text", { x: from + 4, y: y + 15 }, state.text) : null,
        ),
      );
    }
    return group;
  }

  /** Times above the bars, as many as have room. */
  axis(labels) {
    const group = s("g", { class: "axis" });
    const { duration } = this.scenario;
    const times = this.stretched ? this.changeTimes : Array.from({ length: 11 }, (_, tenth) => (duration * tenth) / 10);
    const end = this.x(duration);
    const apart = 74;
    let last = -Infinity;
    for (const at of times) {
      const x = this.x(at);
      // The end is always told, so the one before it leaves room.
      if (at !== duration && (x - last < apart || end - x < apart)) continue;
      last = x;
      group.append(
        s("text", { x, y: 12, "text-anchor": x > end - 30 ? "end" : x < labels + 20 ? "start" : "middle" }, seconds(at, duration < 1e7 ? 3 : 2)),
        s("path", { d: `M${x} 17 V${this.height ?? 22}`, class: "rule" }),
      );
    }
    return group;
  }

  /** A click in the picture sets the time. */
  click(event) {
    const x = event.clientX - this.svg.getBoundingClientRect().left;
    if (x < this.x(0)) return;
    // The scale only grows, so halving finds the time.
    let [low, high] = [0, this.scenario.duration];
    for (let step = 0; step < 40; step += 1) {
      const middle = (low + high) / 2;
      if (this.x(middle) < x) low = middle;
      else high = middle;
    }
    this.actions.setTime(Math.round(high));
  }

  setTime(at) {
    this.at = at;
    if (!this.now) return;
    const x = Math.round(this.x(at)) + 0.5;
    this.now.setAttribute("d", `M${x} 17 V${this.height}`);
  }

  /** The same as a list, made when it is opened. */
  asText() {
    const list = h("div", {});
    const details = h("details", { class: "as-text" }, h("summary", {}, "as text"), list);
    details.addEventListener("toggle", () => {
      if (list.childElementCount > 0) return;
      for (const row of this.bars) {
        const states = row.states.map((state) => `${state.text} from ${seconds(state.from, 6)}${state.outage ? ` to ${seconds(state.to, 6)}` : ""}`);
        list.append(h("p", {}, h("b", {}, `${row.group}, ${row.name}: `), states.join("; ")));
      }
    });
    return details;
  }
}
