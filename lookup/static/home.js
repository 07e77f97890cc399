// Counts down to the hour on the server's clock, and opens what it waits for in the page that is
// there: nobody reloads, and nobody asks in the same moment as everybody else.
"use strict";

const SPREAD_S = 3; // so long after the hour the first questions are spread
const AGAIN_S = [1, 5];
const RESYNC_S = 300;
const SLIP_MS = 2500; // a cached answer may be a second old; more is a clock that was set

const awaited = () => [...document.querySelectorAll("[data-opens]")];
const due = (place) => Date.parse(place.dataset.opens);

// What to add to the clock of this machine to have the server's, milliseconds.
let skew = 0;
let again = AGAIN_S[0];
let timer = 0;
const now = () => Date.now() + skew;

function begin() {
  const place = document.querySelector("[data-now]");
  if (!place) return;
  const [load] = performance.getEntriesByType("navigation");
  const arrived = performance.timeOrigin + (load ? load.responseStart : 0);
  skew = Date.parse(place.dataset.now) - arrived;
  for (const line of document.querySelectorAll("[data-itself]")) line.hidden = false;
  count();
  plan();
}

// Shows what is left, each second as it begins.
function count() {
  const places = awaited();
  for (const place of places) {
    const left = Math.ceil((due(place) - now()) / 1000);
    const line = place.querySelector("[role=timer]");
    const { days, day, hours, due: opening } = line.dataset;
    const part = (unit, base) => String(Math.floor(left / unit) % base).padStart(2, "0");
    const whole = Math.floor(left / 86400);
    const words = left <= 0 ? opening : whole > 1 ? days : whole === 1 ? day : hours;
    const clock = `${part(3600, 24)}:${part(60, 60)}:${part(1, 60)}`;
    line.textContent = words.replace("{days}", whole).replace("{clock}", clock);
  }
  if (places.length) setTimeout(count, 1000 - (((now() % 1000) + 1000) % 1000) + 5);
}

// Asks at the hour, spread over some seconds; until it opens again and again, slower and slower;
// and now and then before, because an hour may be moved.
function plan() {
  const next = Math.min(...awaited().map(due));
  if (next === Infinity) return;
  const left = (next - now()) / 1000;
  let wait = left + Math.random() * SPREAD_S;
  if (left <= 0) {
    wait = again * (0.5 + Math.random());
    again = Math.min(again * 1.5, AGAIN_S[1]);
  } else if (wait > RESYNC_S) {
    wait = RESYNC_S * (0.75 + Math.random() / 2);
  }
  clearTimeout(timer);
  timer = setTimeout(ask, wait * 1000);
}

async function ask() {
  try {
    const asked = Date.now();
    const response = await fetch("/status.json");
    const { kinds, server_time: time } = await response.json();
    const slip = Date.parse(time) - (asked + Date.now()) / 2 - skew;
    if (Math.abs(slip) > SLIP_MS) skew += slip;
    for (const place of awaited()) compare(place, kinds.find((kind) => kind.name === place.dataset.kind));
  } catch {
    // Out of reach for a moment: the next question may be answered.
  }
  plan();
}

function compare(place, kind) {
  if (!kind) return;
  const moved = kind.state === "not_open" && Date.parse(kind.opens_at) !== due(place);
  if (kind.state === "open") open(place, kind.tables);
  // The page says it in the site's words.
  else if (moved || kind.state === "closed") location.reload();
}

// Whoever reads on is not led away; whoever stood on what goes stands on what came.
function open(place, tables) {
  const inside = place.contains(document.activeElement);
  const { content } = place.querySelector("template");
  for (const link of content.querySelectorAll("[data-table]")) {
    if (!tables.includes(link.dataset.table)) link.remove();
  }
  content.querySelector(".links:empty")?.remove();
  place.replaceChildren(content);
  delete place.dataset.opens;
  place.closest(".card")?.classList.add("open");
  document.getElementById("said").textContent = place.dataset.said;
  document.dispatchEvent(new Event("shown"));
  if (inside) place.querySelector("a, input, [role=tab]").focus();
}

document.addEventListener("visibilitychange", () => {
  // A page that slept does not trust its timers.
  if (!document.hidden && awaited().length) plan();
});
begin();
