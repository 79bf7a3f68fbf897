"""What looks like a secret never leaves the process: in commands, values, uris, and in the address of the server."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import runreel
from runreel import codec, events, masks
from runreel.testing import Said, capture


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["train.py", "--epochs", "3"], "train.py --epochs 3"),
        (["train.py", "--password", "hunter2", "x"], "train.py --password '***' x"),
        (["train.py", "--api-key=abc"], "train.py '--api-key=***'"),
        (["train.py", "--db-password=a b"], "train.py '--db-password=***'"),
        (["train.py", "--token", "--verbose"], "train.py --token --verbose"),
        (["train.py", "--hfToken", "abc"], "train.py --hfToken '***'"),
        (["java", "-DdbPassword=abc"], "java '-DdbPassword=***'"),
        (["env", "AWS_SECRET_ACCESS_KEY=abc", "x"], "env 'AWS_SECRET_ACCESS_KEY=***' x"),
        (["sh", "-c", "PGPASSWORD=abc psql -c x"], "sh -c 'PGPASSWORD=*** psql -c x'"),
        (["python", "-c", "connect(password='a b', port=1)"], "python -c 'connect(password=***, port=1)'"),
        (["load", "postgresql://me:pw@host/db"], "load 'postgresql://me:***@host/db'"),
        (["load", "postgresql://me:p/w@host/db"], "load 'postgresql://me:***@host/db'"),
        (["load", "postgresql://me:p@w@host/db"], "load 'postgresql://me:***@host/db'"),
        (["load", "redis://:pw@host"], "load 'redis://:***@host'"),
        (["load", "--url=https://me:pw@host/db"], "load '--url=https://me:***@host/db'"),
        (["git", "clone", "https://ghp_abc@github.com/a/b"], "git clone 'https://***@github.com/a/b'"),
        (["git", "clone", "ssh://git@github.com/a/b"], "git clone ssh://git@github.com/a/b"),
        (["get", "http://host:8080/a@b"], "get http://host:8080/a@b"),
        (["get", "https://host/x?token=abc&page=2"], "get 'https://host/x?token=***&page=2'"),
        (["get", "https://host/x?X-Amz-Signature=abc"], "get 'https://host/x?X-Amz-Signature=***'"),
        (["curl", "-H", "Authorization: Bearer abc"], "curl -H 'Authorization: ***'"),
        (["curl", "-H", "X-Api-Key: abc", "x"], "curl -H 'X-Api-Key: ***' x"),
        (["curl", "-u", "me:pw", "x"], "curl -u 'me:***' x"),
        (["post", '{"password": "a\\"b", "n": 1}'], """post '{"password": "***", "n": 1}'"""),
        (["train.py", "--monkey", "business"], "train.py --monkey business"),
        (["train.py", "--author=ada", "--keyboard=us"], "train.py --author=ada --keyboard=us"),
        (["train.py", "--max-tokens", "9", "--tokenizer=bpe"], "train.py --max-tokens 9 --tokenizer=bpe"),
        (["train.py", "a b", "it's"], "train.py 'a b' 'it'\"'\"'s'"),
    ],
)
def test_what_looks_like_a_secret_is_masked_in_a_command(given: list[str], told: str) -> None:
    assert masks.command(given) == told


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWORD",
        "db_password",
        "dbPassword",
        "mypassword",
        "passwd",
        "pwd",
        "passphrase",
        "secret",
        "client_secret",
        "AWS_SECRET_ACCESS_KEY",
        "api_key",
        "apiKey",
        "API-KEY",
        "apikey",
        "private_key",
        "token",
        "auth_token",
        "hf-token",
        "access_tokens",
        "credentials",
        "authorization",
        "dsn",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert masks.secret(name, "x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, "x")
            for name in [
                "max_tokens",
                "tokenizer",
                "pad_token",
                "token_count",
                "author",
                "key",
                "monkey",
                "secretary",
                "passenger",
            ]
        ),
        *(
            (name, "x")
            for name in ["bypass_word_count", "compass", "primary_key", "keyboard", "windspeed", "passes", "tokens"]
        ),
        ("token", 7),
        ("use_password", True),
        ("password", None),
    ],
)
def test_names_that_are_none(name: str, value: object) -> None:
    assert not masks.secret(name, value)


HIDDEN: dict[str, Any] = {
    "password": "hunter2",
    "pin_password": 4711,
    "db": {"host": "h", "api_key": "hunter2", "urls": [{"dsn": "hunter2"}, "postgresql://me:hunter2@h/db"]},
    "argv": ["--token", "hunter2", "--epochs", "3"],
    "url": "https://me:hunter2@h/x?token=hunter2",
    "epochs": 3,
    "max_tokens": 512,
}


def said_of(said: Said) -> str:
    """All that left the process."""
    return "\n".join(codec.encode(event).decode() for event in said.events)


def test_params_tags_and_metadata_are_masked_where_they_are_said() -> None:
    with capture() as said:
        with runreel.start("p", params=HIDDEN, tags={"token": "hunter2"}) as run:
            run.params(secret="hunter2")
            with run.step("s", params=HIDDEN) as step:
                step.tags(apiKey="hunter2")
                step.output("o", "x", metadata=HIDDEN)
        state, all_of_it = said.state, said_of(said)
    assert "hunter2" not in all_of_it
    assert "4711" not in all_of_it
    assert state["params"] == {
        "password": "***",
        "pin_password": "***",
        "db": {"host": "h", "api_key": "***", "urls": [{"dsn": "***"}, "postgresql://me:***@h/db"]},
        "argv": ["--token", "***", "--epochs", "3"],
        "url": "https://me:***@h/x?token=***",
        "epochs": 3,
        "max_tokens": 512,
        "secret": "***",
    }


def test_a_uri_is_masked_in_what_is_said_and_whole_in_the_hand() -> None:
    uri = "https://me:hunter2@h/x.csv?token=hunter2"
    with capture() as said:
        with runreel.start("p") as run, run.step("s") as step:
            made = step.output("o", uri=uri)
            used = step.input(uri)
        state, all_of_it = said.state, said_of(said)
    assert "hunter2" not in all_of_it
    assert made.uri == used.uri == uri
    assert used.name == "x.csv?token=***"
    assert {one["uri"] for one in state["artifacts"].values()} == {"https://me:***@h/x.csv?token=***"}


def test_the_command_of_a_run_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", "train.py", "--password", "hunter2", "KEY_SECRET=hunter2"])
    with capture({"RUNREEL_ENVIRONMENT": "1"}) as said:
        with runreel.start("p"):
            pass
        (began,) = [codec.payload(event) for event in said.events if event.type == events.RUN_STARTED]
    assert began.environment["command"] == "python train.py --password '***' 'KEY_SECRET=***'"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["sh", "-c", "tool --password hunter2"], "hunter2"),
        (["sh", "-c", "curl -u me:hunter2 https://example.org"], "hunter2"),
        (["sh", "-c", "curl -H 'Authorization: Bearer abc123' https://example.org"], "abc123"),
        (["curl", "--user=me:hunter2"], "hunter2"),
        (["curl", "--header=Authorization: Bearer abc123"], "abc123"),
        (["say", "login with Authorization: Bearer abc123"], "abc123"),
    ],
)
def test_what_a_shell_is_given_tells_no_secret(given: list[str], told: str) -> None:
    said = masks.command(given)
    assert told not in said
    assert masks.MASK in said


def test_a_shells_words_without_secrets_stay_as_they_are() -> None:
    script = "cd /tmp && ls   -l | wc"
    assert masks.arguments(["sh", "-c", script]) == ["sh", "-c", script]


@pytest.mark.parametrize("end", [" =", " @", ": x"])
@pytest.mark.timeout(10)
def test_a_long_word_is_masked_at_the_cost_of_its_length(end: str) -> None:
    """A megabyte took minutes, as each letter began a search of its own."""
    said = "a" * 1_000_000 + end
    assert masks.text(said) == said
