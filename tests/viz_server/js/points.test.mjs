import assert from "node:assert/strict";
import { test } from "node:test";
import { Points } from "../../../viz_server/runreel_server/static/js/charts/points.js";

test("points are asked for in addresses that a server takes, and never by a key that none has room for", async (t) => {
  const asked = [], came = [];
  t.mock.method(globalThis, "fetch", async (url) => {
    asked.push(url);
    return { ok: true, json: async () => ({}) };
  });
  const points = new Points({ run: "r", begun: Promise.resolve(), live: {} }, (key) => came.push(key));
  const keys = [...Array.from({ length: 12 }, (_, n) => `${n}:${"é".repeat(1500)}`), ...Array.from({ length: 30 }, (_, n) => `short:${n}`)];
  for (const key of [...keys, `:${"a".repeat(1_000_000)}`]) points.want(key);
  while (points.asking) await new Promise(setImmediate);
  assert.deepEqual(came, keys);
  assert.ok(asked.every((url) => url.length < 25_000), asked.map((url) => url.length).join());
  assert.ok(asked.length < 10);
});
