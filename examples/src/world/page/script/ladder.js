// The ladder of messages: a column for each node, time downwards, an arrow for each message. Only the rows in
// sight exist, so that many thousands are no burden.

const ROW = 24;
const TIME_WIDTH = 88;

class Ladder {
  constructor(scenario, actions) {
    this.scenario = scenario;
    this.actions = actions;
    this.at = 0;
    this.selected = -1;
    this.filter = { text: "", protocol: "", link: "", node: "", notes: true };
    this.columns = this.chooseColumns();
    this.build();
    this.refilter();
    onWidth(this.scroller, () => this.layout());
  }

  /** The nodes that send or receive, from left to right as in the picture. */
  chooseColumns() {
    const { nodes, messages } = this.scenario.data;
    const busy = new Set();
    for (const message of messages) {
      busy.add(message.from);
      if (message.to !== null) busy.add(message.to);
      else for (const receiver of this.scenario.receivers(message)) busy.add(receiver);
    }
    const shown = nodes.filter((node) => busy.has(node.name));
    return shown.sort((a, b) => a.place[0] - b.place[0] || a.place[1] - b.place[1]).map((node) => node.name);
  }

  build() {
    const { data } = this.scenario;
    const change = (what) => (value) => {
      this.filter[what] = value;
      this.refilter();
    };
    this.search = h("input", {
      type: "search",
      placeholder: "text, address, field…",
      input: coalesced(() => change("text")(this.search.value.trim().toLowerCase())),
    });
    const any = [["", "all"]];
    const protocols = this.scenario.protocols.map(([name, number]) => [name, `${name} (${count(number)})`]);
    this.choices = {
      protocol: choice("Protocol", any.concat(protocols), change("protocol")),
      link: choice("Link", any.concat(data.links.map((link) => [link.name, link.name])), change("link")),
      node: choice("Node", any.concat(this.columns.map((name) => [name, name])), change("node")),
    };
    this.notes = tick("story and checks", true, change("notes"));
    this.found = h("output", { class: "found", "aria-live": "polite" });
    this.clear = button("show all", { class: "clear" }, () => this.setFilter({}));
    this.head = h("div", { class: "ladder-head", "aria-hidden": "true" });
    this.spacer = h("div", { class: "spacer" });
    this.scroller = h(
      "div",
      {
        class: "ladder",
        id: "ladder",
        role: "listbox",
        tabindex: "0",
        "aria-label": "Messages, in the order of time. Up and down choose, Enter opens, Escape closes.",
        scroll: coalesced(() => this.render()),
        keydown: (event) => this.key(event),
      },
      this.spacer,
    );
    this.element = h(
      "div",
      { class: "ladder-side" },
      h(
        "div",
        { class: "filters", role: "search", "aria-label": "Which messages to show" },
        h("label", { class: "field grow" }, h("span", {}, "Search"), this.search),
        ...Object.values(this.choices).map((one) => one.element),
        this.notes.element,
        this.clear,
        this.found,
      ),
      h("div", { class: "ladder-frame" }, this.head, this.scroller),
      h("p", { class: "hint keys" }, h("kbd", {}, "↑"), " ", h("kbd", {}, "↓"), " choose, ", h("kbd", {}, "Enter"), " opens, ", h("kbd", {}, "Esc"), " closes"),
    );
  }

  /** What the search looks at; made at the first search. */
  haystack(index) {
    if (!this.haystacks) {
      this.haystacks = this.scenario.data.messages.map((message) =>
        [
          message.protocol, message.summary, message.source, message.destination,
          message.from, message.to, message.link, message.fate,
          ...message.layers.flatMap((layer) => [layer.name, layer.summary, ...layer.fields.flat()]),
        ].join("\n").toLowerCase(),
      );
    }
    return this.haystacks[index];
  }

  setFilter(filter) {
    this.filter = { text: "", protocol: "", link: "", node: "", notes: this.filter.notes, ...filter };
    this.search.value = this.filter.text;
    for (const [what, { select }] of Object.entries(this.choices)) select.value = this.filter[what];
    this.refilter();
  }

  isShown(message, index) {
    const { text, protocol, link, node } = this.filter;
    return (
      (protocol === "" || message.protocol === protocol) &&
      (link === "" || message.link === link) &&
      (node === "" || message.from === node || this.scenario.receivers(message).includes(node)) &&
      (text === "" || this.haystack(index).includes(text))
    );
  }

  refilter() {
    const { messages, story, checks } = this.scenario.data;
    const rows = [];
    messages.forEach((message, index) => {
      if (this.isShown(message, index)) rows.push({ at_us: message.at_us, index, message });
    });
    this.shown = rows.length;
    if (this.filter.notes) {
      story.forEach((line) => rows.push({ at_us: line.at_us, note: line.text, kind: "story" }));
      checks.forEach((check) => rows.push({ at_us: check.at_us, note: check.what, kind: check.passed ? "passed" : "failed" }));
      // A line of the story announces what comes; a check looks back.
      const order = (row) => (row.kind === "story" ? 0 : row.message ? 1 : 2);
      rows.sort((a, b) => a.at_us - b.at_us || order(a) - order(b) || (a.index ?? 0) - (b.index ?? 0));
    }
    this.rows = rows;
    const filtered = this.shown !== messages.length;
    const left = this.scenario.data.messages_left_out;
    const all = several(messages.length, "message") + (left > 0 ? `, ${count(left)} more in the captures alone` : "");
    this.found.textContent = filtered ? `${count(this.shown)} of ${all}` : all;
    this.clear.hidden = !filtered;
    this.spacer.style.height = `${rows.length * ROW}px`;
    this.layout();
  }

  /** Widths, from the room there is. */
  layout() {
    const room = this.scroller.clientWidth || 900;
    const lanes = Math.max(this.columns.length, 1);
    const words = Math.max(230, Math.min(460, room * 0.4));
    this.lane = Math.max(26, Math.min(150, (room - TIME_WIDTH - words) / lanes));
    this.lanesWidth = this.lane * lanes;
    this.place = new Map(this.columns.map((name, index) => [name, (index + 0.5) * this.lane]));
    this.drawHead();
    this.render();
  }

  drawHead() {
    const longest = Math.max(0, ...this.columns.map((name) => name.length)) * 7;
    const slanted = longest + 6 > this.lane;
    const height = slanted ? Math.min(96, longest * 0.62 + 18) : 24;
    const svg = s("svg", { width: this.lanesWidth + 60, height });
    for (const name of this.columns) {
      const x = this.place.get(name);
      const turned = slanted ? `rotate(-38 ${x} ${height - 7})` : null;
      svg.append(
        s("text", { x, y: height - 7, "text-anchor": slanted ? "start" : "middle", transform: turned }, name),
        s("path", { d: `M${x} ${height - 4} V${height}`, class: "life" }),
      );
    }
    this.head.replaceChildren(h("span", { class: "time" }, "seconds"), svg);
    this.head.style.height = `${height}px`;
  }

  /** Draws the rows in sight, and some around them. */
  render(all = false) {
    const first = all ? 0 : Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - 8);
    const end = all ? Math.min(this.rows.length, 400) : Math.min(this.rows.length, first + Math.ceil((this.scroller.clientHeight || 480) / ROW) + 16);
    const drawn = [];
    this.scroller.removeAttribute("aria-activedescendant");
    for (let position = first; position < end; position += 1) drawn.push(this.row(position));
    if (this.rows.length === 0) drawn.push(h("p", { class: "nothing" }, "No message is like that."));
    this.spacer.replaceChildren(...drawn);
  }

  row(position) {
    const row = this.rows[position];
    const before = position > 0 ? this.rows[position - 1].at_us : null;
    const classes = ["row"];
    if (row.at_us > this.at) classes.push("later");
    else if (position + 1 < this.rows.length && this.rows[position + 1].at_us > this.at) classes.push("now");
    const gap = before === null ? 0 : row.at_us - before;
    if (gap >= 1e6) classes.push("gap");
    const element = h("div", { class: classes.join(" ") });
    element.style.top = `${position * ROW}px`;
    element.append(h("span", { class: "time", title: gap > 0 ? `${span(gap)} after the one before` : null }, (row.at_us / 1e6).toFixed(6)));
    if (row.message) this.dressMessage(element, row);
    else {
      element.classList.add("note", row.kind);
      const sign = { story: "▸", passed: "✓", failed: "✗" }[row.kind];
      element.append(h("span", { class: "words", title: row.note }, h("b", { "aria-hidden": "true" }, sign), " ", row.note));
    }
    return element;
  }

  dressMessage(element, { message, index }) {
    const selected = index === this.selected;
    const to = message.to ?? "all";
    const fate = message.fate ? `, ${message.fate}` : "";
    element.id = `row-${index}`;
    element.setAttribute("role", "option");
    element.setAttribute("aria-selected", String(selected));
    element.setAttribute("aria-label", `${seconds(message.at_us, 6)}, ${message.from} to ${to}, ${message.protocol}: ${message.summary}${fate}`);
    if (selected) {
      element.classList.add("selected");
      this.scroller.setAttribute("aria-activedescendant", element.id);
    }
    element.addEventListener("click", () => {
      this.select(index, false);
      this.actions.open(index);
    });
    const hue = this.scenario.hue(message.protocol);
    element.append(
      this.arrow(message, hue),
      h(
        "span",
        { class: "words", title: message.summary },
        h("span", { class: `protocol ${hue}` }, message.protocol),
        message.fate ? h("span", { class: "fate" }, message.fate) : null,
        ` ${message.summary}`,
      ),
    );
  }

  /** The lanes of a row, with the arrow over them. */
  arrow(message, hue) {
    const middle = ROW / 2;
    const svg = s("svg", { width: this.lanesWidth, height: ROW, "aria-hidden": "true", class: hue });
    let lives = "";
    for (const x of this.place.values()) lives += `M${x} 0 V${ROW} `;
    svg.append(s("path", { d: lives, class: "life" }));
    const from = this.place.get(message.from);
    const to = this.scenario.receivers(message).map((name) => this.place.get(name)).filter((x) => x !== undefined);
    if (from === undefined || to.length === 0) return svg;
    const lost = /lost|drop|cut|down|full/i.test(message.fate);
    const damaged = !lost && /corrupt|damage/i.test(message.fate);
    for (const side of [to.filter((x) => x < from), to.filter((x) => x > from)]) {
      if (side.length === 0) continue;
      const way = side[0] < from ? -1 : 1;
      const far = way < 0 ? Math.min(...side) : Math.max(...side);
      if (lost) {
        const stop = from + (far - from) * 0.55;
        svg.append(
          s("path", { d: `M${from} ${middle} H${stop}`, class: "shaft lost" }),
          s("path", { d: `M${stop - 4} ${middle - 4} l8 8 m0 -8 l-8 8`, class: "shaft lost" }),
          s("path", { d: `M${stop + way * 7} ${middle} H${far}`, class: "shaft missing" }),
        );
        continue;
      }
      const half = (from + far) / 2;
      const zigzag = damaged ? `H${half - way * 8} l${way * 4} -5 l${way * 4} 10 l${way * 4} -10 l${way * 4} 5 ` : "";
      svg.append(s("path", { d: `M${from} ${middle} ${zigzag}H${far - way * 2}`, class: damaged ? "shaft damaged" : "shaft" }));
      for (const x of side) {
        svg.append(s("path", { d: `M${x} ${middle} l${way * -7} -4 v8 Z`, class: damaged ? "tip damaged" : "tip" }));
      }
    }
    svg.append(s("circle", { cx: from, cy: middle, r: 2.5, class: lost || damaged ? "tip damaged" : "tip" }));
    return svg;
  }

  /** Where a message is among the rows; -1 when the filter hides it. */
  positionOf(index) {
    return this.rows.findIndex((row) => row.index === index);
  }

  bring(position, middle) {
    const top = position * ROW;
    const { scrollTop, clientHeight } = this.scroller;
    if (top >= scrollTop && top + ROW <= scrollTop + clientHeight) return;
    this.scroller.scrollTop = middle ? top - clientHeight / 2 : top < scrollTop ? top : top + ROW - clientHeight;
  }

  /** Selects a message and brings it into sight. */
  select(index, middle) {
    this.selected = index;
    const position = this.positionOf(index);
    if (position >= 0) this.bring(position, middle);
    this.render();
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      event.preventDefault();
      this.step(steps[event.key]);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (this.selected >= 0) this.actions.open(this.selected);
    }
  }

  /** Goes so many messages on among those shown. */
  step(by) {
    const shown = this.rows.filter((row) => row.message);
    if (shown.length === 0) return;
    const now = shown.findIndex((row) => row.index === this.selected);
    // Without a choice yet, a step leads to the first or from the end.
    const from = now < 0 && by < 0 ? shown.length : now;
    const next = Math.max(0, Math.min(shown.length - 1, from + by));
    this.select(shown[next].index, false);
    this.actions.selected(shown[next].index);
  }

  setTime(at, follow) {
    this.at = at;
    if (follow) {
      const position = countUntil(this.rows, at) - 1;
      this.bring(Math.max(position, 0), true);
    }
    this.render();
  }
}
