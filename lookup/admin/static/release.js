// The countdown, on the server's clock, and the preflight list from ten minutes before.
"use strict";

const box = document.querySelector("[data-countdown]");
const EVERY_MS = 1000;

if (box) {
  const clock = box.querySelector("[data-clock]");
  const list = box.querySelector("[data-items]");
  let opens = Number(box.dataset.opens);
  // What this machine's clock says does not matter, only how much time passes on it.
  let ahead = Number(box.dataset.now) - performance.now();

  function text(left) {
    const seconds = Math.max(0, Math.ceil(left / 1000));
    const days = Math.floor(seconds / 86400);
    const parts = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
    const time = parts.map((part) => String(part).padStart(2, "0")).join(":");
    return days ? `${days} d ${time}` : time;
  }

  function tick() {
    clock.textContent = text(opens - (performance.now() + ahead));
  }

  function show(items) {
    list.replaceChildren(...items.map((item) => {
      const line = document.createElement("li");
      const badge = document.createElement("span");
      line.className = item.state;
      badge.className = `badge ${item.state}`;
      badge.textContent = item.state_text;
      line.append(badge, ` ${item.text}`);
      return line;
    }));
  }

  async function look() {
    const asked = performance.now();
    try {
      const response = await fetch(box.dataset.preflight, { cache: "no-store" });
      if (response.status === 401) return location.reload();
      const found = await response.json();
      if (found.state !== "scheduled") return location.reload();
      ahead = found.now_ms - (asked + performance.now()) / 2;
      opens = found.opens_ms;
      show(found.items);
      const early = box.querySelector("[data-early]");
      if (early) early.hidden = found.items.length > 0;
    } catch {
      // The next look may succeed; the countdown goes on meanwhile.
    }
    setTimeout(look, EVERY_MS);
  }

  tick();
  setInterval(tick, 200);
  look();
}
