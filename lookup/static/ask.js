// Asks without leaving the page: solves what fair use sets, waits where the service is busy, and
// shows that it does. Without it the forms work as forms do. Nothing is kept but in this page.
"use strict";

const CHUNK = 1000;
const OFFLINE_S = 5;
const SOLVES = 6;

const seconds = (count) => new Promise((done) => setTimeout(done, count * 1000));
const decode = (text) => JSON.parse(atob(text));
const encode = (value) => btoa(JSON.stringify(value));

// The number that a challenge hides, or null. In chunks, so that the page stays alive.
async function solve({ algorithm, challenge, maxnumber, salt }) {
  const text = new TextEncoder();
  const head = parseInt(challenge.slice(0, 8), 16);
  const hex = (digest) =>
    Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  for (let start = 0; start <= maxnumber; start += CHUNK) {
    const digests = await Promise.all(
      Array.from({ length: CHUNK }, (_, step) =>
        crypto.subtle.digest(algorithm, text.encode(salt + (start + step)))),
    );
    const step = digests.findIndex(
      (digest) => new DataView(digest).getUint32(0) === head && hex(digest) === challenge,
    );
    if (step >= 0) return start + step;
    await seconds(0);
  }
  return null;
}

// What a form shows while it waits: one of the sentences it brought along.
class Waiting {
  constructor(form) {
    this.form = form;
    this.panel = document.getElementById("waiting");
    this.stopped = false;
    // What was said about the last try would seem to be about this one.
    this.verdict = document.querySelectorAll("main [role=alert], main .wrong");
    for (const said of this.verdict) said.hidden = true;
    form.setAttribute("aria-busy", "true");
    form.querySelector("button").disabled = true;
    if (form.nextElementSibling !== this.panel) form.after(this.panel);
    this.panel.querySelector("button").onclick = () => this.stop();
  }

  // `state` is one of the sentences, or null for none.
  say(state) {
    for (const line of this.panel.querySelectorAll("[data-state]")) {
      line.hidden = line.dataset.state !== state;
    }
    this.panel.querySelector("progress").removeAttribute("value");
    this.panel.classList.toggle("on", state !== null);
  }

  // `heading` is the service's own word for it, where it has one.
  async count(state, total, heading = null) {
    const words = this.panel.querySelector(`[data-state="${state}"] strong`);
    if (heading) words.textContent = heading.textContent;
    this.say(state);
    const until = performance.now() + total * 1000;
    const line = this.panel.querySelector(`[data-state="${state}"] [data-seconds]`);
    const bar = this.panel.querySelector("progress");
    bar.max = total;
    for (let left = total; left > 0 && !this.stopped; left = (until - performance.now()) / 1000) {
      line.textContent = Math.ceil(left);
      bar.value = total - left;
      await seconds(Math.min(left, 0.25));
    }
  }

  stop() {
    this.stopped = true;
    this.say(null);
    for (const said of this.verdict) said.hidden = false;
    this.form.removeAttribute("aria-busy");
    this.form.querySelector("button").disabled = false;
    this.form.querySelector("button").focus();
  }
}

function challengeOf(page) {
  const field = page.querySelector("input[name=altcha][data-challenge]");
  return field && field.value ? field.value : null;
}

// Redeems a challenge: solved where the browser can reckon, else brought back after its wait.
async function redeem(sent, waiting) {
  const challenge = decode(sent);
  if (!(window.isSecureContext && crypto.subtle)) {
    await waiting.count("patience", challenge.wait);
    return sent;
  }
  waiting.say("checking");
  const number = await solve(challenge);
  return encode({ ...challenge, number });
}

// Asks until there is an answer to show; null where the candidate stopped it.
async function ask(form, body, waiting) {
  let solves = 0;
  while (!waiting.stopped) {
    let response;
    try {
      response = await fetch(form.action, { method: "POST", body, cache: "no-store" });
    } catch {
      await waiting.count("offline", OFFLINE_S);
      continue;
    }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const wait = Number(response.headers.get("Retry-After"));
    const challenge = response.status === 429 && challengeOf(page);
    if (challenge && solves < SOLVES) {
      solves += 1;
      body.set("altcha", await redeem(challenge, waiting));
    } else if (response.status === 429 && !challenge && wait > 0) {
      await waiting.count("later", wait, page.querySelector("[data-cause]"));
    } else if ([502, 503, 504].includes(response.status) || !page.querySelector("main")) {
      // Those who were refused together should not come back together.
      await waiting.count("busy", (wait || OFFLINE_S) + Math.random(), page.querySelector("main h1"));
    } else {
      return { page, found: response.ok };
    }
  }
  return null;
}

// Puts an answer in the place of what is there, and leads the reader to it.
function show({ page, found }, form, body) {
  const main = document.adoptNode(page.querySelector("main"));
  document.querySelector("main").replaceWith(main);
  document.body.className = page.body.className;
  document.title = page.title;
  document.documentElement.lang = page.documentElement.lang;
  document.dispatchEvent(new Event("shown"));
  // What was typed was right but for a slip: nobody should have to type it all again.
  for (const field of found ? [] : form.querySelectorAll("input[id]")) {
    const same = document.getElementById(field.id);
    if (same && body.has(field.name)) same.value = body.get(field.name);
  }
  const first =
    main.querySelector("[aria-invalid]") || main.querySelector("[role=alert]") || main.querySelector("h1");
  if (!first.matches("input")) first.tabIndex = -1;
  first.focus();
  // Back leads from a result to its form, as it does without this script.
  if (found) history.pushState(null, "");
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-ask]") || form.hasAttribute("aria-busy")) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  const waiting = new Waiting(form);
  waiting.say("sending");
  try {
    const answer = await ask(form, body, waiting);
    if (answer && !waiting.stopped) show(answer, form, body);
  } catch {
    // Whatever this script cannot do, the form can.
    waiting.stop();
    form.submit();
  }
});
// A link within the page is no step in its history: a step back is from a result to its form.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  const target = link && document.getElementById(link.hash.slice(1));
  if (!target) return;
  event.preventDefault();
  target.focus();
});
addEventListener("popstate", () => location.reload());
