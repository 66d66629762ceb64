/** A switch for a layer, with what stands beside it. */
function layerSwitch(map, layer, { id, name, isOn, count, beside }) {
  const box = element("input", { type: "checkbox", id: `layer-${id}`, checked: isOn, on: {
    change() {
      if (box.checked) map.addLayer(layer);
      else map.removeLayer(layer);
    },
  } });
  if (isOn) map.addLayer(layer);
  const right = beside ?? element("span", { class: "count" }, count ?? "");
  return element("div", { class: "row" }, element("label", {}, box, element("span", {}, name)), right);
}

function swatch(colour, isDashed = false) {
  const node = element("span", { class: isDashed ? "swatch dashed" : "swatch", "aria-hidden": "true" });
  if (isDashed) node.style.borderColor = colour;
  else node.style.background = colour;
  return node;
}

function group(title, ...children) {
  return element("fieldset", {}, element("legend", {}, title), ...children);
}

/** The pictures, each with a slider for its opacity. */
function picturePanel(map, overlays, closeUps) {
  const rows = [];
  overlays.forEach((overlay, order) => {
    const { layer, setOpacity } = overlayLayer(map, overlay, order + 1, overlay.id === "scene" ? closeUps : []);
    const slider = element("input", { type: "range", id: `opacity-${overlay.id}`, min: 0, max: 100, value: Math.round(overlay.opacity * 100),
      "aria-label": `Opacity of ${overlay.name}`, on: { input: () => setOpacity(slider.value / 100) } });
    const isOn = overlay.id === "scene" || (overlay.id === "probability" && overlays.every(({ id }) => id !== "scene"));
    rows.unshift(layerSwitch(map, layer, { id: overlay.id, name: overlay.name, isOn, beside: slider }), ...keysOf(overlay));
  });
  return group("Pictures", element("div", {}, ...rows));
}

function keysOf(overlay) {
  if (!overlay.keys.length) return [];
  if (!overlay.isScale) {
    return [element("ul", { class: "keys" }, ...overlay.keys.map(([colour, name]) => element("li", {}, swatch(colour), name)))];
  }
  const scale = element("div", { class: "scale", "aria-hidden": "true" });
  scale.style.background = `linear-gradient(to right, ${overlay.keys.map(([colour]) => colour).join(", ")})`;
  return [scale, element("div", { class: "ends" }, element("span", {}, overlay.keys[0][1]), element("span", {}, overlay.keys.at(-1)[1]))];
}

/** The footprints, coloured by confidence or, of several classes, by class. */
function footprintPanel(map, layers, grades, hasMetres, isOn) {
  const several = layers.length > 1;
  const groups = layers.map((layer) => shapeLayer(layer.shapes, confidenceStyle(grades), (facts) => facts.class ?? layer.name, hasMetres));
  const rows = layers.map((layer, i) => layerSwitch(map, groups[i], {
    id: `footprints-${i}`, name: several ? layer.name : "Footprints", isOn, count: countText(layer),
  }));
  const known = grades.reduce((sum, grade) => sum + grade.count, 0);
  const key = element("ul", { class: "keys", "aria-label": "Colours by confidence" }, ...grades.map((grade, i) => {
    const upper = grades[i + 1]?.least ?? 1;
    const range = i === 0 ? `below ${upper}: doubtful` : `${grade.least} to ${upper}`;
    return element("li", {}, swatch(grade.colour, i === 0), range, element("span", { class: "count" }, grade.count.toLocaleString("en")));
  }));
  const classes = element("ul", { class: "keys", hidden: true, "aria-label": "Colours by class" }, ...layers.map((layer) => element("li", {}, swatch(layer.colour), layer.name)));
  const choose = (byClass) => () => {
    key.hidden = byClass;
    classes.hidden = !byClass;
    groups.forEach((one, i) => one.restyle(byClass ? classStyle(layers[i].colour) : confidenceStyle(grades)));
  };
  const choice = several ? [["confidence", false], ["class", true]].map(([name, byClass]) => element("label", {},
    element("input", { type: "radio", name: "colour-by", checked: !byClass, on: { change: choose(byClass) } }), `by ${name}`)) : [];
  const colour = several ? element("div", { class: "row", role: "radiogroup", "aria-label": "Colour footprints" }, ...choice) : null;
  const title = several ? "Footprints" : "Footprints by confidence";
  return { node: group(title, element("div", {}, ...rows, colour, known ? key : null, classes)), groups };
}

/** How many there are, and how many of them are shown. */
function countText(layer) {
  const shown = layer.shapes.length;
  return shown === layer.total ? layer.total.toLocaleString("en") : `${shown.toLocaleString("en")} of ${layer.total.toLocaleString("en")}`;
}

function errorPanel(map, layers, hasMetres) {
  const groups = layers.map((layer) => shapeLayer(layer.shapes, errorStyle(layer), () => layer.name, hasMetres));
  const rows = layers.map((layer, i) => {
    const name = element("span", { class: "keyed" }, swatch(layer.colour, layer.isDashed), layer.name);
    return layerSwitch(map, groups[i], { id: layer.id, name, isOn: layer.id !== "true_positive", count: countText(layer) });
  });
  return group("Compared with the labels", element("div", {}, ...rows));
}

/** A list of places, each of which the map flies to at one click. */
function placeList(title, hint, entries) {
  const items = entries.map(({ name, count, colour, isDashed, go }) => element("li", {}, element("button", { type: "button", on: { click: go } },
    colour ? swatch(colour, isDashed) : null, element("span", {}, name), element("span", { class: "count" }, count))));
  return element("section", { class: "list", "aria-label": title }, element("h2", {}, title),
    element("p", { class: "hint" }, hint), element("ol", { class: "places" }, ...items));
}
