// Keyboard: j and k walk the rows, g and a letter go to a page, [ and ] change tabs, ? helps.
"use strict";

const help = document.querySelector("#help");
const opener = document.querySelector("[data-help]");
let waitingForPlace = false;

function rows() {
  return [...document.querySelectorAll("[data-row]")];
}

function step(by) {
  const all = rows();
  if (!all.length) return;
  const here = all.indexOf(document.activeElement);
  const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : here + by;
  all[Math.min(Math.max(next, 0), all.length - 1)].focus();
}

function tab(by) {
  const tabs = [...document.querySelectorAll(".tabs a")];
  const here = tabs.findIndex((link) => link.hasAttribute("aria-current"));
  const next = tabs[here + by];
  if (here >= 0 && next) next.click();
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  "[": () => tab(-1),
  "]": () => tab(1),
  "?": () => help && help.showModal(),
  g: () => { waitingForPlace = true; },
};

function typing(element) {
  return element.matches("input, select, textarea") || element.isContentEditable;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (help && help.open) return;
  if (waitingForPlace) {
    waitingForPlace = false;
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) link.click();
    return;
  }
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});

if (help && opener) {
  opener.hidden = false;
  opener.addEventListener("click", () => help.showModal());
}
