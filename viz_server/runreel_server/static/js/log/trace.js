// Python's tracebacks as texts: the line of one that says what went wrong. `runreel/traces.py` says the same.

/** Where a traceback begins in a text of several lines. */
export const BEGINS = /^(  \+ Exception Group )?Traceback \(most recent call last\):/m;
const CHAINS = /^(?:During handling of the above exception, another exception occurred|The above exception was the direct cause of the following exception):$/m;

/**
 * The line that names the exception: the first one behind the frames of the last traceback of a chain. Of a traceback that
 * is cut off before it the last line.
 * @param {string} text
 */
export function point(text) {
  const last = text.split(CHAINS).at(-1) ?? "", begin = BEGINS.exec(last), bar = begin?.[1] ? /^  \| ?/ : "";
  const lines = last.slice(begin ? begin.index + begin[0].length : 0).split("\n").slice(1).map((line) => line.replace(bar, ""));
  return (lines.find((line) => /^\S/.test(line)) ?? text.trimEnd().split("\n").at(-1) ?? "").trimEnd();
}
