"""The pages' modules: their own tests, their size. `make lint` checks their types."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from flask import Flask

import runreel_server
from runreel_server.pages.assets import SCRIPTS, Assets
from runreel_server.pages.joined import joined
from runreel_server.pages.scripts import slim

JS = Path(__file__).parent / "js"
STATIC = Path(runreel_server.__file__).parent / "static"
MODULES = sorted((STATIC / "js").rglob("*.js"))


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node: apt-get install nodejs")
def test_their_own_tests_pass() -> None:
    done = subprocess.run(["node", "--test", str(JS)], capture_output=True, text=True, check=False, env={"TZ": "UTC"})
    assert done.returncode == 0, done.stdout[-4_000:]


def test_no_module_is_long() -> None:
    assert {
        path.name: len(path.read_text().splitlines()) for path in MODULES if len(path.read_text().splitlines()) > 300
    } == {}


SOURCES = {path.relative_to(STATIC / "js").as_posix(): path.read_text() for path in MODULES}


@pytest.mark.parametrize("entry", ["run.js", "home.js", "artifact.js"])
def test_a_pages_own_script_is_less_than_sixty_kilobytes(entry: str) -> None:
    """All that it loads, as it is sent, the worker of all tabs among it; Plotly's apart, and what is loaded with it."""
    client = Flask(__name__, static_folder=None)
    client.register_blueprint((assets := Assets()).blueprint())
    sent = {
        name: len(client.test_client().get(assets.url(f"js/{name}"), headers={"Accept-Encoding": "gzip"}).data)
        for name in (entry, "stream/worker.js", "core/theme.js")
    }
    assert sum(sent.values()) < 60_000, sent


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node: apt-get install nodejs")
def test_what_is_sent_says_what_is_written(tmp_path: Path) -> None:
    """The type checker reads both alike, comments and spaces apart, and node takes it."""
    pairs = []
    for name in SCRIPTS:
        written, sent = (tmp_path / f"{name.replace('/', '-')}.{kind}.mjs" for kind in ("written", "sent"))
        written.write_text(joined(name, SOURCES, pack=str))
        sent.write_text(joined(name, SOURCES))
        assert subprocess.run(["node", "--check", str(sent)], capture_output=True, text=True).stderr == ""
        pairs.append(f"{written}:{sent}")
    done = subprocess.run(["node", str(JS / "alike.mjs"), *pairs], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_each_module_is_sent_with_a_page_and_once() -> None:
    named = [re.findall(r"^// (\S+)$", joined(entry, SOURCES), re.MULTILINE) for entry in SCRIPTS]
    assert all(len(names) == len(set(names)) for names in named)
    apart = {"core/theme.js", "core/types.js"}  # loaded by itself before the first paint; types alone
    assert set(SOURCES) - apart == {name for names in named for name in names}


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node: apt-get install nodejs")
def test_joined_modules_do_what_they_did_apart(tmp_path: Path) -> None:
    """Each once, in their order, with private names of its own, and the entry exports what it exported."""
    sources = {
        "a.js": 'import { two as deux,\n  Three } from "./in/b.js";\nimport * as all from "./c.js";\nconst mine = 1;\n'
        "export const said = [mine, deux(), new Three().four, all.mine, all.five, `${/* no */ mine} // yes`];\n",
        "in/b.js": 'import { five } from "../c.js";\nconst mine = "b"; // private\n'
        "export async function one() {}\nexport function two() { return mine + five; }\n"
        "export class Three { four = /[/*]/.test('/'); }\n",
        "c.js": "globalThis.times = (globalThis.times ?? 0) + 1;\nconst mine = 0;\nexport const five = 5;\n"
        "export function* numbers() { yield mine; }\n",
    }
    (tmp_path / "a.mjs").write_text(joined("a.js", sources))
    script = (
        f"import('{(tmp_path / 'a.mjs').as_uri()}').then(({{ said }}) => console.log(JSON.stringify([said, times])))"
    )
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True)
    assert done.stdout == '[[1,"b5",true,null,5,"1 // yes"],1]\n', done.stderr


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("export let a = 1;", "m.js: 'export let a=1' cannot be joined"),
        ("export default class A {}", "m.js: 'export default class A{}' cannot be joined"),
        ("export const { a } = b;", "m.js: 'export const{a}=b' cannot be joined"),
        ("const b = 1; export { b };", "m.js: 'export{b}' cannot be joined"),
        ("export * from './c.js';", "m.js: \"export*from'./c.js'\" cannot be joined"),
        ("import './c.js';", "m.js: \"import'./c.js'\" cannot be joined"),
        ('import c from "./c.js";', "m.js: 'import c from\"./c.js\"' cannot be joined"),
        ('import { c } from "c";', "m.js: 'import{c}from\"c\"' cannot be joined"),
        ("const f = async () => await import(`./c.js`);", "m.js: 'import(`./c.js`)' cannot be joined"),
        ("const u = import.meta.url;", "m.js: 'import.meta.url' cannot be joined"),
        ('import { d } from "./c.js";', "m.js: ./c.js does not export d"),
        ('import { c as d as e } from "./c.js";', "m.js: ./c.js does not export c"),
        ('import { c } from "./d.js";', "m.js imports d.js, which is not there"),
        ('import { c } from "./round.js";', "in a circle: a.js -> m.js -> round.js -> m.js"),
    ],
)
def test_what_cannot_be_joined_is_told(source: str, why: str) -> None:
    sources = {
        "a.js": 'import { c } from "./m.js";\n',
        "m.js": source + "\n",
        "c.js": "export const c = 1, d = 2;\n",
        "round.js": 'import { c } from "./m.js";\n',
    }
    with pytest.raises(ValueError, match=re.escape(why)):
        joined("a.js", sources)


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ("a = b / c / d; // e", "a=b/c/d;"),
        (
            '  let x = /[/\\]\\/ "/g.test(y) ? \'a // b\' : "/* c */";',
            'let x=/[/\\]\\/ "/g.test(y)?\'a // b\':"/* c */";',
        ),
        (
            "/** @type {A} */\nconst f = /** @type {B} */ (x) => {\n  return /y/;\n};",
            "const f=(x)=>{return/y/;};",
        ),
        ("a = 1;\n\n  // b\n\n/*\n c\n*/\nd = `\n\n`;\n", "a=1;d=`\n\n`;"),
        ("`a  ${ b ? `{ ${ c }` : { d: 1 } } // e`;  // f", "`a  ${ b ? `{ ${ c }` : { d: 1 } } // e`;"),
        ("a + +b - -c; i++ + j", "a+ +b- -c;i++ +j"),
        ("a /* b\n c */ in d", "a in d"),
        ("x = (a) / 2 /* b */ / c", "x=(a)/2/c"),
        ("class A {\n  #b = 1;\n  get c() { return this.#b; }\n}", "class A{#b=1;get c(){return this.#b;}}"),
    ],
)
def test_comments_spaces_and_lines_ends_are_not_sent_and_all_else_is(source: str, sent: str) -> None:
    assert slim(source) == sent


def test_modules_import_only_each_other_and_ask_only_this_server() -> None:
    for path in MODULES:
        text = path.read_text()
        assert all(
            name.startswith(("./", "../"))
            for name in re.findall(r"(?:^import [^\"']*|import\()[\"']([^\"']+)", text, re.MULTILINE)
        ), path.name
        assert not [url for url in re.findall(r"https?://[^\s\"'`)]+", text) if url != "http://www.w3.org/2000/svg"], (
            path.name
        )


def test_no_module_turns_text_into_elements() -> None:
    """Only home takes HTML, and only the page's own, from the server that made the page."""
    for path in MODULES:
        used = set(
            re.findall(
                r"innerHTML\s*=[^=]|insertAdjacentHTML|outerHTML\s*=|document\.write|DOMParser|\beval\(|new Function",
                path.read_text(),
            )
        )
        assert used <= ({"DOMParser"} if path.name == "home.js" else set()), path.name
