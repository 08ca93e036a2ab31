// What the parts of the page ask about a scenario.

/** A scenario with its names resolved. */
class Scenario {
  constructor(data) {
    this.data = data;
    this.duration = Math.max(data.duration_us, 1);
    this.nodes = new Map(data.nodes.map((node) => [node.name, node]));
    this.links = new Map(data.links.map((link) => [link.name, link]));
    const use = new Map();
    for (const message of data.messages) {
      use.set(message.protocol, (use.get(message.protocol) ?? 0) + 1);
    }
    /** Protocols with the numbers of their messages, the most frequent first. */
    this.protocols = [...use].sort((a, b) => b[1] - a[1]);
    this.hues = new Map(this.protocols.map(([name], index) => [name, index % 8]));
  }

  /** The class that colors a protocol. */
  hue(protocol) {
    return `hue-${this.hues.get(protocol) ?? 0}`;
  }

  /** Whether a link is cut at a time. */
  isCut(link, at) {
    return link.outages.some((cut) => cut.from_us <= at && (cut.to_us === null || at < cut.to_us));
  }

  /** The nodes that a message goes to. */
  receivers(message) {
    if (message.to !== null) return [message.to];
    const ends = this.links.get(message.link)?.ends ?? [];
    return ends.filter((end) => end !== message.from);
  }

  /** The messages from `from` on until `to`. */
  between(from, to) {
    const { messages } = this.data;
    return messages.slice(countUntil(messages, from), countUntil(messages, to));
  }

  /** The states of a node's machines at a time. */
  statesOf(node, at) {
    const lines = this.data.timelines.filter((line) => line.node === node);
    return lines.map((line) => [line.machine, stateAt(line, at)]);
  }
}

/** The state of a machine at a time; `null` before its first. */
function stateAt(timeline, at) {
  const before = countUntil(timeline.states, at, (state) => state[0]);
  return before === 0 ? null : timeline.states[before - 1][1];
}

const NODE_KINDS = {
  host: "host",
  server: "server",
  router: "router",
  nat: "address translator",
  firewall: "firewall",
  attacker: "attacker",
};

const LINK_KINDS = {
  ethernet: "Ethernet",
  serial: "serial line with PPP",
  pppoe: "Ethernet with PPPoE",
};

/** A path to a file beside the page, whatever its name. */
function beside(name) {
  return `./${name.split("/").map(encodeURIComponent).join("/")}`;
}
