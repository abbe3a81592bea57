"use strict";
document.documentElement.classList.add("js");
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const KINDS = ["dataset", "method", "verdict"];

// What has data-dataset="a b" shows while a or b is chosen; the same of methods and verdicts.
function filter() {
  const boxes = (kind) => all(`input[name=${kind}]`);
  const chosen = Object.fromEntries(KINDS.map((kind) =>
    [kind, new Set(boxes(kind).filter((box) => box.checked).map((box) => box.value))]));
  for (const element of all(KINDS.map((kind) => `main [data-${kind}]`).join())) {
    element.hidden = KINDS.some((kind) => element.dataset[kind]
      && !element.dataset[kind].split(" ").some((name) => chosen[kind].has(name)));
  }
  const statements = (rows) => rows.reduce((sum, row) => sum + Number(row.dataset.count), 0);
  const rows = all(".verdicts tbody tr");
  const shown = statements(rows.filter((row) => !row.hidden));
  document.getElementById("count").textContent = `${shown} of ${statements(rows)} statements shown`;
  document.getElementById("narrowed").hidden =
    ["dataset", "method"].every((kind) => boxes(kind).every((box) => box.checked));
}
document.addEventListener("change", filter);
document.addEventListener("reset", () => setTimeout(filter));

// Sorting: ascending, descending, as it was. Numbers first, words after, gaps last.
const original = new WeakMap(all(".sortable").map((table) => [table, [...table.tBodies[0].rows]]));
function key(row, column) {
  const cell = row.cells[column];
  const text = (cell.dataset.value ?? cell.textContent).trim();
  return text === "∞" ? Infinity : Number.isNaN(parseFloat(text)) ? text : parseFloat(text.replace(/,/g, ""));
}
function compare(a, b) {
  const kinds = [a, b].map((value) => typeof value === "number" ? 0 : /^(|–|n\/a|not run)$/.test(value) ? 2 : 1);
  if (kinds[0] !== kinds[1] || kinds[0] === 2) return [kinds[0] - kinds[1], true];
  return [kinds[0] ? a.localeCompare(b) : Math.sign(a - b) || 0, false];
}
function sort(head) {
  const table = head.closest("table");
  const next = { ascending: "descending", descending: "none" }[head.ariaSort] ?? "ascending";
  all("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
  const rows = [...original.get(table)];
  if (next !== "none") {
    head.setAttribute("aria-sort", next);
    rows.sort((first, second) => {
      const [order, fixed] = compare(key(first, head.cellIndex), key(second, head.cellIndex));
      return next === "ascending" || fixed ? order : -order;
    });
  }
  table.tBodies[0].append(...rows);
}
all(".sortable thead button").forEach((button) =>
  button.addEventListener("click", () => sort(button.closest("th"))));

// Figures in large.
const dialog = document.getElementById("large");
let current = null;
function enlarge(link) {
  const [small, large] = [link, dialog].map((parent) => parent.querySelector("img"));
  current = link;
  Object.assign(large, { src: small.src, alt: small.alt });
  dialog.querySelector("figcaption").textContent = small.alt;
  dialog.querySelector("a").href = link.href;
  if (!dialog.open) dialog.showModal();
}
all(".figures a").forEach((link) => link.addEventListener("click", (event) => {
  event.preventDefault();
  enlarge(link);
}));
dialog.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const shown = all(".figures figure:not([hidden]) a");
  if (step) enlarge(shown[(shown.indexOf(current) + step + shown.length) % shown.length]);
});
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

// A menu closes when one leaves it.
const menu = document.querySelector(".filter");
document.addEventListener("click", (event) => { menu.open &&= menu.contains(event.target); });
document.addEventListener("keydown", (event) => { menu.open &&= event.key !== "Escape"; });
filter();
