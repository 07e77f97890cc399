// The preflight list from ten minutes before the hour, and the countdown kept right.
"use strict";

const box = document.querySelector("[data-countdown]");
const EVERY_MS = 1000;

if (box) {
  const list = box.querySelector("[data-items]");

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
      box.dataset.ahead = found.now_ms - (asked + performance.now()) / 2;
      box.dataset.opens = found.opens_ms;
      show(found.items);
      const early = box.querySelector("[data-early]");
      if (early) early.hidden = found.items.length > 0;
    } catch {
      // The next look may succeed; the countdown goes on meanwhile.
    }
    setTimeout(look, EVERY_MS);
  }

  look();
}
