const LINES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]; // told apart with any kind of colour vision
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];

/** Lines from 0 to 1 over an axis from 0 to 1. */
function chartNode({ title, across, lines, mark, has_diagonal }) {
  const [left, top, width, height] = [38, 12, 420, 240];
  const x = (value) => left + value * width, y = (value) => top + (1 - value) * height;
  const label = (text, where) => {
    const node = drawn("text", where);
    node.textContent = text;
    return node;
  };
  const parts = [drawn("path", { class: "axis", d: `M${x(0)} ${y(1)} V${y(0)} H${x(1)}` })];
  for (const step of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    parts.push(drawn("path", { class: "axis", d: `M${x(0)} ${y(step)} H${x(1)}`, "stroke-opacity": 0.5 }));
    parts.push(label(step.toFixed(1), { x: left - 8, y: y(step) + 4, "text-anchor": "end" }));
    parts.push(label(step.toFixed(1), { x: x(step), y: y(0) + 18, "text-anchor": "middle" }));
  }
  parts.push(label(across, { x: x(0.5), y: y(0) + 36, "text-anchor": "middle" }));
  if (has_diagonal) parts.push(drawn("path", { class: "mark", d: `M${x(0)} ${y(0)} L${x(1)} ${y(1)}` }));
  if (mark) {
    parts.push(drawn("path", { class: "mark", d: `M${x(mark[0])} ${y(0)} V${y(1)}` }));
    parts.push(label(mark[1], { x: x(mark[0]) + (mark[0] > 0.6 ? -6 : 6), y: y(0) - 8, "text-anchor": mark[0] > 0.6 ? "end" : "start" }));
  }
  lines.forEach(([, points], i) => {
    const path = points.map(([a, b], n) => `${n ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
    parts.push(drawn("path", { d: path, fill: "none", stroke: LINES[i % 4], "stroke-width": 2.5, "stroke-dasharray": DASHES[i % 4] }));
  });
  lines.forEach(([name], i) => {
    const place = left + i * 120;
    parts.push(drawn("path", { d: `M${place} 310 h26`, stroke: LINES[i % 4], "stroke-width": 2.5, "stroke-dasharray": DASHES[i % 4] }));
    parts.push(label(name, { x: place + 32, y: 314 }));
  });
  const names = lines.map(([name]) => name).join(", ");
  const svg = drawn("svg", { class: "chart", viewBox: "0 0 480 325", role: "img", "aria-label": `${title}: ${names} by ${across}` }, ...parts);
  return element("figure", {}, element("h2", {}, title), svg);
}
