/**
 * A canvas that draws a dark line under each bright one, so that it is seen on any ground; both are finer where many
 * shapes lie on little room.
 */
const CasedCanvas = L.Canvas.extend({
  _fillStroke(context, layer) {
    const options = layer.options, weight = options.weight;
    const share = Math.min(1, 0.45 + this._map.getZoomScale(this._map.getZoom(), 0));
    options.weight = weight * share;
    if (options.casing && options.stroke) {
      context.save();
      context.globalAlpha = 0.6;
      context.setLineDash([]);
      context.lineWidth = options.weight + 2 * share;
      context.lineJoin = "round";
      context.strokeStyle = "#0b161f";
      context.stroke();
      context.restore();
    }
    L.Canvas.prototype._fillStroke.call(this, context, layer);
    options.weight = weight;
  },
});

/** x, y, x, y, ... as places. */
function places(ring) {
  const found = [];
  for (let i = 0; i + 1 < ring.length; i += 2) found.push(at(ring[i], ring[i + 1]));
  return found;
}

/** A picture on the map; its pixels stay squares when they are seen singly. */
function pictureLayer(map, { src, place, shape }, options) {
  const layer = L.imageOverlay(src, placeBounds(place), options);
  const sharpen = () => {
    const side = (place[2] - place[0]) / shape[1]; // of its pixels in the map's
    layer.getElement()?.classList.toggle("crisp", map.getZoomScale(map.getZoom(), 0) * side > 2.5);
  };
  layer.on("add", sharpen);
  map.on("zoomend", sharpen);
  return layer;
}

/** An overlay, and of the scene the places that are shown sharper: one layer, of one opacity. */
function overlayLayer(map, overlay, order, closeUps) {
  const whole = pictureLayer(map, overlay, { opacity: overlay.opacity, alt: overlay.alt, zIndex: order, className: `picture picture-${overlay.id}` });
  const parts = closeUps.map((one) => pictureLayer(map, one, { alt: "", zIndex: order, className: "close-up" }));
  return { layer: L.layerGroup([whole, ...parts]), setOpacity: (opacity) => [whole, ...parts].forEach((one) => one.setOpacity(opacity)) };
}

/** Where a link leads, without its long tail. */
function linkText(link) {
  return link.startsWith("geo:") ? "open in a map" : new URL(link).hostname.replace(/^www\./, "");
}

/** The facts of a shape, as a popup shows them. */
function factsNode(title, facts, hasMetres) {
  const list = element("dl");
  for (const [key, value] of Object.entries(facts)) {
    if (value === null || value === "") continue;
    const isLink = key === "link" && typeof value === "string" && (value.startsWith("geo:") || (value.startsWith("https://") && URL.canParse(value)));
    const shown = isLink ? element("a", { href: value, rel: "noopener noreferrer", target: "_blank" }, linkText(value))
      : valueOf(key, value, hasMetres);
    list.append(element("dt", {}, wordOf(key)), element("dd", {}, shown));
  }
  return element("div", {}, element("h3", {}, title), list);
}

/**
 * Shapes on the map, each with its facts in a popup.
 * `style` says how a shape is drawn by its facts, `title` what it is called.
 */
function shapeLayer(shapes, style, title, hasMetres) {
  const group = L.featureGroup();
  group.members = shapes.map(([polygons, facts]) => {
    const polygon = L.polygon(polygons.map((rings) => rings.map(places)), { casing: true, lineJoin: "round", ...style(facts) });
    polygon.bindPopup(() => factsNode(title(facts), facts, hasMetres), { minWidth: 210, maxWidth: 320, autoPanPadding: [24, 24] });
    polygon.on("mouseover", () => polygon.setStyle({ weight: style(facts).weight + 1.5 }));
    polygon.on("mouseout", () => polygon.setStyle({ weight: style(facts).weight }));
    group.addLayer(polygon);
    return polygon;
  });
  group.restyle = (other) => {
    style = other;
    shapes.forEach(([, facts], i) => group.members[i].setStyle(other(facts)));
  };
  return group;
}

/** The grade of a confidence by its number; none where it is not known. */
function gradeOf(confidence, grades) {
  if (typeof confidence !== "number") return null;
  return grades.findLastIndex((grade, i) => i === 0 || confidence >= grade.least);
}

function confidenceStyle(grades) {
  return (facts) => {
    const number = gradeOf(facts.confidence, grades);
    const colour = number === null ? "#ffffff" : grades[number].colour;
    return { color: colour, fillColor: colour, weight: 2, fillOpacity: number === 0 ? 0.12 : 0.22, dashArray: number === 0 ? "7 5" : null };
  };
}

function classStyle(colour) {
  return () => ({ color: colour, fillColor: colour, weight: 2, fillOpacity: 0.3, dashArray: null });
}

function errorStyle(layer) {
  return () => ({ color: layer.colour, fillColor: layer.colour, weight: 2.5, fillOpacity: layer.isDashed ? 0.12 : 0.4, dashArray: layer.isDashed ? "7 5" : null });
}

/** Move the map to some bounds, quickly or at once as the reader likes it; `then` is done there. */
function flyTo(map, bounds, then) {
  const room = { padding: [60, 60], maxZoom: 2 };
  map.once("moveend", then); // a popup that opens on the way would stop it
  if (isCalm) map.fitBounds(bounds.pad(1.5), { ...room, animate: false });
  else map.flyToBounds(bounds.pad(1.5), { ...room, duration: 0.8 });
}
