const read = (id) => JSON.parse(document.getElementById(id).textContent);
const make = (tag, text) => {
  const element = document.createElement(tag);
  element.textContent = text ?? "";
  return element;
};
const page = document.getElementById("page");
const outline = read("outline");
page.append(make("h1", "Internetwork"), make("p", `seed ${outline.seed}: ${outline.command}`));
outline.scenarios.forEach((entry, index) => {
  const scenario = read(`scenario-${index}`);
  page.append(make("h2", entry.title), make("p", entry.failure ?? "passed"), make("p", scenario.about));
  const table = make("table");
  for (const line of scenario.story) {
    const row = make("tr");
    row.append(make("td", `${line.at_us / 1e6} s`), make("td", line.text));
    table.append(row);
  }
  page.append(table);
});
