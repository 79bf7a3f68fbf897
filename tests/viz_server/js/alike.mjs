// Names the pairs of modules (written:sent) that are not read alike: their syntax trees, without comments and spaces.
import { readFileSync } from "node:fs";
import ts from "typescript";

const tree = (path) => {
  const parts = [];
  const visit = (node) => {
    parts.push(node.kind, node.operator ?? "", node.flags & ts.NodeFlags.BlockScoped, node.rawText ?? node.text ?? "", "(");
    ts.forEachChild(node, visit);
    parts.push(")");
  };
  ts.forEachChild(ts.createSourceFile("one.js", readFileSync(path, "utf8"), ts.ScriptTarget.ESNext, false, ts.ScriptKind.JS), visit);
  return parts.join(" ");
};
for (const pair of process.argv.slice(2)) {
  const [written, sent] = pair.split(":");
  if (tree(written) !== tree(sent)) console.log(written);
}
