// The page: an overview of all scenarios, and the one that is open.

const outline = JSON.parse(document.getElementById("outline").textContent);
const scenarios = outline.scenarios;

/** The command for a scenario alone. */
function commandOf(scenario) {
  const command = outline.command.trim();
  return command === "" || command.includes("--scenario") ? command : `${command} --scenario ${scenario.name}`;
}

function copyable(command) {
  const copy = button("copy", { "aria-label": "Copy the command" }, async () => {
    try {
      await navigator.clipboard.writeText(command);
      copy.textContent = "copied";
    } catch {
      // Not allowed everywhere; then the text is selected for the reader to copy.
      getSelection().selectAllChildren(code);
      copy.textContent = "selected";
    }
    setTimeout(() => (copy.textContent = "copy"), 1500);
  });
  const code = h("code", {}, command);
  return h("span", { class: "command" }, code, copy);
}

function hashOf(name, message) {
  const parameters = new URLSearchParams({ scenario: name });
  if (message !== undefined) parameters.set("message", String(message + 1));
  return `#${parameters}`;
}

function card(scenario) {
  const passed = scenario.failure === null;
  return h(
    "li",
    {},
    h(
      "a",
      { class: passed ? "card" : "card failed", href: hashOf(scenario.name) },
      h("span", { class: "card-head" }, h("b", {}, scenario.title), verdict(passed)),
      miniature(scenario.nodes, scenario.links),
      h(
        "span",
        { class: "card-foot" },
        h("code", {}, scenario.name),
        h("span", {}, seconds(scenario.duration_us, 1)),
        h("span", {}, several(scenario.messages, "message")),
        h("span", {}, scenario.checks_failed > 0 ? `${count(scenario.checks_failed)} of ${several(scenario.checks, "check")} failed` : several(scenario.checks, "check")),
      ),
    ),
  );
}

function overview() {
  const failed = scenarios.filter((scenario) => scenario.failure !== null).length;
  const sum = (of) => scenarios.reduce((all, scenario) => all + of(scenario), 0);
  const result =
    scenarios.length === 0
      ? h("span", { class: "verdict" }, "no scenario ran")
      : verdict(failed === 0, failed === 0 ? `${several(scenarios.length, "scenario")} passed` : `${count(failed)} of ${several(scenarios.length, "scenario")} failed`);
  return h(
    "header",
    { class: "overview", id: "overview" },
    h("h1", {}, "Internetwork"),
    h("p", { class: "totals" }, result, h("span", {}, several(sum((one) => one.checks), "check")), h("span", {}, several(sum((one) => one.messages), "message"))),
    h("dl", { class: "pairs" }, h("dt", {}, "seed"), h("dd", { class: "mono" }, outline.seed), outline.faults ? [h("dt", {}, "faults"), h("dd", {}, outline.faults)] : null, outline.command ? [h("dt", {}, "replay"), h("dd", {}, copyable(outline.command.trim()))] : null),
    h("ul", { class: "cards" }, ...scenarios.map(card)),
  );
}

/** The slider, what plays it, and a picture of when most is said. */
class Clock {
  constructor(scenario, changed) {
    this.scenario = scenario;
    this.changed = changed;
    this.at = scenario.duration;
    this.slider = h("input", {
      type: "range",
      min: 0,
      max: scenario.duration,
      step: 1,
      "aria-label": "Time",
      input: () => this.set(Number(this.slider.value)),
      keydown: (event) => this.key(event),
    });
    this.play = button("▶ play", { class: "play", "aria-pressed": "false" }, () => this.toggle());
    this.output = h("output", { class: "clock mono" });
    this.element = h(
      "div",
      { class: "time-bar", role: "group", "aria-label": "The time that everything shows" },
      this.play,
      button("‹", { "aria-label": "To the message before", title: "To the message before" }, () => this.step(-1)),
      button("›", { "aria-label": "To the next message", title: "To the next message" }, () => this.step(1)),
      h("span", { class: "track" }, this.density(), this.slider),
      this.output,
    );
  }

  /** How many messages there are over time, and where the story and the checks are. */
  density() {
    const bins = 200;
    const { messages, story, checks } = this.scenario.data;
    const heights = new Array(bins).fill(0);
    const bin = (at) => Math.max(0, Math.min(bins - 1, Math.floor((at / this.scenario.duration) * bins)));
    for (const message of messages) heights[bin(message.at_us)] += 1;
    const most = Math.max(1, ...heights);
    const svg = picture(bins, 22, { class: "density", preserveAspectRatio: "none", "aria-hidden": "true" });
    let d = "";
    heights.forEach((height, index) => {
      if (height > 0) d += `M${index + 0.5} 18 v-${2 + 15 * Math.sqrt(height / most)} `;
    });
    svg.append(s("path", { d, class: "messages" }));
    const marks = (list) => list.map((entry) => `M${bin(entry.at_us) + 0.5} 18 v4`).join(" ");
    svg.append(s("path", { d: marks(story), class: "story" }));
    svg.append(s("path", { d: marks(checks.filter((check) => !check.passed)), class: "failed" }));
    return svg;
  }

  set(at) {
    this.at = Math.max(0, Math.min(this.scenario.duration, at));
    this.slider.value = String(this.at);
    this.output.textContent = seconds(this.at, 6);
    this.slider.setAttribute("aria-valuetext", seconds(this.at));
    this.changed(this.at);
  }

  key(event) {
    const { duration } = this.scenario;
    const far = { PageUp: duration / 20, PageDown: -duration / 20 }[event.key];
    const near = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (far === undefined && near === undefined) return;
    event.preventDefault();
    if (near === undefined) this.set(Math.round(this.at + far));
    else this.step(near);
  }

  /** To the time of the next message, or of the one before. */
  step(by) {
    const { messages } = this.scenario.data;
    const index = by > 0 ? countUntil(messages, this.at) : countUntil(messages, this.at - 1) - 1;
    if (index >= 0 && index < messages.length) this.set(messages[index].at_us);
    else this.set(by > 0 ? this.scenario.duration : 0);
  }

  toggle() {
    if (this.playing) {
      this.stop();
      return;
    }
    if (this.at >= this.scenario.duration) this.set(0);
    const [begin, start, whole] = [performance.now(), this.at, 20_000];
    this.playing = true;
    this.play.textContent = "❚❚ pause";
    this.play.setAttribute("aria-pressed", "true");
    const frame = (now) => {
      if (!this.playing) return;
      this.set(Math.round(start + ((now - begin) / whole) * this.scenario.duration));
      if (this.at >= this.scenario.duration) this.stop();
      else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  stop() {
    this.playing = false;
    this.play.textContent = "▶ play";
    this.play.setAttribute("aria-pressed", "false");
  }
}

/** The story, a line a moment. */
function storyList(scenario, setTime) {
  return h(
    "ol",
    { class: "story-lines" },
    ...scenario.data.story.map((line) => h("li", {}, button(seconds(line.at_us), { class: "plain when", title: "Show this time" }, () => setTime(line.at_us)), h("span", {}, line.text))),
  );
}

function checkList(scenario, setTime) {
  return h(
    "ul",
    { class: "check-lines" },
    ...scenario.data.checks.map((check) =>
      h(
        "li",
        { class: check.passed ? "passed" : "failed" },
        button(seconds(check.at_us), { class: "plain when", title: "Show this time" }, () => setTime(check.at_us)),
        h("span", {}, verdict(check.passed, check.what), check.found ? h("span", { class: "what-found" }, check.found) : null),
      ),
    ),
  );
}

/** A scenario that is open. */
class View {
  constructor(index) {
    this.outline = scenarios[index];
    this.scenario = new Scenario(JSON.parse(document.getElementById(`scenario-${index}`).textContent));
    const { data } = this.scenario;
    this.clock = new Clock(this.scenario, (at) => this.showTime(at, true));
    const setTime = (at) => this.clock.set(at);
    const actions = {
      setTime,
      open: (message) => this.open(message),
      close: () => this.close(),
      selected: (message) => this.selected(message),
      step: (by) => this.ladder.step(by),
      messagesOf: (kind, name) => {
        this.ladder.setFilter({ [kind]: name });
        document.getElementById("messages").scrollIntoView();
      },
      tablesOf: (node) => {
        this.tables.chooseNode(node);
        document.getElementById("tables").scrollIntoView();
      },
    };
    this.topology = new Topology(this.scenario, actions);
    this.ladder = new Ladder(this.scenario, actions);
    this.pane = new MessagePane(this.scenario, actions);
    this.timelines = new Timelines(this.scenario, actions);
    this.tables = new Tables(this.scenario, actions);
    this.links = new Links(this.scenario, actions);
    this.counters = new Counters(this.scenario);
    const none = (text) => h("p", { class: "hint" }, text);
    const failed = data.checks.filter((check) => !check.passed).length;
    this.split = h("div", { class: "split" }, this.ladder.element, this.pane.element);
    this.split.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.pane.index >= 0) this.close();
    });
    const parts = [
      panel("picture", "Picture", this.topology.element),
      panel("story", "Story", data.story.length > 0 ? storyList(this.scenario, setTime) : none("Nothing was told.")),
      panel("checks", `Checks${failed > 0 ? `, ${count(failed)} failed` : ""}`, data.checks.length > 0 ? checkList(this.scenario, setTime) : none("Nothing was checked.")),
      panel("messages", "Messages", data.messages.length > 0 ? this.split : none("No message was sent.")),
      panel("states", "States", this.timelines.isEmpty ? none("No machine was watched, and no link was cut.") : this.timelines.element),
      panel("tables", "Tables", this.tables.isEmpty ? none("No table was looked at.") : this.tables.element),
      panel("links", "Links", data.links.length > 0 ? this.links.element : none("There is no link.")),
      panel("counters", "Counters at the end", this.counters.isEmpty ? none("Nothing was counted.") : this.counters.element),
    ];
    const jump = (part) => h("a", { href: `#${part.id}`, click: (event) => {
      event.preventDefault();
      part.scrollIntoView();
    } }, part.querySelector("h3").textContent.split(",")[0].replace(" at the end", ""));
    const command = commandOf(this.outline);
    this.element = h(
      "article",
      { class: "scenario", "aria-labelledby": "scenario-title" },
      h(
        "header",
        { class: "headline" },
        h("h2", { id: "scenario-title", tabindex: "-1" }, data.title, " ", verdict(data.failure === null)),
        data.failure !== null ? h("p", { class: "failure", role: "alert" }, data.failure) : null,
        h("p", { class: "about" }, data.about),
        command ? h("p", { class: "replay" }, "Replay with ", copyable(command)) : null,
      ),
      h("div", { class: "sticky" }, this.clock.element, h("nav", { class: "jumps", "aria-label": "Parts of the scenario" }, ...parts.map(jump))),
      h("div", { class: this.topology.wide ? "parts wide" : "parts" }, ...parts),
    );
  }

  /** Draws what needs its place in the page. */
  shown() {
    this.ladder.layout();
    if (!this.timelines.isEmpty) this.timelines.draw();
    this.clock.slider.value = String(this.clock.at);
    this.clock.output.textContent = seconds(this.clock.at, 6);
    this.showTime(this.clock.at, false);
  }

  showTime(at, follow) {
    this.topology.setTime(at);
    this.ladder.setTime(at, follow);
    this.timelines.setTime(at);
    this.tables.setTime(at);
    this.links.setTime(at);
  }

  open(message) {
    this.split.classList.add("opened");
    this.ladder.selected = message;
    this.pane.open(message);
    this.clock.set(this.scenario.data.messages[message].at_us);
    this.ladder.layout();
    this.ladder.select(message, false);
    // Where the message is below the ladder, both should be in sight.
    if (this.pane.element.getBoundingClientRect().bottom > innerHeight) this.pane.element.scrollIntoView({ block: "end" });
    remember(this.outline.name, message);
  }

  /** Up and down: an open message follows. */
  selected(message) {
    if (this.pane.index >= 0) this.open(message);
  }

  close() {
    this.split.classList.remove("opened");
    this.pane.close();
    this.ladder.layout();
    this.ladder.scroller.focus({ preventScroll: true });
    remember(this.outline.name);
  }

  leave() {
    this.clock.stop();
  }
}

/** Keeps what is open in the address, without a step in the history. */
function remember(name, message) {
  try {
    history.replaceState(null, "", hashOf(name, message));
  } catch {
    // Some browsers refuse it for files; the page works without.
  }
}

const page = document.getElementById("page");
const tabs = h("nav", { class: "tabs", "aria-label": "Scenarios" });
const stage = h("main", { id: "stage" });
let view = null;
let open = -1;

function show(index) {
  if (index === open) return;
  view?.leave();
  open = index;
  view = new View(index);
  stage.replaceChildren(view.element);
  view.shown();
  document.title = `${scenarios[index].title} – Internetwork`;
  [...tabs.children].forEach((tab, number) => {
    if (number === index) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  });
  document.querySelectorAll(".card").forEach((one, number) => one.classList.toggle("current", number === index));
}

/** Follows the address; `moved` when the reader went there. */
function route(moved) {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const name = parameters.get("scenario");
  const index = scenarios.findIndex((scenario) => scenario.name === name);
  if (scenarios.length === 0) return;
  show(Math.max(index, 0));
  const message = Number(parameters.get("message")) - 1;
  if (index >= 0 && Number.isInteger(message) && view.scenario.data.messages[message]) {
    if (view.pane.index === message) return;
    view.open(message);
    view.ladder.select(message, true);
    document.getElementById("messages").scrollIntoView();
  } else if (index >= 0 && moved) {
    stage.scrollIntoView();
    document.getElementById("scenario-title").focus({ preventScroll: true });
  }
}

for (const scenario of scenarios) {
  const passed = scenario.failure === null;
  tabs.append(h("a", { href: hashOf(scenario.name), class: passed ? "good" : "bad" }, h("span", { "aria-label": passed ? "passed" : "failed" }, passed ? "✓" : "✗"), ` ${scenario.name}`));
}
page.append(h("a", { class: "skip", href: "#stage", click: (event) => {
  event.preventDefault();
  stage.scrollIntoView();
} }, "To the scenario"), overview(), tabs, stage);
addEventListener("hashchange", () => route(true));
addEventListener("beforeprint", () => view?.ladder.render(true));
addEventListener("afterprint", () => view?.ladder.render());
route(location.hash !== "");
