const KINDS = { missed: "false_negative", "made up": "false_positive" }; // of places, in words of the layers
const content = block("content");
document.title = `${content.title} – geounet report`;
document.getElementById("title").textContent = content.title;
document.getElementById("lead").textContent = content.lead;
if (content.notes.length) {
  const notes = document.getElementById("notes");
  notes.append(element("ul", {}, ...content.notes.map((note) => element("li", {}, note))));
  notes.hidden = false;
}
document.getElementById("facts").append(...factNodes(content, block("timing")));
document.getElementById("training").append(...pictureNodes(content.pictures));
if (content.ground) showMap(content);

function showMap({ ground, overlays, closeUps, footprints, grades, errors, worst }) {
  document.getElementById("look").hidden = false;
  const map = openMap(ground);
  const hasMetres = ground.metres !== null;
  const base = overlays.find(({ id }) => id === "scene") ?? overlays[0];
  if (base) new Inset({ ground, src: base.src, place: base.place }).addTo(map);
  const panel = document.getElementById("panel");
  const ring = L.circleMarker(at(0, 0), { radius: 26, color: "#ffd166", weight: 4, fill: false, casing: true, interactive: false });
  if (errors.length) panel.append(errorPanel(map, errors, hasMetres));
  if (worst?.shapes.length) panel.append(worstList(map, worst, ring, errors));
  let groups = [];
  if (footprints.length) {
    const made = footprintPanel(map, footprints, grades, hasMetres, !errors.length);
    groups = made.groups;
    panel.append(made.node);
  }
  if (overlays.length) panel.append(picturePanel(map, overlays, closeUps));
  if (footprints.some(({ shapes }) => shapes.length)) panel.append(doubtList(map, footprints, grades, groups));
}

/** The worst places, from the evaluation. */
function worstList(map, worst, ring, errors) {
  const entries = worst.shapes.map(([[[place]], facts], i) => {
    const kind = errors.find(({ id }) => id === (KINDS[facts.what] ?? facts.what));
    const what = kind?.name.split(":")[0] ?? String(facts.what ?? "error");
    const name = `${facts.rank ?? i + 1}. ${what.charAt(0).toUpperCase()}${what.slice(1)}`;
    const area = valueOf("area_m2", facts.area_m2 ?? null, content.ground.metres !== null);
    return { name, count: area === "none" ? "" : area, colour: kind?.colour ?? worst.colour, isDashed: kind?.isDashed, go() {
      const [x, y] = place;
      const around = 12 / (content.ground.metres ?? 0.5);
      ring.setLatLng(at(x, y)).addTo(map);
      const told = L.popup({ minWidth: 210, maxWidth: 320, offset: [0, -18] }).setLatLng(at(x, y))
        .setContent(factsNode(name, facts, content.ground.metres !== null));
      flyTo(map, placeBounds([x - around, y - around, x + around, y + around]), () => told.openOn(map));
      say(`The map shows ${name}, ${area}`);
    } };
  });
  return placeList("Worst places", "Where map and labels differ most. One click flies there.", entries);
}

/** Flags that the colour does not tell already, in words. */
function notable(flags) {
  const words = { edge: "at the edge", nodata: "beside no data", refused: "not straightened", large: "in a large cluster" };
  const told = String(flags ?? "").split(",").filter((flag) => flag && flag !== "regularized" && flag !== "doubtful");
  return told.length ? ` (${told.map((flag) => (Object.hasOwn(words, flag) ? words[flag] : flag)).join(", ")})` : "";
}

/** The footprints that the model is least sure of. */
function doubtList(map, footprints, grades, groups) {
  const all = footprints.flatMap(({ shapes, name }, n) => shapes.map(([, facts], i) => ({ facts, name, shape: groups[n].members[i], group: groups[n], layer: n })));
  const known = all.filter(({ facts }) => typeof facts.confidence === "number").sort((a, b) => a.facts.confidence - b.facts.confidence);
  const entries = known.slice(0, 50).map(({ facts, name, shape, group, layer }, i) => {
    const grade = gradeOf(facts.confidence, grades);
    const text = `${i + 1}. ${facts.class ?? name}${notable(facts.flags)}`;
    return { name: text, count: facts.confidence.toFixed(2), colour: grades[grade].colour, isDashed: grade === 0, go() {
      const box = document.getElementById(`layer-footprints-${layer}`);
      if (!map.hasLayer(group)) box.click();
      const bounds = shape.getBounds();
      flyTo(map, bounds, () => shape.openPopup(L.latLng(bounds.getNorth(), bounds.getCenter().lng)));
      say(`The map shows footprint ${text}, confidence ${facts.confidence.toFixed(2)}`);
    } };
  });
  return placeList("Where to look first", "The footprints that the model is least sure of. One click flies there.", entries);
}
