// Everything is drawn in the map's own pixels: x is a column, y a row counted downward. That is exact for every raster,
// south-up, turned or without a CRS alike.

function at(x, y) {
  return L.latLng(-y, x);
}

/** Pixels of the map, each drawn as wide and as high as it is on the ground. */
function groundCrs(ground) {
  const [across, down] = ground.aspect;
  return L.extend({}, L.CRS.Simple, { transformation: new L.Transformation(across, 0, -down, 0) });
}

function placeBounds([left, top, right, bottom]) {
  return L.latLngBounds(at(left, top), at(right, bottom));
}

function wholeBounds(ground) {
  return placeBounds([0, 0, ground.shape[1], ground.shape[0]]);
}

/** The largest of 1, 2, 5 times a power of ten that is not above `most`. */
function niceLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return Math.max(...[1, 2, 5].map((step) => step * power).filter((length) => length <= most * 1.0000001));
}

/** A length for people. */
function lengthText(length, hasMetres) {
  if (!hasMetres) return `${number(length)} px`;
  if (length >= 1000) return `${number(length / 1000)} km`;
  return length >= 1 ? `${number(length)} m` : `${number(length * 100)} cm`;
}

const ScaleBar = L.Control.extend({
  options: { position: "bottomleft", widest: 130 },
  onAdd(map) {
    const metres = this.options.metres;
    const text = document.createTextNode("");
    const bar = element("span");
    const box = element("div", { class: "scalebar", role: "img" }, text, bar);
    const update = () => {
      const scale = map.getZoomScale(map.getZoom(), 0); // of the screen's pixels in one of the map's
      const length = niceLength((this.options.widest / scale) * (metres ?? 1));
      bar.style.width = `${(length / (metres ?? 1)) * scale}px`;
      text.data = lengthText(length, metres !== null);
      box.setAttribute("aria-label", `Scale: the bar is ${text.data} long`);
    };
    map.on("zoomend", update);
    map.whenReady(update);
    return box;
  },
});

const North = L.Control.extend({
  options: { position: "topright" },
  onAdd() {
    const turn = this.options.north;
    const arrow = drawn("g", { transform: `rotate(${turn} 22 22)` },
      drawn("path", { d: "M22 5 L28 27 L22 23 Z", fill: "#10181f" }),
      drawn("path", { d: "M22 5 L16 27 L22 23 Z", fill: "#fff", stroke: "#10181f" }));
    const radians = (turn * Math.PI) / 180;
    const name = drawn("text", {
      x: 22 - 13 * Math.sin(radians), y: 22 + 13 * Math.cos(radians) + 4, "text-anchor": "middle", "font-size": 11,
      "font-weight": 700, fill: "#10181f",
    });
    name.textContent = "N";
    const degrees = ((Math.round(turn) % 360) + 360) % 360;
    const label = degrees === 0 ? "North is up" : `North is ${degrees} degrees clockwise from up`;
    return element("div", { class: "north", role: "img", "aria-label": label, title: label },
      drawn("svg", { viewBox: "0 0 44 44" }, arrow, name));
  },
});

const Fit = L.Control.extend({
  options: { position: "topleft" },
  onAdd(map) {
    const button = element("a", { class: "fit", href: "#map", role: "button", title: "Whole map", "aria-label": "Whole map" }, "⤢");
    L.DomEvent.disableClickPropagation(button);
    L.DomEvent.on(button, "click", (event) => {
      L.DomEvent.preventDefault(event);
      map.fitBounds(this.options.whole, { padding: [8, 8] });
    });
    return element("div", { class: "leaflet-bar" }, button);
  },
});

/** A small picture of the whole, and on it what is seen of it; for the mouse: keys move the map itself. */
const Inset = L.Control.extend({
  options: { position: "bottomright", largest: 150 },
  onAdd(map) {
    const { ground, src, place } = this.options;
    const [height, width] = [ground.shape[0] * ground.aspect[1], ground.shape[1] * ground.aspect[0]];
    const scale = this.options.largest / Math.max(height, width);
    const [across, down] = [Math.max(8, width * scale), Math.max(8, height * scale)];
    const image = element("img", { src, alt: "" });
    const [left, top, right, bottom] = place;
    image.style.width = `${((right - left) / ground.shape[1]) * across}px`;
    image.style.height = `${((bottom - top) / ground.shape[0]) * down}px`;
    image.style.marginLeft = `${(left / ground.shape[1]) * across}px`;
    image.style.marginTop = `${(top / ground.shape[0]) * down}px`;
    const seen = element("i");
    const box = element("div", { class: "inset", "aria-hidden": "true" }, image, seen);
    box.style.width = `${across + 4}px`; // with the frame's two lines
    box.style.height = `${down + 4}px`;
    const update = () => {
      const bounds = map.getBounds();
      box.hidden = bounds.contains(wholeBounds(ground));
      const x = Math.max(0, bounds.getWest()), y = Math.max(0, -bounds.getNorth());
      const end = [Math.min(ground.shape[1], bounds.getEast()), Math.min(ground.shape[0], -bounds.getSouth())];
      seen.style.left = `${(x / ground.shape[1]) * across}px`;
      seen.style.top = `${(y / ground.shape[0]) * down}px`;
      seen.style.width = `${Math.max(4, ((end[0] - x) / ground.shape[1]) * across)}px`;
      seen.style.height = `${Math.max(4, ((end[1] - y) / ground.shape[0]) * down)}px`;
    };
    map.on("moveend zoomend", update);
    map.whenReady(update);
    L.DomEvent.disableClickPropagation(box);
    L.DomEvent.on(box, "click", (event) => {
      const frame = box.getBoundingClientRect();
      map.panTo(at(((event.clientX - frame.left - 2) / across) * ground.shape[1], ((event.clientY - frame.top - 2) / down) * ground.shape[0]));
    });
    return box;
  },
});

/** The map, empty, that shows all of the ground. */
function openMap(ground) {
  const whole = wholeBounds(ground);
  const ratio = (ground.shape[0] * ground.aspect[1]) / (ground.shape[1] * ground.aspect[0]);
  document.getElementById("map").style.setProperty("--ratio", ratio);
  const map = L.map("map", {
    crs: groundCrs(ground), attributionControl: false, zoomSnap: 0, zoomDelta: 0.75, wheelPxPerZoomLevel: 90,
    minZoom: -20, maxZoom: 6, renderer: new CasedCanvas({ padding: 0.3 }), fadeAnimation: !isCalm, zoomAnimation: !isCalm,
  });
  map.fitBounds(whole, { animate: false, padding: [8, 8] });
  map.setMinZoom(map.getZoom() - 2);
  map.setMaxBounds(whole.pad(0.6));
  new Fit({ whole }).addTo(map);
  new ScaleBar({ metres: ground.metres }).addTo(map);
  if (ground.north !== null) new North({ north: ground.north }).addTo(map);
  return map;
}
