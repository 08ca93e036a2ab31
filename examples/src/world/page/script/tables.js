// Tables as they were at a time, links, and counters.

/** A table of a node at the time of the slider, with what changed at last. */
class Tables {
  constructor(scenario, actions) {
    this.scenario = scenario;
    this.actions = actions;
    this.at = 0;
    this.nodes = [...new Set(scenario.data.tables.map((table) => table.node))];
    this.node = choice("Node", this.nodes.map((name) => [name, name]), () => this.fillTables());
    this.table = choice("Table", [], () => this.show());
    this.when = h("output", { class: "found", "aria-live": "polite" });
    this.before = button("‹ change before", {}, () => this.jump(-1));
    this.after = button("next change ›", {}, () => this.jump(1));
    this.sheet = h("div", { class: "sheet", tabindex: "0", role: "region", "aria-label": "The table" });
    this.element = h(
      "div",
      {},
      h("div", { class: "filters" }, this.node.element, this.table.element, this.before, this.after, this.when),
      this.sheet,
    );
    if (!this.isEmpty) this.fillTables();
  }

  get isEmpty() {
    return this.nodes.length === 0;
  }

  chooseNode(name) {
    this.node.select.value = name;
    this.fillTables();
  }

  fillTables() {
    const node = this.node.select.value;
    const kept = this.current?.name;
    this.ofNode = this.scenario.data.tables.filter((table) => table.node === node);
    const options = this.ofNode.map((table, index) => h("option", { value: index }, table.name));
    this.table.select.replaceChildren(...options);
    const same = this.ofNode.findIndex((table) => table.name === kept);
    this.table.select.value = String(Math.max(same, 0));
    this.show();
  }

  get current() {
    return this.ofNode?.[Number(this.table.select.value)];
  }

  setTime(at) {
    this.at = at;
    if (!this.isEmpty) this.show();
  }

  /** Goes to when the table changed next, or before. */
  jump(by) {
    const { snapshots } = this.current;
    const now = countUntil(snapshots, this.at) - 1;
    const goal = by < 0 && now >= 0 && snapshots[now].at_us < this.at ? now : now + by;
    const to = snapshots[Math.max(0, Math.min(snapshots.length - 1, goal))];
    if (to) this.actions.setTime(to.at_us);
  }

  show() {
    const table = this.current;
    if (!table) return;
    const { snapshots } = table;
    const now = countUntil(snapshots, this.at) - 1;
    this.before.disabled = now < 0 || (now === 0 && snapshots[0].at_us === this.at);
    this.after.disabled = now + 1 >= snapshots.length;
    const drawn = h("table", { class: "rows" }, h("thead", {}, h("tr", {}, h("th", { class: "mark" }, h("span", { class: "aside" }, "Change")), ...table.columns.map((name) => h("th", { scope: "col" }, name)))));
    const body = h("tbody", {});
    drawn.append(body);
    const snapshot = snapshots[now];
    if (!snapshot) {
      this.when.textContent = "not looked at yet at this time";
    } else {
      this.when.textContent = `as of ${seconds(snapshot.at_us)}: ${count(now + 1)} of ${several(snapshots.length, "change")}, ${several(snapshot.rows.length + snapshot.rows_left_out, "row")}`;
      body.append(...differences(snapshots[now - 1]?.rows, snapshot.rows).map(tableRow));
      const columns = table.columns.length + 1;
      if (snapshot.rows.length === 0) body.append(h("tr", {}, h("td", { colspan: columns, class: "hint" }, "empty")));
      if (snapshot.rows_left_out > 0) {
        body.append(h("tr", {}, h("td", { colspan: columns, class: "hint" }, `${several(snapshot.rows_left_out, "row")} more`)));
      }
    }
    this.sheet.replaceChildren(drawn);
  }
}

/** The rows with how they differ from those before; rows that went are at the end. */
function differences(before, rows) {
  if (before === undefined) return rows.map((cells) => ({ cells, change: "", old: null }));
  const key = (cells) => JSON.stringify(cells);
  const known = new Set(before.map(key));
  const still = new Set(rows.map(key));
  // A row that is not the same is taken for the changed form of one that went and begins alike.
  const gone = before.filter((cells) => !still.has(key(cells)));
  const marked = rows.map((cells) => {
    if (known.has(key(cells))) return { cells, change: "", old: null };
    const at = gone.findIndex((old) => old[0] === cells[0]);
    if (at < 0) return { cells, change: "new", old: null };
    return { cells, change: "changed", old: gone.splice(at, 1)[0] };
  });
  return marked.concat(gone.map((cells) => ({ cells, change: "gone", old: null })));
}

function tableRow({ cells, change, old }) {
  const sign = { new: "+", changed: "~", gone: "−" }[change] ?? "";
  return h(
    "tr",
    { class: change },
    h("td", { class: "mark", title: change || null }, sign === "" ? "" : h("span", { "aria-label": change }, sign)),
    ...cells.map((text, index) => {
      const other = old !== null && old[index] !== text;
      return h("td", { class: other ? "changed-cell" : null, title: other ? `was ${old[index]}` : null }, text);
    }),
  );
}

/** All links, with their state at the time. */
class Links {
  constructor(scenario, actions) {
    this.scenario = scenario;
    const heads = ["link", "kind", "between", "MTU", "faults", "now", "frames", "capture"];
    this.states = [];
    const rows = scenario.data.links.map((link) => {
      const state = h("td", {});
      this.states.push([link, state]);
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, link.name),
        h("td", {}, LINK_KINDS[link.kind] ?? link.kind),
        h("td", {}, link.ends.join(", ")),
        h("td", { class: "number" }, count(link.mtu)),
        h("td", {}, link.faults || "none"),
        state,
        h("td", { class: "number" }, link.frames > 0 ? button(count(link.frames), { class: "plain", title: `show the messages on ${link.name}` }, () => actions.messagesOf("link", link.name)) : "0"),
        h("td", {}, captureLink(link) ?? "–"),
      );
    });
    const head = heads.map((name) => h("th", { scope: "col" }, name));
    this.element = h("div", { class: "sheet", tabindex: "0", role: "region", "aria-label": "All links" }, h("table", { class: "rows" }, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)));
  }

  setTime(at) {
    for (const [link, state] of this.states) {
      const cut = this.scenario.isCut(link, at);
      state.textContent = cut ? "cut" : "up";
      state.className = cut ? "bad" : "good";
    }
  }
}

/** Counters at the end, by node and by whose they are. */
class Counters {
  constructor(scenario) {
    this.counters = scenario.data.counters;
    this.search = h("input", { type: "search", placeholder: "node, group or name…", input: coalesced(() => this.show()) });
    this.zeros = tick("with zeros", false, () => this.show());
    this.found = h("output", { class: "found", "aria-live": "polite" });
    this.sheet = h("div", { class: "counter-nodes" });
    this.element = h(
      "div",
      {},
      h("div", { class: "filters" }, h("label", { class: "field grow" }, h("span", {}, "Search"), this.search), this.zeros.element, this.found),
      this.sheet,
    );
    this.show();
  }

  get isEmpty() {
    return this.counters.length === 0;
  }

  show() {
    const text = this.search.value.trim().toLowerCase();
    const shown = this.counters.filter(
      (counter) =>
        (this.zeros.box.checked || counter.value !== 0) &&
        `${counter.node} ${counter.group} ${counter.name}`.toLowerCase().includes(text),
    );
    this.found.textContent = `${count(shown.length)} of ${several(this.counters.length, "counter")}`;
    const nodes = new Map();
    for (const counter of shown) {
      if (!nodes.has(counter.node)) nodes.set(counter.node, new Map());
      const groups = nodes.get(counter.node);
      if (!groups.has(counter.group)) groups.set(counter.group, []);
      groups.get(counter.group).push(counter);
    }
    const blocks = [...nodes].map(([node, groups]) => h("section", { class: "counter-node" }, h("h4", {}, node), ...[...groups].map(counterGroup)));
    this.sheet.replaceChildren(...blocks);
  }
}

function counterGroup([group, counters]) {
  const rows = counters.map((counter) => h("tr", {}, h("th", { scope: "row" }, counter.name), h("td", { class: "number" }, count(counter.value))));
  return h("table", { class: "counters" }, h("caption", {}, group), h("tbody", {}, ...rows));
}
