// Follows running jobs twice a second; when one ends the page is loaded anew.
"use strict";

function part(className, text) {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  return made;
}

function showFindings(found) {
  const list = document.querySelector("[data-findings]");
  if (!list) return;
  document.querySelector("[data-so-far]").hidden = !found.length;
  list.replaceChildren(...found.map((group) => {
    const line = document.createElement("li");
    line.append(
      part(`badge ${group.severity}`, group.severity_text), " ", part("soft", group.column),
      ` ${group.reason} `, part("number soft", `× ${group.count.toLocaleString("en")}`),
    );
    return line;
  }));
}

async function follow(bar) {
  const response = await fetch(`/jobs/${bar.dataset.job}.json`, { cache: "no-store" });
  if (response.status === 401) return false;
  if (!response.ok) throw new Error(String(response.status));
  const job = await response.json();
  bar.querySelector("[data-progress]").textContent = job.progress.toLocaleString("en");
  bar.querySelector("[data-badge]").textContent = job.state_text;
  bar.dataset.state = job.state;
  showFindings(job.findings);
  return job.state === "queued" || job.state === "running";
}

async function followAll() {
  const bars = [...document.querySelectorAll("[data-job]")]
    .filter((bar) => ["queued", "running"].includes(bar.dataset.state));
  if (!bars.length) return;
  try {
    const alive = await Promise.all(bars.map(follow));
    if (alive.includes(false)) return location.reload();
  } catch {
    // The console restarts, or the network is away for a moment: ask again.
  }
  setTimeout(followAll, 500);
}

followAll();
