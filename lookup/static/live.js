"use strict";
// The broadcast as it happens: events where they come through, else the document now and then.
(() => {
  const live = document.getElementById("live");
  const english = document.documentElement.lang === "en";
  const POLL_MS = 10000, JITTER_MS = 5000, TRIES = 3, POLLS = 6, QUIET_MS = 5000, MARK_MS = 3000;
  const MAX_WORDS = 50, MAX_ROWS = 1000;
  let last = live.dataset.last; // which broadcast, and its last entry: EPOCH-ID
  let source = null, timer = 0, errors = 0, polls = 0, paused = false, quietUntil = 0;

  const all = (selector, within = live) => within.querySelectorAll(selector);
  const one = (selector, within = live) => within.querySelector(selector);
  const numberOf = (place) => Number(place.split("-")[1]);
  const later = (ms) => ms + Math.random() * JITTER_MS;

  // Writing

  const clock = new Intl.DateTimeFormat("sv-SE", {
    timeZone: live.dataset.zone, dateStyle: "short", timeStyle: "short",
  });
  const number = (value) => (value === null ? "–" : value.toLocaleString("en-US"));
  // Nobody knows a plan of 0.
  const figure = (values, name) => number(name === "plan" ? values.plan || null : values[name]);
  const said = (text) => (english && text.en ? text.en : text.zh);

  function mark(element) {
    element.classList.remove("changed");
    void element.offsetWidth; // begins the marking anew
    element.classList.add("changed");
    setTimeout(() => element.classList.remove("changed"), MARK_MS);
  }

  function put(element, text, marked) {
    if (element.textContent === text) return;
    element.textContent = text;
    if (marked) mark(element);
  }

  function putText(element, text) {
    element.textContent = said(text);
    if (english && !text.en) element.lang = "zh-CN";
    else element.removeAttribute("lang");
  }

  function putTime(element, at) {
    element.dateTime = at;
    element.textContent = clock.format(new Date(at));
  }

  const show = (elements, name, value) =>
    elements.forEach((element) => { element.hidden = element.dataset[name] !== value; });

  const made = (template) =>
    document.getElementById(template).content.firstElementChild.cloneNode(true);

  // Parts

  function putRound(round, marked) {
    let card = [...all(".round")].find((each) => each.dataset.round === round.round);
    if (!card) {
      card = made("round-card");
      card.dataset.round = round.round;
      put(one("h3", card), round.round);
      one(".rounds").append(card);
    }
    for (const name of ["admitted", "plan", "forwarded", "candidates"]) {
      put(one(`[data-f=${name}]`, card), figure(round, name), marked);
    }
    one("[data-f=candidates]", card).parentElement.hidden = !round.candidates;
    card.dataset.stands = round.state;
    show(all("[data-state]", card), "state", round.state);
    const bar = one("progress", card);
    bar.max = round.plan || 1;
    bar.value = round.admitted;
    bar.hidden = !round.plan;
  }

  const rows = new Map([...all(".board tbody tr")].map((row) => [key(row.dataset), row]));

  function key(row) {
    return `${row.round}\n${row.code}`;
  }

  function putRow(values, marked) {
    let row = rows.get(key(values));
    if (!row) {
      row = made("board-row");
      row.dataset.round = values.round;
      row.dataset.code = values.code;
      rows.set(key(values), row);
      // A round's rows stand together, by their codes.
      const before = [...all(".board tbody tr")].filter((each) => each.dataset.round === values.round);
      const next = before.find((each) => each.dataset.code > values.code);
      if (next) next.before(row);
      else if (before.length) before[before.length - 1].after(row);
      else one(".board tbody").append(row);
    }
    for (const name of ["school", "round", "code"]) put(one(`[data-f=${name}]`, row), values[name]);
    for (const name of ["plan", "admitted", "position"]) {
      put(one(`[data-f=${name}]`, row), figure(values, name), marked);
    }
    put(one("[data-f=score]", row), values.score === null ? "–" : String(values.score), marked);
    show(all("[data-full]", row), "full", values.full ? "yes" : values.plan ? "no" : "");
  }

  // As much as the service leaves out: the rounds before this one, or what came last.
  function bound(round) {
    while (rows.size > MAX_ROWS) {
      const shown = [...all(".board tbody tr")];
      const other = shown.find((row) => row.dataset.round !== round);
      const gone = other ? shown.filter((row) => row.dataset.round === other.dataset.round)
        : [[...rows.values()].at(-1)];
      for (const row of gone) { row.remove(); rows.delete(key(row.dataset)); }
    }
  }

  function putWords(words, marked) {
    const item = made("news-item");
    item.dataset.id = words.id;
    putTime(one("time", item), words.at);
    one("[data-f=round]", item).textContent = words.round ?? "";
    putText(one("[data-f=text]", item), words.text);
    one(".account").prepend(item);
    for (const old of [...all(".account li")].slice(MAX_WORDS)) old.remove();
    if (!marked) return;
    mark(item);
    // Whoever listens is told the newest now and then, not every one.
    if (Date.now() >= quietUntil) {
      quietUntil = Date.now() + QUIET_MS;
      one(".announced").textContent = said(words.text);
    }
  }

  function clear(round) {
    for (const [name, row] of rows) {
      if (row.dataset.round === round) { row.remove(); rows.delete(name); }
    }
    for (const card of all(".round")) if (card.dataset.round === round) card.remove();
    for (const item of all(".account li")) {
      if (one("[data-f=round]", item).textContent === round) item.remove();
    }
  }

  function putState(state, at) {
    live.dataset.state = state;
    show(all("[data-standing]"), "standing", state);
    all("[data-there]").forEach((each) => { each.hidden = state === "none"; });
    all("[data-none]").forEach((each) => { each.hidden = state !== "none"; });
    if (at) putTime(one("[data-f=updated]"), at);
    tidy();
  }

  // What is empty says so; what the filter leaves out is hidden.
  function tidy() {
    const [round, school] = ["round", "school"].map((id) => document.getElementById(id));
    const names = [...new Set([...rows.values()].map((row) => row.dataset.round))];
    for (const name of names) {
      if ([...round.options].some((option) => option.value === name)) continue;
      const option = new Option(name, name);
      if (english) option.lang = "zh-CN";
      round.append(option);
    }
    const asked = school.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows.values()) {
      const name = one("[data-f=school]", row).textContent.toLowerCase();
      const fits = (!round.value || round.value === row.dataset.round) &&
        (name.includes(asked) || row.dataset.code.toLowerCase().startsWith(asked));
      row.hidden = !fits;
      shown += fits;
    }
    one("[data-no-match]").hidden = !rows.size || shown > 0;
    one("[data-empty=board]").hidden = rows.size > 0;
    one("[data-empty=rounds]").hidden = all(".round").length > 0;
    const news = all(".account li").length;
    one("[data-empty=account]").hidden = news > 0;
    one("[data-more]").hidden = news <= 5;
  }

  // Events

  const taking = {
    words: (entry) => putWords(entry, true),
    round: (entry) => putRound(entry, true),
    board: (entry) => {
      entry.schools.forEach((row) => putRow({ ...row, round: entry.round }, true));
      bound(entry.round);
    },
    retract: (entry) => one(`.account li[data-id="${entry.entry}"]`)?.remove(),
    clear: (entry) => clear(entry.round),
    end: () => {},
  };

  function take(type, entry, place) {
    if (entry.id <= numberOf(last)) return;
    last = place;
    const state = live.dataset.state;
    if (state === "none" || (state === "ended" && type !== "retract" && type !== "clear")) return;
    taking[type](entry);
    putState(type === "end" ? "ended" : state, entry.at);
  }

  async function load() {
    const response = await fetch("/live.json", { cache: "no-cache" });
    if (!response.ok) throw new Error("busy");
    const whole = await response.json();
    if (whole.last === last && whole.state === live.dataset.state) return;
    // One that began anew has nothing of the one before; else what changed is marked.
    const [epoch, before] = [last.split("-")[0], numberOf(last)];
    const marked = whole.last.startsWith(`${epoch}-`) && numberOf(whole.last) > before;
    last = whole.last;
    if (whole.title) putText(one("[data-f=title]"), whole.title);
    const kept = new Set(whole.board.map(key)), names = new Set(whole.rounds.map((each) => each.round));
    for (const [name, row] of rows) if (!kept.has(name)) { row.remove(); rows.delete(name); }
    for (const card of all(".round")) if (!names.has(card.dataset.round)) card.remove();
    whole.rounds.forEach((round) => putRound(round, marked));
    whole.board.forEach((row) => putRow(row, marked));
    all(".account li").forEach((item) => item.remove());
    whole.account.slice(0, MAX_WORDS).reverse().forEach((words) => putWords(words, marked && words.id > before));
    putState(whole.state, whole.at);
  }

  // The connection

  const connection = (state) => show(all("[data-connection]"), "connection", state);

  function stop() {
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  }

  function watch() {
    stop();
    if (!window.EventSource) { poll(); return; }
    source = new EventSource(`/live/events?after=${last}`);
    source.onopen = () => { errors = 0; connection("live"); };
    source.onerror = () => {
      errors += 1;
      if (source.readyState === EventSource.CLOSED || errors >= TRIES) {
        stop();
        polls = 0;
        poll();
      } else {
        connection("lost");
      }
    };
    for (const type of Object.keys(taking)) {
      source.addEventListener(type, (event) => take(type, JSON.parse(event.data), event.lastEventId));
    }
    // All at once would be a burst: each waits a little of its own.
    for (const type of ["begin", "reset"]) source.addEventListener(type, () => {
      stop();
      timer = setTimeout(again, Math.random() * 2000);
    });
  }

  async function poll() {
    stop();
    try {
      await load();
      if (paused) return;
      connection("polling");
    } catch {
      if (paused) return;
      connection("lost");
    }
    polls += 1;
    timer = setTimeout(polls % POLLS === 0 ? watch : poll, later(POLL_MS));
  }

  async function again() {
    stop();
    try {
      await load();
      if (!paused) watch();
    } catch {
      if (!paused) { connection("lost"); timer = setTimeout(again, later(POLL_MS)); }
    }
  }

  // The tools

  function turn(button, on) {
    const [first, second] = button.children;
    first.hidden = on;
    second.hidden = !on;
  }

  one("[data-pause]").addEventListener("click", (event) => {
    paused = !paused;
    turn(event.currentTarget, paused);
    connection(paused ? "paused" : "starting");
    if (paused) stop();
    else again();
  });
  one("[data-more]").addEventListener("click", (event) => {
    const short = one(".account").classList.toggle("short");
    turn(event.currentTarget, !short);
    event.currentTarget.setAttribute("aria-expanded", String(!short));
  });
  const filter = one(".filter");
  filter.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("input", tidy);
  one("button", filter).hidden = true;
  one(".account").classList.add("short");
  one(".tools").hidden = false;
  tidy();
  watch();
})();
