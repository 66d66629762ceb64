function cells(kind, texts, scope) {
  return texts.map((text) => element(kind, scope ? { scope } : {}, text));
}

function tableNode({ title, head, rows, note }, kind) {
  const parts = [element("caption", {}, title)];
  if (head.length) parts.push(element("thead", {}, element("tr", {}, ...cells("th", head, "col"))));
  parts.push(element("tbody", {}, ...rows.map(([first, ...others]) => element("tr", {}, element("th", { scope: "row" }, first), ...cells("td", others)))));
  const table = element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": title }, element("table", { class: kind }, ...parts));
  return note ? [table, element("p", { class: "hint" }, note)] : [table];
}

function card(title, ...children) {
  return element("section", { class: "card", "aria-label": title }, ...children);
}

/** What was done, and how good it is, below the map. */
function factNodes(content, timing) {
  const nodes = [];
  for (const table of content.figures) nodes.push(card(table.title, ...tableNode(table, "numbers")));
  for (const chart of content.charts) nodes.push(card(chart.title, chartNode(chart)));
  const done = [{ title: "What was done", head: [], rows: content.summary }, { title: "How long it took", head: [], rows: timing }];
  for (const table of done) if (table.rows.length) nodes.push(card(table.title, ...tableNode(table, "facts")));
  return nodes;
}

/** Pictures of the training, each as wide as the page. */
function pictureNodes(pictures) {
  return pictures.map(({ title, alt, src, shape }) => card(title, element("h2", {}, title),
    element("figure", {}, element("img", { src, alt, width: shape[1], height: shape[0] }))));
}
