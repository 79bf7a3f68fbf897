"""A page's modules as the one script it loads: joined when the server starts, so that one request brings all.

The sources are plain ES modules, which node, the type checker and tests read as they stand. Of the language of modules
they use this much, each at the beginning of a line, and any other use of `import` or `export` is an error:

    import { a, b as c } from "./other.js";        (over several lines where it is long)
    import * as all from "./other.js";
    export function f() {…}     export async function f() {…}     export class C {…}     export const c = …;

An `import(`${…}/…`)` stays as it is: it loads another joined script, from an address that the page names.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Final

from runreel_server.pages.scripts import slim

_IMPORT: Final = re.compile(
    r"""^import (?:\{(?P<names>[\w\s,]+)\}|\* as (?P<all>\w+)) from "(?P<path>\.{1,2}/[\w./-]+)";$""", re.MULTILINE
)
_EXPORT: Final = re.compile(r"^export ((?:async )?function\*? |class |const )(?P<name>\w+)", re.MULTILINE)
_OTHER: Final = re.compile(r"(?:^|[;{}\n])(?:import|export)\b[^;]{0,60}|\bimport(?!\(`\$\{)[(.][^;]{0,60}")


def joined(entry: str, sources: Mapping[str, str], pack: Callable[[str], str] = slim) -> str:
    """One module that does what the module `entry` does, and exports what it exports.

    Each module that it imports, however deep, stands in it once, after those that it imports itself, as a function that
    is called at once: its private names are its own. A comment before each has its name, for who reads a stack trace.

    Args:
        entry: the name of a module in `sources`.
        sources: modules by their paths with `/`.
        pack: makes the text of each part smaller.

    Raises:
        ValueError: a module is not there, does not export what another imports, imports itself by way of others, or
            uses `import` or `export` in another way than this module's description has.
    """
    found: dict[str, tuple[str, set[str]]] = {}
    parts: list[str] = []

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"modules import each other in a circle: {' -> '.join((*above, name))}")
        if name not in sources:
            raise ValueError(f"{above[-1] if above else 'a page'} imports {name}, which is not there")
        source = sources[name]
        for match in _IMPORT.finditer(source):
            if _path(name, match) not in found:
                add(_path(name, match), (*above, name))
        body = _IMPORT.sub(lambda match: _bound(name, match, *found[_path(name, match)]), source)
        exports = {match["name"] for match in _EXPORT.finditer(body)}
        inner = _EXPORT.sub(r"\1\g<name>", body)
        if other := _OTHER.search(slim(inner)):
            raise ValueError(f"{name}: {other.group().lstrip(';{}').strip()!r} cannot be joined: see {__name__}")
        if above:
            found[name] = f"${len(found)}", exports
            body = f"const {found[name][0]}=(()=>{{{inner}\nreturn{{{','.join(sorted(exports))}}}}})();"
        parts.append(f"// {name}\n{pack(body)}\n")

    add(entry, ())
    return "".join(parts)


def _path(name: str, imported: re.Match[str]) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), imported["path"]))


def _bound(name: str, imported: re.Match[str], made: str, exports: set[str]) -> str:
    """What stands for an import: the names that it binds, of what the other module's function gave."""
    if imported["all"]:
        return f"const {imported['all']}={made};"
    names = [one.split() for one in imported["names"].split(",") if one.strip()]
    for one, *renamed in names:
        if one not in exports or renamed[:1] not in ([], ["as"]) or len(renamed) not in (0, 2):
            raise ValueError(f"{name}: {imported['path']} does not export {one}, or not as `export const {one} = …`")
    return f"const {{{','.join(':'.join((one, *renamed[1:])) for one, *renamed in names)}}}={made};"
