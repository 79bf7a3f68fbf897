import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as format from "../../../viz_server/runreel_server/static/js/core/format.js";

const cases = JSON.parse(readFileSync(new URL("text_cases.json", import.meta.url), "utf8"));

for (const [name, pairs] of Object.entries(cases)) {
  test(`${name} says what the server says`, () => {
    for (const [given, said] of pairs) assert.equal(format[name](given), said, JSON.stringify(given));
  });
}

test("a moment of today is a clock, another a day, of another year with it", () => {
  const now = format.micros("2026-11-22T12:00:00Z");
  assert.equal(format.day(format.micros("2026-11-22T09:05:00Z"), now), "09:05");
  assert.equal(format.day(format.micros("2026-11-20T09:05:00Z"), now), "20 Nov");
  assert.equal(format.day(format.micros("2025-03-01T09:05:00Z"), now), "1 Mar 2025");
  assert.equal(format.day(null, now), "–");
});

test("a moment has its day where that is not today, and is said in UTC too", () => {
  const now = format.micros("2026-11-22T12:00:00Z");
  assert.equal(format.moment(now, now), "12:00:00");
  assert.equal(format.moment(format.micros("2026-11-20T09:05:07Z"), now), "20 Nov, 09:05:07");
  assert.equal(format.moment(format.micros("2025-03-01T09:05:07Z"), now), "1 Mar 2025, 09:05:07");
  assert.deepEqual([format.moment(null, now), format.utc(now), format.utc(null)], ["–", "2026-11-22 12:00:00 UTC", ""]);
});

test("a clock has as many digits of the second as asked for", () => {
  const time = format.micros("2026-11-22T09:14:32.1234Z");
  assert.equal(format.clock(time), "09:14:32");
  assert.equal(format.clock(time, 3), "09:14:32.123");
});

test("a run's short name is the end of its id", () => {
  assert.equal(format.short("0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d11"), "8f0b7d11");
});
