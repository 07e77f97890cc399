// The release day, once a second: tiles, two charts, workers, the table.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 180;
const LEFT = 44;
const BOTTOM = 20;
const LEAST = 60;
const MOST = 600;

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function roundUp(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

// The neighbours that are there, with nothing drawn over the seconds that are not.
function runs(values) {
  const found = [[]];
  for (const value of values) {
    if (value) found.at(-1).push(value);
    else if (found.at(-1).length) found.push([]);
  }
  return found.filter((run) => run.length);
}

function draw(svg, points) {
  // As wide as it is shown, so that its text is as large as any other.
  const width = svg.clientWidth;
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const names = svg.dataset.chart.split(" ");
  const shown = points.slice(-MOST);
  const span = Math.max(LEAST, shown.length);
  const top = roundUp(Math.max(...shown.flatMap((point) => names.map((name) => point[name] || 0)), 0));
  const x = (index) => LEFT + (width - LEFT) * (index + span - shown.length) / (span - 1);
  const y = (value) => (HEIGHT - BOTTOM) * (1 - value / top) + 6;
  const parts = [];
  for (const share of [0, 0.5, 1]) {
    const level = y(top * share);
    parts.push(element("line", { x1: LEFT, x2: width, y1: level, y2: level, class: "axis" }));
    parts.push(element("text", { x: LEFT - 6, y: level + 4, "text-anchor": "end" }, (top * share).toLocaleString("en")));
  }
  if (shown.length) {
    parts.push(element("text", { x: LEFT, y: HEIGHT + 8 }, shown.length >= LEAST ? shown[0].time : ""));
    parts.push(element("text", { x: width, y: HEIGHT + 8, "text-anchor": "end" }, shown.at(-1).time));
  }
  names.forEach((name, number) => {
    const places = shown.map((point, index) => {
      const value = point[name];
      return value === null || value === undefined ? null : [x(index).toFixed(1), y(value).toFixed(1)];
    });
    for (const run of runs(places)) {
      const [cx, cy] = run[0];
      parts.push(run.length > 1
        ? element("polyline", { points: run.join(" "), class: `s${number + 1}` })
        : element("circle", { cx, cy, r: 2.5, class: `s${number + 1}` }));
    }
  });
  svg.replaceChildren(...parts);
}

function row(cells) {
  const line = document.createElement("tr");
  for (const cell of cells) {
    const made = document.createElement("td");
    if (cell instanceof Node) made.append(cell);
    else { made.className = "number"; made.textContent = cell; }
    line.append(made);
  }
  line.firstChild.className = "number start";
  return line;
}

function badge(worker) {
  const made = document.createElement("span");
  made.className = `badge ${worker.state}`;
  made.textContent = worker.state_text;
  return made;
}

function short(value) {
  if (value === null || value === undefined) return "–";
  return value >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}

let latest = null;

function drawAll() {
  for (const svg of document.querySelectorAll("[data-chart]")) draw(svg, latest.points);
}

function show(day) {
  latest = day;
  for (const tile of document.querySelectorAll("[data-tile]")) tile.textContent = day.tiles[tile.dataset.tile];
  drawAll();
  const clock = document.querySelector("[data-clock]");
  if (clock.textContent !== day.clock_text) clock.textContent = day.clock_text;
  clock.hidden = !day.clock_text;
  const workers = document.querySelector("[data-workers]");
  workers.replaceChildren(...day.workers.map((one) => row([String(one.pid), badge(one), short(one.rate), String(one.connections), one.loop_delay_ms.toFixed(1), one.age_s.toFixed(1)])));
  document.querySelector("[data-filled]").hidden = !day.workers.length;
  document.querySelector("[data-empty]").hidden = day.workers.length > 0;
  const seconds = document.querySelector("[data-seconds]");
  const names = seconds.dataset.seconds.split(" ");
  seconds.replaceChildren(...day.points.slice(-30).reverse().map((point) => row([point.time, ...names.map((name) => short(point[name]))])));
  document.querySelector("[data-live]").hidden = false;
  document.querySelector("[data-at]").textContent = day.time;
}

async function look() {
  try {
    const response = await fetch("/release-day.json", { cache: "no-store" });
    if (response.status === 401) return location.reload();
    if (!response.ok) throw new Error(String(response.status));
    show(await response.json());
  } catch {
    document.querySelector("[data-live]").hidden = true;
  }
  setTimeout(look, 1000);
}

document.querySelector("[data-charts]").hidden = false;
addEventListener("resize", () => latest && drawAll());
look();
// Past an hour the page says what is open now; a timer longer than 24 days would fire at once.
for (const box of document.querySelectorAll("[data-countdown]")) {
  const left = Math.max(0, Number(box.dataset.opens) - Number(box.dataset.now));
  setTimeout(() => location.reload(), Math.min(left + 5000, 2 ** 31 - 1));
}
