// Sorting, filtering and copying. The page is whole without it: controls that need it are made here.
"use strict";
(() => {
  const said = document.getElementById("said");
  const make = (name, parts) => Object.assign(document.createElement(name), parts);

  // Copy: the text is the element's own data-copy, which holds no line break.
  const write = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // no permission, or no such thing in this browser: the old way
      const field = make("textarea", { value: text, readOnly: true, className: "away" });
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      if (!done) throw new Error("not copied");
    }
  };
  for (const source of document.querySelectorAll("[data-copy]")) {
    const text = source.dataset.copy;
    const button = make("button", { type: "button", className: "copy", textContent: "copy" });
    button.setAttribute("aria-label", "Copy " + text.slice(0, 80));
    button.addEventListener("click", async () => {
      let word = "copied";
      try { await write(text); } catch { word = "not copied"; }
      button.textContent = word;
      said.textContent = word + ": " + text.slice(0, 80);
      setTimeout(() => { button.textContent = "copy"; }, 2000);
      button.focus();
    });
    source.after(" ", button);
  }

  // Sort: text as text, cells with data-value as numbers; a third click brings the first order back.
  const key = (row, column) => {
    const cell = row.cells[column];
    if (!cell) return "";
    return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent.trim();
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  const sort = (table, column, heading) => {
    const body = table.tBodies[0];
    const next = { none: "ascending", ascending: "descending", descending: "none" }[heading.getAttribute("aria-sort") || "none"];
    for (const other of table.tHead.rows[0].cells) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", next);
    const rows = table.ours.slice();
    const sign = next === "descending" ? -1 : 1;
    if (next !== "none") {
      const keyed = rows.map((row, place) => [key(row, column), place, row]);
      keyed.sort((a, b) => sign * compare(a[0], b[0]) || a[1] - b[1]);
      keyed.forEach((entry, place) => { rows[place] = entry[2]; });
    }
    body.append(...rows);
    said.textContent = next === "none" ? "in the first order" : "sorted by " + heading.textContent.trim() + ", " + next;
  };

  // Filter: rows that hold every word typed, in any case.
  const filter = (table, words, count) => {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of table.ours) {
      row.found ??= row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => row.found.includes(word));
      if (!row.hidden) shown += 1;
    }
    count.textContent = wanted.length ? shown + " of " + table.ours.length + " rows" : "";
  };

  for (const table of document.querySelectorAll("table.live")) {
    table.ours = [...table.tBodies[0].rows];
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      if (heading.classList.contains("plain")) return;
      const button = make("button", { type: "button", className: "sort" });
      button.append(...heading.childNodes);
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => sort(table, column, heading));
    });
    if (table.ours.length < 6) continue;
    const field = make("input", { type: "search", placeholder: "words to look for" });
    field.setAttribute("autocomplete", "off");
    const count = make("span", { className: "quiet" });
    count.setAttribute("role", "status");
    const label = make("label", { textContent: "Filter " });
    label.append(field);
    const bar = make("div", { className: "filter" });
    bar.append(label, " ", count);
    table.parentElement.before(bar);
    let waiting = 0;
    field.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => filter(table, field.value, count), 120);
    });
    table.forget = () => { field.value = ""; filter(table, "", count); };
  }

  // A link to a row that a filter hides shows it again.
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    const closed = target.closest("details");
    if (closed) closed.open = true;
    if (target.hidden) {
      target.closest("table").forget();
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  reveal();

  // On paper everything is open and nothing is filtered away.
  addEventListener("beforeprint", () => {
    for (const closed of document.querySelectorAll("details")) closed.open = true;
    for (const table of document.querySelectorAll("table.live")) if (table.forget) table.forget();
  });
})();
