"use strict";
// Sorts, searches and finds in a table that is there already; nothing is asked of the server.
(() => {
  const table = document.querySelector("[data-table]");
  const body = table.tBodies[0];
  const headings = [...table.querySelectorAll("thead th[scope=col]")];
  const fold = (text) => text.normalize("NFKC").toLowerCase().trim();
  const number = (text) => (/\d/.test(text) ? Number(text.replaceAll(",", "")) : NaN);
  const fill = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  function remember(values) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(values)) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    history.replaceState(null, "", `${location.pathname}?${query}`);
  }

  // Sorting

  const collator = new Intl.Collator("zh-CN");

  function compare(place, numbers) {
    const text = (row) => row.cells[place].textContent;
    return numbers
      ? (a, b) => number(text(a)) - number(text(b))
      : (a, b) => collator.compare(text(a), text(b));
  }

  function sort(heading, status) {
    const place = headings.indexOf(heading);
    const numbers = heading.classList.contains("number");
    const now = heading.getAttribute("aria-sort");
    const descending = now ? now === "ascending" : numbers;
    const empty = (row) => ["", "–"].includes(row.cells[place].textContent);
    const rows = [...body.rows];
    const order = compare(place, numbers);
    const held = rows.filter((row) => !empty(row)).sort((a, b) => (descending ? order(b, a) : order(a, b)));
    body.append(...held, ...rows.filter(empty));
    for (const each of headings) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    remember({ sort: heading.dataset.name, order: descending ? "desc" : "asc" });
    const column = heading.dataset.label;
    const direction = descending ? status.dataset.descending : status.dataset.ascending;
    status.textContent = fill(status.dataset.sorted, { column, direction });
  }

  // Searching

  function filter(typed, status) {
    const wanted = fold(typed);
    let shown = 0;
    for (const row of body.rows) {
      const keys = [...row.querySelectorAll("th, .key")].map((cell) => cell.textContent);
      row.hidden = !fold(keys.join("\n")).includes(wanted);
      if (!row.hidden) shown += 1;
    }
    const words = shown ? status.dataset.shown : status.dataset.none;
    status.textContent = fill(words, { shown, rows: body.rows.length });
    remember({ q: typed.trim() });
  }

  // Where a score stands: the first row from the top that reaches down to it

  function find(typed, full, status) {
    for (const row of body.querySelectorAll(".here")) row.classList.remove("here");
    const mark = number(fold(typed));
    const rows = [...body.rows].filter((row) => row.cells[1].textContent);
    // A row of everybody names no mark.
    const marks = (row) => (row.cells[0].textContent.replaceAll(",", "").match(/[\d.]+/g) ?? [0]).map(Number);
    const last = rows[rows.length - 1];
    const row = rows.find((each) => mark >= Math.min(...marks(each))) ?? last;
    const open = row === rows[0] || row === last;
    const { number: digits, range, none } = status.dataset;
    const wrong = Number.isNaN(mark)
      ? digits
      : mark < 0 || mark > full
        ? fill(range, { full })
        : !open && mark > Math.max(...marks(row)) && none;
    if (wrong) {
      status.textContent = wrong;
      return;
    }
    row.classList.add("here");
    row.scrollIntoView({ block: "center" });
    const [name, count, cumulative] = [0, 1, 2].map((place) => row.cells[place].textContent);
    // Who shares a row is counted with it: its lower end is what so many have reached.
    const words = row === last ? status.dataset.last : status.dataset.found;
    status.textContent = fill(words, { row: name, count, cumulative, low: Math.min(...marks(row)) });
  }

  const filtering = document.querySelector("[data-filter]");
  if (filtering) {
    const status = document.querySelector("[data-status]");
    const input = filtering.elements.namedItem("q");
    input.addEventListener("input", () => filter(input.value, status));
    filtering.addEventListener("submit", (event) => {
      event.preventDefault();
      filter(input.value, status);
    });
    table.tHead.addEventListener("click", (event) => {
      const heading = event.target.closest("th[data-name]");
      if (!heading || !event.target.closest("a") || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      sort(heading, status);
    });
  }
  const finding = document.querySelector("[data-find]");
  if (finding) {
    finding.hidden = false;
    finding.addEventListener("submit", (event) => {
      event.preventDefault();
      const mark = finding.elements.namedItem("mark").value;
      find(mark, Number(finding.dataset.full), finding.querySelector("[role=status]"));
    });
  }
})();
