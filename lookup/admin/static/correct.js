// Marks the rows of a correction that say something else than the record does.
"use strict";

for (const row of document.querySelectorAll("tr[data-was]")) {
  const field = row.querySelector("input, select");
  const mark = () => row.classList.toggle("changed", field.value.trim() !== row.dataset.was);
  field.addEventListener("input", mark);
  mark();
}
