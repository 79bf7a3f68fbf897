// Names the pairs of modules (written:sent) that do not print alike without their comments.
import { readFileSync } from "node:fs";
import ts from "typescript";

const print = (path) => {
  const source = ts.createSourceFile("one.js", readFileSync(path, "utf8"), ts.ScriptTarget.ESNext, false, ts.ScriptKind.JS);
  return ts.createPrinter({ removeComments: true }).printFile(source);
};
for (const pair of process.argv.slice(2)) {
  const [written, sent] = pair.split(":");
  if (print(written) !== print(sent)) console.log(written);
}
