"use strict";
// Filters of the matrix: rows where stacks differ, and rows with all the words.
(() => {
  const form = document.querySelector("form");
  const rows = [...document.querySelectorAll("tbody")];
  const apply = () => {
    const data = new FormData(form);
    const words = data.get("text").toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden =
        (data.has("differ") && !row.dataset.differs) || !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    document.querySelector("#shown").textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
})();
