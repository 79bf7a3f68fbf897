// Lines of the events' stream, however it is cut.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lines } from "../../../viz_server/runreel_server/static/js/head/events.js";

/** @param {Uint8Array[]} parts */
const stream = (parts) => new ReadableStream({ start(control) { for (const part of parts) control.enqueue(part); control.close(); } });

test("lines are whole whatever the chunks, also where one ends inside a letter", async () => {
  const bytes = new TextEncoder().encode('{"a":"é"}\n{"b":2}\n{"c":3}');
  for (let cut = 0; cut < bytes.length; cut++) {
    const found = [];
    for await (const line of lines(stream([bytes.slice(0, cut), bytes.slice(cut)]))) found.push(line);
    assert.deepEqual(found, ['{"a":"é"}', '{"b":2}', '{"c":3}']);
  }
});
