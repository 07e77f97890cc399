// Makes tabs of a form's ways in. Without it they stand one below the other.
"use strict";

function tabs(box) {
  const panels = [...box.querySelectorAll(":scope > section")];
  const list = document.createElement("div");
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", box.dataset.tabs);
  const all = panels.map((panel) => {
    const heading = panel.querySelector("h2");
    const tab = document.createElement("button");
    tab.type = "button";
    tab.id = `${panel.id}-tab`;
    tab.textContent = heading.textContent;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    heading.remove();
    return tab;
  });
  const choose = (chosen) => {
    all.forEach((tab, index) => {
      tab.setAttribute("aria-selected", index === chosen);
      tab.tabIndex = index === chosen ? 0 : -1;
      panels[index].hidden = index !== chosen;
    });
  };
  list.addEventListener("click", (event) => {
    if (event.target !== list) choose(all.indexOf(event.target));
  });
  list.addEventListener("keydown", ({ key }) => {
    const here = all.indexOf(document.activeElement);
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: all.length - 1 }[key];
    if (to === undefined || here < 0) return;
    const next = (to + all.length) % all.length;
    choose(next);
    all[next].focus();
  });
  list.append(...all);
  box.before(list);
  delete box.dataset.tabs;
  choose(Math.max(0, panels.findIndex((panel) => "used" in panel.dataset)));
}

const makeTabs = () => document.querySelectorAll("[data-tabs]").forEach(tabs);
document.addEventListener("shown", makeTabs);
makeTabs();
