/** An element with attributes and children; texts become text, never markup. `on` names what listens to it. */
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") for (const [event, heard] of Object.entries(value)) node.addEventListener(event, heard);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** An element of SVG. */
function drawn(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** What a block of JSON in the page holds. */
function block(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** Tell those who do not see the map what it shows now. */
function say(text) {
  document.getElementById("said").textContent = text;
}

const WORDS = {
  area_m2: "area", perimeter_m: "perimeter", iou: "IoU", class: "class", what: "what", link: "link",
  predicted_class: "class in the map", label_class: "class in the labels",
};

/** The name of an attribute for people. */
function wordOf(key) {
  return Object.hasOwn(WORDS, key) ? WORDS[key] : key.replaceAll("_", " ");
}

/** A value of an attribute for people; lengths and areas with their unit, which without a CRS is the pixel. */
function valueOf(key, value, hasMetres) {
  if (value === null || value === "") return "none";
  if (key === "flags") return String(value).replaceAll(",", ", ");
  if (typeof value !== "number") return String(value);
  if (key === "area_m2" || key.endsWith("_m2")) return `${number(value)} ${hasMetres ? "m²" : "px²"}`;
  if (key.endsWith("_m")) return `${number(value)} ${hasMetres ? "m" : "px"}`;
  return number(value);
}

function number(value) {
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 3 : Math.abs(value) < 100 ? 1 : 0;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
