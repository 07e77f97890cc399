// Countdowns, on the server's clock; another script may set a box's hour and its clock anew.
"use strict";

function countdownText(left) {
  const seconds = Math.max(0, Math.ceil(left / 1000));
  const days = Math.floor(seconds / 86400);
  const parts = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  const time = parts.map((part) => String(part).padStart(2, "0")).join(":");
  return days ? `${days} d ${time}` : time;
}

for (const box of document.querySelectorAll("[data-countdown]")) {
  const clock = box.querySelector("[data-clock]");
  // What this machine's clock says does not matter, only how much time passes on it.
  box.dataset.ahead = Number(box.dataset.now) - performance.now();
  const tick = () => {
    const now = performance.now() + Number(box.dataset.ahead);
    clock.textContent = countdownText(Number(box.dataset.opens) - now);
  };
  tick();
  setInterval(tick, 200);
}
