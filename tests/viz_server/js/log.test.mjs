// The pure parts of the log: terminal text, rows, the lines that are loaded, the rail's scale.
import assert from "node:assert/strict";
import test from "node:test";

const at = "../../../viz_server/runreel_server/static/js/log/";
const { overwritten, parts, plain } = await import(`${at}text.js`);
const { content, rows } = await import(`${at}rows.js`);
const { Lines, keyOf } = await import(`${at}lines.js`);
const { Scale, thinned } = await import(`${at}rail.js`);

let seq = 0;
const line = (text, more = {}) => ({ time: 1000 + (seq += 1), session: "s", seq, row: 0, step: "train", stream: "stdout", level: "INFO", text, ...more });
const shown = (lines) => rows(lines).map((row) => row.line.text);

test("colours become looks, and other escapes vanish", () => {
  const looks = (text) => parts(text).map(({ text, look }) => [text, look]);
  assert.deepEqual(looks("a\x1b[31mred\x1b[0m b"), [["a", ""], ["red", "ink-1"], [" b", ""]]);
  assert.deepEqual(looks("\x1b[1;32;44mx\x1b[22my\x1b[39;49mz"), [["x", "bold ink-2 ground-4"], ["y", "ink-2 ground-4"], ["z", ""]]);
  assert.deepEqual(looks("\x1b[91mbright\x1b[90mgrey\x1b[97mwhite"), [["bright", "ink-1"], ["grey", "ink-8"], ["white", ""]]);
  assert.deepEqual(looks("\x1b[3;4;7;2mx\x1b[23;24;27;22my"), [["x", "italic under inverse dim"], ["y", ""]]);
  assert.deepEqual(looks("\x1b[2K\x1b[1A\x1b[?25lx\x1b]8;;http://a\x07link\x1b]8;;\x1b\\\x1b(By\x1bM"), [["x", ""], ["link", ""], ["y", ""]]);
  assert.deepEqual(looks("\x9b31mc1"), [["c1", "ink-1"]]);
  assert.deepEqual(looks("\x1b[mplain\x1b[;1mbold"), [["plain", ""], ["bold", "bold"]]);
  assert.deepEqual(looks("open\x1b[38;5"), [["open", ""], ["38;5", ""]]);
});

test("256 and true colours become the nearest readable one", () => {
  const ink = (codes) => parts(`\x1b[${codes}mx`)[0].look;
  assert.deepEqual(["38;5;1", "38;5;12", "38;5;208", "38;5;46", "38;5;51", "38;5;201"].map(ink), ["ink-1", "ink-4", "ink-3", "ink-2", "ink-6", "ink-5"]);
  assert.deepEqual(["38;5;244", "38;5;231", "38;5;232", "38;5;8"].map(ink), ["ink-8", "", "", "ink-8"]);
  assert.deepEqual(["38;2;220;20;20", "38:2::20:20:220", "38:2:20:220:20", "48;2;20;220;220"].map(ink), ["ink-1", "ink-4", "ink-2", "ground-6"]);
  assert.equal(parts("\x1b[38;2;220;20;20;1mx")[0].look, "ink-1 bold");
});

test("what hides or turns is spelled out", () => {
  assert.equal(parts("a\u202eb\x00\x07")[0].text, "a\\u202eb\\u0000\\u0007");
  assert.equal(parts("a\tb\nc")[0].text, "a\tb\nc");
  assert.equal(plain("\x1b[31m<b>\x1b[0m"), "<b>");
});

test("a carriage return begins to write over what is there", () => {
  assert.equal(overwritten(" 10%\r 20%\r100%\r"), "100%");
  assert.equal(overwritten("abcdef\rXY"), "XYcdef");
  assert.equal(overwritten("abcdef\r\x1b[KXY"), "\x1b[KXY");
  assert.equal(overwritten("abcdef\r\x1b[31mXY\x1b[0m"), "\x1b[31mXY\x1b[0mcdef");
  assert.equal(overwritten("a\r\nb\rc"), "a\nc");
});

test("under many carriage returns each piece of a long line is looked at twice at most", () => {
  const { replace } = String.prototype, text = `${"x".repeat(10_000)}\x1b[0m${"\rb".repeat(1_000)}\r\x1b[31mab`;
  let looked = 0;
  String.prototype.replace = function counted(...how) {
    looked += this.length;
    return replace.apply(this, how);
  };
  try {
    assert.equal(overwritten(text), `\x1b[31mab${"x".repeat(9_998)}`);
  } finally {
    String.prototype.replace = replace;
  }
  assert.ok(looked <= 2 * text.length, `${looked} characters for a line of ${text.length}`);
  assert.equal(overwritten("abcdef\r123\r\x1b[KX\r\rY\rZ\r"), "Z");
  assert.equal(overwritten("abcdef\r1234\r\x1b[1mX\x1b[0m"), "\x1b[1mX\x1b[0m234ef");
  assert.equal(overwritten("\r\r"), "");
  assert.equal(overwritten("\x1b[31mred\r"), "\x1b[31mred");
});

test("a line that a carriage return ends is overwritten by the next one of its source alone", () => {
  const other = { session: "t" };
  assert.deepEqual(shown([line("1%\r"), line("2%\r"), line("else", other), line("3%\r")]), ["else", "3%\r"]);
  assert.deepEqual(shown([line("1%\r"), line("done")]), ["done"]);
  assert.deepEqual(shown([line("1%\r"), line("x", { step: "other" }), line("y", { stream: "stderr" })]), ["1%\r", "x", "y"]);
});

test("the pieces of a long text are one row", () => {
  const found = rows([line("a", { more: true, length: 9 }), line("else", { session: "t" }), line("b", { more: true }), line("c"), line("d")]);
  assert.deepEqual(found.map((row) => row.pieces.map((piece) => piece.text)), [["a", "b", "c"], ["else"], ["d"]]);
});

test("a traceback that comes line by line is the row of its last line", () => {
  const trace = ["Traceback (most recent call last):", '  File "x.py", line 1, in f', "    boom()", "ValueError: no rows"];
  const found = rows([line("before"), ...trace.slice(0, 2).map((text) => line(text)), line("between", { session: "t" }), ...trace.slice(2).map((text) => line(text)), line("after")]);
  assert.deepEqual(found.map((row) => [row.line.text, row.under.length, row.trace]), [["before", 0, false], ["between", 0, false], ["ValueError: no rows", 3, true], ["after", 0, false]]);
  assert.deepEqual(found[2].under.map((one) => one.text), trace.slice(0, 3));
});

test("chained tracebacks are one, and one without its end stays as it is", () => {
  const chained = ["Traceback (most recent call last):", "  a", "KeyError: 1", "", "During handling of the above exception, another exception occurred:", "", "Traceback (most recent call last):", "  b", "ValueError: 2", "", "next"];
  assert.deepEqual(shown(chained.map((text) => line(text))), ["ValueError: 2", "", "next"]);
  assert.deepEqual(shown(chained.slice(0, 2).map((text) => line(text))), chained.slice(0, 2));
  const whole = rows([line(`it failed\n${chained.slice(0, 3).join("\n")}`)]);
  assert.deepEqual(whole.map((row) => row.trace), [true]);
  assert.equal(rows([line("about Traceback (most recent call last):")])[0].trace, false);
});

test("a long text says how much there is, and shows it when it is opened", () => {
  const told = (lines, whole, open = false) => content(rows(lines)[0], whole, open);
  assert.deepEqual(told([line("x".repeat(1000))]), { text: "x".repeat(1000), more: "" });
  assert.deepEqual(told([line("x".repeat(1000), { length: 50_000 })]), { text: "x".repeat(1000), more: "all 50,000 characters" });
  assert.deepEqual(told([line("x", { length: 2 })], "xy", true), { text: "xy", more: "less" });
  assert.deepEqual(told([line("a", { more: true }), line("b")]).more, "all 2 characters");
  const tall = Array.from({ length: 20 }, (_, n) => `row ${n}`).join("\n");
  assert.deepEqual(told([line(tall)]), { text: tall.split("\n").slice(0, 12).join("\n"), more: "8 more lines" });
  assert.deepEqual(told([line(tall)], undefined, true).text, tall);
  const trace = "Traceback (most recent call last):\n  a\nValueError: no rows\n";
  assert.deepEqual(told([line(trace)]), { text: "ValueError: no rows", more: "3 more lines" });
  assert.deepEqual(told([line(`it failed\n${trace}`)]).text, "it failed … ValueError: no rows");
  assert.deepEqual(told([line("Traceback (most recent call last):\n  a\nValidationError: 2 errors\ntailnum\n  required\n")]).text, "ValidationError: 2 errors");
  assert.deepEqual(told([line("  + Exception Group Traceback (most recent call last):\n  |   a\n  | ExceptionGroup: x\n  +-+--- 1 ---\n    | KeyError: 1")]).text, "ExceptionGroup: x");
  const apart = trace.trim().split("\n").map((text) => line(text));
  assert.deepEqual(told(apart), { text: "ValueError: no rows", more: "2 more lines" });
  assert.deepEqual(told(apart, undefined, true).text, trace.trim());
});

test("lines are kept in order, once, whatever order they come in", () => {
  const lines = new Lines(), [a, b, c] = [line("a"), line("b"), line("c")];
  lines.reset(null, null, true);
  assert.equal(lines.put([b]), 1);
  assert.equal(lines.put([c, a, { ...b }]), 2);
  assert.deepEqual(lines.all.map((one) => one.text), ["a", "b", "c"]);
  const other = { ...b, cursor: undefined, key: undefined };
  lines.put([{ ...other, session: "a", text: "tie" }, { ...other, row: 1, text: "row" }]);
  assert.deepEqual(lines.all.map((one) => one.text), ["a", "tie", "b", "row", "c"]);
  const sorted = ["5--0-0", "5-a-2-9", "5-a-2-10", "5-a-10-0", "5-b-0-0", "6-a-0-0", "11-a-0-0"];
  assert.deepEqual(sorted.toReversed().sort((one, two) => (keyOf(one) < keyOf(two) ? -1 : 1)), sorted);
});

test("what is trimmed is found again by the cursors", () => {
  const lines = new Lines(), many = Array.from({ length: 10 }, (_, n) => line(String(n)));
  lines.reset("x", null, true);
  lines.put(many);
  lines.trim(8, true);
  assert.equal(lines.before, many[2].cursor);
  lines.trim(5, false);
  assert.deepEqual([lines.after, lines.end, lines.last], [many[6].cursor, false, many[6].cursor]);
  assert.deepEqual(lines.all.map((one) => one.text), ["2", "3", "4", "5", "6"]);
  lines.earlier({ lines: [many[1], many[2]], before: null }, 99);
  assert.deepEqual([lines.all[0].text, lines.all.length, lines.before], ["1", 6, null]);
  lines.after = "9999-s-0-0";
  assert.equal(lines.last, "9999-s-0-0");
});

test("the rail goes by lines, not by time", () => {
  const scale = new Scale([90, 0, 10, 0], 0, 400);
  assert.deepEqual([0, 50, 100, 200, 250, 300, 400].map((time) => scale.place(time)), [0, 0.45, 0.9, 0.9, 0.95, 1, 1]);
  for (const time of [10, 90, 210, 290]) assert.equal(scale.moment(scale.place(time)), time);
  assert.deepEqual([scale.moment(0), scale.place(-5), scale.place(500)], [0, 0, 1]);
  scale.grow(100, 450);
  assert.deepEqual([scale.total, scale.place(400), scale.place(500)], [200, 0.5, 1]);
  const empty = new Scale([0, 0], 0, 100);
  assert.deepEqual([empty.place(50), empty.moment(0.5)], [0, 0]);
});

test("the rail of a run that goes on for long stays small, and by lines", () => {
  const second = 1e6, hour = 3600 * second, scale = new Scale([...Array(399).fill(0), 100], 0, second);
  for (let at = 1; at <= 10; at += 1) {
    scale.grow(100, at * hour);
    assert.ok(scale.edges.length <= 1601, `${scale.edges.length} edges after ${at} hours`);
    assert.ok(scale.edges.length * scale.pitch >= at * hour);
  }
  assert.equal(scale.total, 1100);
  for (let at = 1; at < 10; at += 1) assert.ok(Math.abs(scale.place((at + 0.5) * hour) - (at + 1) / 11) < 1e-9, `hour ${at}`);
  const odd = new Scale([1, 2, 3], 0, 3);
  odd.join();
  assert.deepEqual([odd.edges, odd.pitch, odd.place(2), odd.place(4)], [[0, 3, 6], 2, 0.5, 1]);
  for (const early of [new Scale([0], 0, 1), new Scale(Array(400).fill(0), 5, 5)]) { // measured when nothing was there
    early.grow(7, 1.7e15);
    assert.ok(early.edges.length <= 1601);
    assert.equal(early.total, 7);
  }
});

test("of very many errors the rail keeps no more than it can show, from the first to the last", () => {
  const few = [3, 1, 2];
  assert.equal(thinned(few), few);
  let kept = [];
  for (let from = 0; from < 1e6; from += 50) kept = thinned([...kept, ...Array.from({ length: 50 }, (_, n) => from + n)]);
  assert.ok(kept.length <= 1600, String(kept.length));
  assert.equal(Math.min(...kept), 0);
  assert.ok(Math.max(...kept) > 997_000, String(Math.max(...kept)));
  const gaps = kept.sort((a, b) => a - b).map((time, n) => time - (kept[n - 1] ?? 0));
  assert.ok(Math.max(...gaps) < 3000, String(Math.max(...gaps)));  // a unit of the drawing is 1,004
  assert.equal(thinned(Array(2000).fill(7)).length, 1);
});
