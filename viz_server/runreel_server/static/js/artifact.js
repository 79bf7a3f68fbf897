// The artifact page: tables by page, pictures, and Plotly figures.
import { CONFIG, layout, plotly } from "./charts/plot.js";
import { make, one, say } from "./core/dom.js";
import { printing } from "./core/print.js";
import { count, name } from "./core/format.js";
import { zoned } from "./core/times.js";

const PAGE = 100;

/** @param {unknown} cell */
const shown = (cell) => (cell === null ? "null" : typeof cell === "number" ? String(cell).replace("-", "−") : String(cell));

function table() {
  const bar = document.querySelector("form[data-table]");
  if (!(bar instanceof HTMLFormElement)) return;
  const grid = one(".grid"), body = one("tbody", grid), input = one('input[name="row"]', bar);
  let row = Number(grid.dataset.row), rows = Number(grid.dataset.rows), asked = 0;
  const total = grid.dataset.total === "" ? null : Number(grid.dataset.total);

  /** @param {number} first */
  const go = async (first) => {
    const from = Math.max(0, total === null ? first : Math.min(first, Math.max(0, total - 1))), mine = (asked += 1);
    try {
      const response = await fetch(`${bar.dataset.table}?row=${from}&rows=${PAGE}`);
      const answer = await response.json();
      if (mine !== asked || answer.kind !== "table") return;
      row = answer.row;
      rows = answer.rows.length;
      body.replaceChildren(...answer.rows.map((/** @type {unknown[]} */ cells, /** @type {number} */ n) =>
        make("tr", {}, make("th", { scope: "row" }, String(row + n + 1)), ...cells.map((cell, column) =>
          make("td", { class: `${answer.columns[column].numeric ? "num" : ""}${cell === null ? " null" : ""}` }, shown(cell))))));
      grid.scrollTop = 0;
      input.value = String(row + 1);
      say(one('[data-out="rows"]', bar), rows ? `rows ${count(row + 1)}–${count(row + rows)}${answer.total === null ? ", and more" : ` of ${count(answer.total)}`}` : "no row");
    } catch (error) {
      say(one('[data-out="rows"]', bar), `rows could not be loaded: ${name(error instanceof Error ? error.message : error)}`);
    }
  };

  bar.addEventListener("submit", (event) => {
    event.preventDefault();
    void go((Number.parseInt(input.value.replace(/\D/g, ""), 10) || 1) - 1);
  });
  one('[data-do="rows-before"]', bar).addEventListener("click", () => void go(row - PAGE));
  one('[data-do="rows-after"]', bar).addEventListener("click", () => {
    if (total === null ? rows === PAGE : row + rows < total) void go(row + rows);
  });
}

async function figure() {
  const box = document.querySelector("[data-figure]");
  if (!(box instanceof HTMLElement)) return;
  const status = one("p", box);
  try {
    const [Plotly, response] = await Promise.all([plotly(), fetch(box.dataset.figure ?? "")]);
    if (!response.ok) throw new Error(`its content answers ${response.status}`);
    const given = await response.json();
    const draw = () => Plotly.react(box, given.data ?? [], layout(given.layout), CONFIG);
    status.remove();
    await draw();
    addEventListener("runreel:theme", draw);
  } catch (error) {
    say(status, `The figure could not be shown: ${name(error instanceof Error ? error.message : error)}`);
  }
}

function picture() {
  const image = document.querySelector(".picture img");
  if (!(image instanceof HTMLImageElement)) return;
  const broken = () => {
    image.hidden = true;
    one(".picture [role=status]").hidden = false;
  };
  if (image.complete && !image.naturalWidth) broken();  // it failed before this script ran
  image.addEventListener("error", broken);
}

zoned(document, Date.now() * 1000);
table();
picture();
void figure();
printing();
