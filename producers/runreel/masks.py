"""What looks like a secret is masked where it is said: nothing behind ever has it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from runreel.values import clean

MASK: Final = "***"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SURE = re.compile(
    r"passw(or)?d|passphrase|pwd|secret(?!ar)|credential|(^|_)(jwt|dsn)(_|$)|amz_signature|connection_?string|"
    r"(api|access|private|auth|account|encryption|signing|master|ssh)_?key|(authorization|cookie)$"
)
_LIKELY: Final = frozenset({"token", "pass", "auth", "bearer", "sig"})  # as a name's last word, with a text
_SHARED: Final = frozenset({"api", "auth", "access", "refresh", "bearer", "session", "id", "oauth", "hf", "github"})
_TEXTS: Final = frozenset(  # tokens of language models: `pad_token` is no secret
    [
        "pad",
        "eos",
        "bos",
        "unk",
        "sep",
        "cls",
        "mask",
        "special",
        "stop",
        "start",
        "end",
        "image",
        "first",
        "last",
        "next",
        "prev",
        "per",
        "by",
        "boundary",
        "decoder",
    ]
)

_NAME = r"[A-Za-z_][\w.-]*"
_USER_INFO = re.compile(
    r"(?P<before>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*+://[^/\s:@\"']*:)(?:[^/\s\"']+|(?!\d+(?:[/?#\s]|$))[^\s@\"']+)@",
    re.I,
)
_USER_ALONE = re.compile(r"(?P<before>\bhttps?://)[^/\s:@\"']+@", re.I)
_EQUALS = re.compile(r"(?P<name>(?<![\w.-])[\w.-]++)=(?P<value>'[^']*'|\"[^\"]*\"|[^&\s'\"]+)")
_ANYWHERE = re.compile(
    r"(?P<name>\b(?:proxy-)?authorization)\s*:\s*(?:(?:bearer|basic|token|digest)\s+)?[^\s'\"]+", re.I
)
_HEADER = re.compile(rf"^(?P<name>{_NAME}): *\S.*", re.S)
_QUOTED = re.compile(rf"(?P<name>(?P<quote>[\"']){_NAME}(?P=quote)) *: *(?P<value>'[^']*'|\"(?:\\.|[^\"\\])*\")")


_SHELLS = frozenset(["sh", "bash", "dash", "zsh", "ksh", "ash"])
_LOGINS = frozenset(["-u", "--user", "--proxy-user"])


def secret(name: str, value: object = "") -> bool:
    """Whether a name says that its value is a secret: `password`, `apiKey`, `hf-token`, not `max_tokens`.

    A number, a truth value or nothing is one only where the name leaves no doubt.
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or value is None or isinstance(value, bool):
        return False
    if _SURE.search("_".join(words)):
        return True
    if not isinstance(value, str):
        return False
    if words[-1] == "tokens":
        return not _SHARED.isdisjoint(words)
    return words[-1] in _LIKELY and _TEXTS.isdisjoint(words)


def text(said: str) -> str:
    """A text with what looks like a secret in it replaced by `***`.

    `token=x`, `"password": "x"`, `Authorization: Bearer x`, `scheme://user:x@host`.
    """
    if "@" in said:
        said = _USER_ALONE.sub(rf"\g<before>{MASK}@", _USER_INFO.sub(rf"\g<before>{MASK}@", said))
    if "=" in said:
        said = _EQUALS.sub(lambda one: f"{one['name']}={MASK}" if secret(one["name"]) else one[0], said)
    if ":" in said:
        header = _HEADER.match(said)
        if header and secret(header["name"]):
            return f"{header['name']}: {MASK}"
        said = _ANYWHERE.sub(lambda one: f"{one['name']}: {MASK}", said)
        said = _QUOTED.sub(lambda one: f'{one["name"]}: "{MASK}"' if secret(one["name"]) else one[0], said)
    return said


def arguments(given: Sequence[str]) -> list[str]:
    """The arguments of a command with the secrets among them masked: `--password x`, `--api-key=x`, `-u user:x`."""
    said: list[str] = []
    shell = False
    before = ""  # the option whose value may come; that of `sh -c` is more than one word
    for argument in given:
        name, equals, value = argument.partition("=")
        if before and not argument.startswith("-") and secret(before, argument):
            said.append(MASK)
        elif before in _LOGINS and ":" in argument:
            said.append(f"{argument.partition(':')[0]}:{MASK}")
        elif equals and name in _LOGINS and ":" in value:
            said.append(f"{name}={value.partition(':')[0]}:{MASK}")
        elif equals and name.startswith("-") and text(value) != value:
            said.append(f"{name}={text(value)}")
        elif equals and value and before != "-c" and re.fullmatch(rf"-*{_NAME}", name) and secret(name, value):
            said.append(f"{name}={MASK}")
        else:
            said.append(_shell(argument) if shell and re.fullmatch("-[a-z]*c", before) else text(argument))
            shell = shell or PurePath(argument).name in _SHELLS
        before = argument if argument.startswith("-") and not equals else ""
    return said


def _shell(argument: str) -> str:
    """What `sh -c` is given: words of its own, among which secrets are masked; without any it stays as it is."""
    said = text(argument)
    try:
        words = shlex.split(said)
    except ValueError:
        return said
    masked = arguments(words)
    return said if masked == words else shlex.join(masked)


def command(given: Sequence[str]) -> str:
    """A command line, as a shell takes it, with the secrets in it masked."""
    return shlex.join(arguments([clean(argument) for argument in given]))


def values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Names to plain values, with those masked whose names say that they are secrets, at any depth."""
    return {name: MASK if secret(name, value) else _inside(value) for name, value in given.items()}


def _inside(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return values(value)
    if isinstance(value, list):
        if value and all(isinstance(one, str) for one in value):
            return arguments(value)
        return [_inside(one) for one in value]
    return value
