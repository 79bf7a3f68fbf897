"""Settings: what wins over what, and how a wrong one is told."""

from __future__ import annotations

import pickle
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from runreel.errors import SettingError
from runreel.settings import SETTINGS, Settings, mistakes


def settings(tmp_path: Path, toml: str = "", flags: dict[str, Any] | None = None, **environ: str) -> Settings:
    """The settings of a folder with this `runreel.toml`, of these variables and flags."""
    if toml:
        (tmp_path / "runreel.toml").write_text(toml)
    return Settings(flags, environ=environ, folder=tmp_path)


def test_flags_win_over_variables_over_the_file_over_defaults(tmp_path: Path) -> None:
    assert settings(tmp_path).workspace == "default"
    assert settings(tmp_path, 'workspace = "file"').workspace == "file"
    assert settings(tmp_path, RUNREEL_WORKSPACE="variable").workspace == "variable"
    assert settings(tmp_path, flags={"workspace": "flag"}, RUNREEL_WORKSPACE="variable").workspace == "flag"
    assert settings(tmp_path, flags={"workspace": None}, RUNREEL_WORKSPACE="variable").workspace == "variable"


def test_every_setting_is_an_attribute_with_help_and_a_type(tmp_path: Path) -> None:
    found = settings(tmp_path)
    for setting in SETTINGS:
        getattr(found, setting.name)
        assert setting.help.endswith("."), setting.name
        assert setting.name in Settings.__annotations__, setting.name


@pytest.mark.parametrize(
    ("text", "size"),
    [("1048576", 1 << 20), ("512 KiB", 512 << 10), ("2GiB", 2 << 30), ("1 MB", 10**6), ("0.5kib", 512), ("0", 0)],
)
def test_sizes_are_written_as_people_do(tmp_path: Path, text: str, size: int) -> None:
    assert settings(tmp_path, RUNREEL_CLAIM_ABOVE=text).claim_above == size


@pytest.mark.parametrize(
    ("variable", "value", "way_out"),
    [
        ("RUNREEL_CLAIM_ABOVE", "-5", "write a size like"),
        ("RUNREEL_CLAIM_ABOVE", "inf", "write a size like"),
        ("RUNREEL_CLAIM_ABOVE", "nan", "write a size like"),
        ("RUNREEL_CLAIM_ABOVE", "5 apples", "write a size like"),
        ("RUNREEL_SPOOL_LIMIT", "much", "write a size like"),
        ("RUNREEL_SIGNALS", "maybe", "write 1 or 0"),
        ("RUNREEL_EXIT_WAIT", "soon", "write a number of seconds"),
        ("RUNREEL_EXIT_WAIT", "-1", "0 or more"),
        ("RUNREEL_EXIT_WAIT", "nan", "0 or more"),
        ("RUNREEL_PARTITIONS", "0", "1 or more"),
        ("RUNREEL_PARTITIONS", "2.5", "write a whole number"),
        ("RUNREEL_PORT", "70000", "65535"),
        ("RUNREEL_PORT", "http", "65535"),
        ("RUNREEL_ON_FULL", "explode", "write one of: drop, block, raise"),
        ("RUNREEL_WORKSPACE", "../up", "write letters, digits"),
    ],
)
def test_a_wrong_value_is_told_by_name_value_and_way_out(
    tmp_path: Path, variable: str, value: str, way_out: str
) -> None:
    with pytest.raises(SettingError) as raised:
        settings(tmp_path, **{variable: value})
    assert (raised.value.name, raised.value.value) == (variable, value)
    assert way_out in raised.value.way_out
    assert str(raised.value).startswith(f"{variable}={value!r}: ")


def test_a_secret_is_never_told(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as raised:
        settings(tmp_path, RUNREEL_KAFKA_CONFIG="hunter2")
    assert str(raised.value) == "RUNREEL_KAFKA_CONFIG: write key=value pairs parted by commas"


def test_librdkafka_keys_are_read_as_pairs_whose_values_may_hold_commas(tmp_path: Path) -> None:
    text = "sasl.mechanism=PLAIN, ssl.cipher.suites=A,B,\nsasl.password = a=b,"
    expected = {"sasl.mechanism": "PLAIN", "ssl.cipher.suites": "A,B", "sasl.password": "a=b"}
    assert settings(tmp_path, RUNREEL_KAFKA_CONFIG=text).kafka_config == expected
    assert settings(tmp_path, '[kafka_config]\n"linger.ms" = 5').kafka_config == {"linger.ms": "5"}
    assert settings(tmp_path, RUNREEL_KAFKA_CONFIG="").kafka_config == {}


def test_an_empty_variable_empties_a_text_and_leaves_all_else(tmp_path: Path) -> None:
    found = settings(
        tmp_path, 'kafka = "a:1"', RUNREEL_KAFKA="", RUNREEL_PORT="", RUNREEL_SIGNALS="", RUNREEL_WORKSPACE=""
    )
    assert (found.kafka, found.port, found.signals, found.workspace) == ("", 8765, True, "default")


def test_the_file_has_the_types_of_toml(tmp_path: Path) -> None:
    found = settings(tmp_path, 'port = 9000\nsignals = false\nexit_wait = 1.5\nclaim_above = "1 MiB"')
    assert (found.port, found.signals, found.exit_wait, found.claim_above) == (9000, False, 1.5, 1 << 20)


@pytest.mark.parametrize("toml", ["store = {a = 1}", "store = [1]", "store = true", "port = true"])
def test_a_value_of_another_kind_in_the_file_is_told(tmp_path: Path, toml: str) -> None:
    with pytest.raises(SettingError, match=r"in runreel\.toml=.*: write"):
        settings(tmp_path, toml)


def test_an_unknown_key_in_the_file_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"runreel\.toml='stoer': is no setting; there are: .*store"):
        settings(tmp_path, 'stoer = "dir:x"')


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="is no TOML"):
        settings(tmp_path, "store = ")
    (tmp_path / "runreel.toml").write_bytes(b"\xff")
    with pytest.raises(SettingError, match="cannot be read"):
        settings(tmp_path)
    (tmp_path / "runreel.toml").unlink()
    (tmp_path / "runreel.toml").mkdir()
    with pytest.raises(SettingError, match="cannot be read"):
        settings(tmp_path)


def test_folders_follow_from_the_state_folder_and_the_home(tmp_path: Path) -> None:
    found = settings(tmp_path, XDG_STATE_HOME="/x")
    assert (found.state_dir, found.spool_dir) == (Path("/x/runreel"), Path("/x/runreel/spool"))
    assert settings(tmp_path, HOME=str(tmp_path)).state_dir == tmp_path / ".local/state/runreel"
    assert settings(tmp_path, RUNREEL_STATE_DIR="~/runs").state_dir == Path("~/runs").expanduser()
    assert settings(tmp_path, RUNREEL_SPOOL_DIR="/s", XDG_STATE_HOME="/x").spool_dir == Path("/s")


def test_settings_do_not_change_but_others_are_made(tmp_path: Path) -> None:
    found = settings(tmp_path)
    with pytest.raises(AttributeError, match="do not change"):
        found.port = 1
    assert (found.replace(port=1).port, found.port) == (1, 8765)
    with pytest.raises(TypeError, match="'prot' is no setting"):
        found.replace(prot=1)
    with pytest.raises(TypeError, match="'prot' is no setting"):
        settings(tmp_path, flags={"prot": 1})


def test_settings_go_to_other_processes(tmp_path: Path) -> None:
    found = settings(tmp_path, RUNREEL_PORT="9")
    assert vars(pickle.loads(pickle.dumps(found))) == vars(found)


def test_several_topics_of_events_are_parted_by_commas(tmp_path: Path) -> None:
    assert settings(tmp_path, RUNREEL_TOPIC_EVENTS="a, b,").event_topics == ["a", "b"]


def test_spans_are_written_as_people_do(tmp_path: Path) -> None:
    for text, span in (("90", 90), ("30 s", 30), ("15 min", 900), ("12h", 43_200), ("7 d", 604_800)):
        assert settings(tmp_path, RUNREEL_RETENTION=text).retention == span
    for text in ("0", "-1 d", "7 weeks", "inf", ""):
        with pytest.raises(SettingError, match="write a span like") if text else nullcontext():
            settings(tmp_path, RUNREEL_RETENTION=text)


def test_mistakes_are_all_found_at_once(tmp_path: Path) -> None:
    (tmp_path / "runreel.toml").write_text('kafak = "a:9092"\nport = "many"\n')
    found = mistakes({"RUNREEL_SIGNALS": "maybe", "RUNREEL_KAFKA_CONFIG": "hunter2"}, tmp_path)
    assert [error.name for error in found] == [
        "runreel.toml", "port in runreel.toml", "RUNREEL_KAFKA_CONFIG", "RUNREEL_SIGNALS",
    ]  # fmt: skip
    assert "did you mean kafka?" in str(found[0])
    assert not any("hunter2" in str(error) for error in found)
