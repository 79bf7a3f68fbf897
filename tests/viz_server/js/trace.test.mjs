import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { point } from "../../../viz_server/runreel_server/static/js/log/trace.js";

const cases = JSON.parse(readFileSync(new URL("trace_cases.json", import.meta.url), "utf8"));

for (const [name, [text, said]] of Object.entries(cases)) {
  test(`of a traceback the line that names the exception is its point: ${name}`, () => assert.equal(point(text), said));
}
