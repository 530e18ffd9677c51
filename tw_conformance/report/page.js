"use strict";
// Filters: an entry is shown where it agrees with all that was chosen.  The choice is kept in the
// address, so that a link leads to it.
(() => {
  const form = document.querySelector("form");
  const entries = [...document.querySelectorAll("[data-verdict]")];
  const shown = document.querySelector("#shown");

  const has = (list, wanted) => !wanted || list.split("|").includes(wanted);
  const agrees = (entry, wanted) =>
    wanted.verdicts.has(entry.dataset.verdict) &&
    has(entry.dataset.dut, wanted.dut) &&
    has(entry.dataset.cites, wanted.clause) &&
    has(entry.dataset.rules, wanted.rule) &&
    wanted.words.every((word) => entry.textContent.toLowerCase().includes(word));

  // The cases of an entry on the stack that was chosen, or on all.
  const count = (entry, dut) => {
    const duts = entry.dataset.dut.split("|");
    const numbers = entry.dataset.cases.split("|").map(Number);
    return numbers.reduce((sum, n, i) => sum + (!dut || duts[i] === dut ? n : 0), 0);
  };

  const apply = () => {
    const data = new FormData(form);
    const wanted = {
      verdicts: new Set(data.getAll("verdict")),
      dut: data.get("dut"), clause: data.get("clause"), rule: data.get("rule"),
      words: data.get("text").toLowerCase().split(/\s+/).filter(Boolean),
    };
    let cases = 0;
    for (const entry of entries) {
      entry.hidden = !agrees(entry, wanted);
      if (!entry.hidden && entry.dataset.cases) cases += count(entry, wanted.dut);
    }
    for (const area of document.querySelectorAll(".area")) {
      area.hidden = !area.querySelector("[data-verdict]:not([hidden])");
    }
    shown.textContent = `${cases.toLocaleString("en")} shown`;
  };

  const keep = () => {
    history.replaceState(null, "", "#" + new URLSearchParams(new FormData(form)));
  };

  const recall = () => {
    const said = new URLSearchParams(location.hash.slice(1));
    if (!said.has("text")) return;
    for (const box of form.querySelectorAll("[name=verdict]")) {
      box.checked = said.getAll("verdict").includes(box.value);
    }
    for (const name of ["dut", "clause", "rule", "text"]) form.elements[name].value = said.get(name) ?? "";
  };

  form.addEventListener("input", () => { apply(); keep(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("#failed details:not([hidden])")) part.open = true;
  });
  recall();
  apply();
})();
