"""Folding: sub-steps into their step, like tasks into one."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runreel_server.graph import CELLS, Step, layout, overall, worst


def tasks(count: int, parents: tuple[str, ...] = ("plan",), state: str = "SUCCEEDED") -> list[Step]:
    return [Step(f"extract-{n:02}", parents, state) for n in range(1, count + 1)]


def nodes(steps: list[Step], fold: Any = "all") -> dict[str, dict[str, Any]]:
    return {node["id"]: node for node in layout(steps, fold)["nodes"]}


def edges(steps: list[Step], fold: Any = "all") -> set[tuple[str, str]]:
    return {(edge["from"], edge["to"]) for edge in layout(steps, fold)["edges"]}


def test_like_tasks_fold_into_one_node() -> None:
    steps = [Step("plan"), *tasks(12), Step("clean", tuple(f"extract-{n:02}" for n in range(1, 13)))]

    folded = nodes(steps)["extract-*"]

    assert list(nodes(steps)) == ["plan", "extract-*", "clean"]
    assert (folded["label"], folded["kind"], folded["folded"]) == ("extract ×12", "tasks", 12)
    assert folded["states"] == {"SUCCEEDED": 12}
    assert folded["members"][0] == {"path": "extract-01", "state": "SUCCEEDED", "count": 1}
    assert edges(steps) == {("plan", "extract-*"), ("extract-*", "clean")}


def test_four_of_a_kind_stay_as_they_are() -> None:
    assert len(nodes([Step("plan"), *tasks(4)])) == 5
    assert len(nodes([Step("plan"), *tasks(5)])) == 2


def test_numbers_in_encoded_names_are_no_numbers() -> None:
    """`extract%201` is "extract 1": its 20 is a space."""
    steps = [Step(f"extract%20{n}") for n in range(5)]

    assert nodes(steps)["extract%20*"]["label"] == "extract ×5"


def test_other_parents_or_other_children_are_no_kind() -> None:
    other_parents = [Step("plan"), Step("scout"), *tasks(4), Step("extract-05", ("scout",))]
    assert len(nodes(other_parents)) == 7

    plain = [Step("plan"), *tasks(9), Step("clean", tuple(f"extract-{n:02}" for n in range(1, 10)))]
    audited = [*plain, Step("audit", ("extract-03",))]
    assert nodes(audited)["extract-*"]["folded"] == 8
    assert ("extract-03", "audit") in edges(audited)


def test_parallel_chains_stay_folded_while_they_grow() -> None:
    """The first of the seconds comes while the others are not there yet: no task leaves its group for that."""
    steps = [Step("plan"), *tasks(6)]
    for n in range(1, 7):
        steps.append(Step(f"validate-{n:02}", (f"extract-{n:02}",)))
        assert nodes(steps)["extract-*"]["folded"] == 6

    assert edges(steps) == {("plan", "extract-*"), ("extract-*", "validate-*")}


def test_a_named_fold_opens() -> None:
    steps = [Step("plan"), *tasks(6), Step("train"), *(Step(f"train/{n}") for n in range(7))]

    assert set(nodes(steps, {"extract-*"})) == {"plan", "train", *(f"extract-{n:02}" for n in range(1, 7))}
    assert {name for name in nodes(steps, {"train"}) if name.startswith("train/")} == {f"train/{n}" for n in range(7)}
    assert len(nodes(steps, "none")) == len(steps)


def test_two_groups_of_one_name_have_two_ids() -> None:
    steps = [Step("plan"), Step("scout"), *tasks(5)] + [Step(f"extract-{n}", ("scout",)) for n in range(20, 25)]

    assert {name for name in nodes(steps) if "*" in name} == {"extract-*", "extract-**2"}


def test_sub_steps_fold_into_their_step() -> None:
    steps = [Step("features"), Step("train", ("features",), "RUNNING")]
    steps += [Step(f"train/{n}", (), "FAILED" if n == 3 else "SUCCEEDED") for n in range(300)]
    steps += [Step("evaluate", ("train",))]

    train = nodes(steps)["train"]

    assert (train["label"], train["kind"], train["folded"], train["state"]) == ("train ×300", "group", 300, "RUNNING")
    assert train["states"] == {"SUCCEEDED": 299, "FAILED": 1}
    assert (train["w"], train["h"]) == (220, 76)
    assert edges(steps) == {("features", "train"), ("train", "evaluate")}


def test_an_unfolded_step_leads_into_its_steps_and_they_to_what_follows() -> None:
    steps = [Step("train"), Step("train/a"), Step("train/b", ("train/a",)), Step("train/c"), Step("end", ("train",))]

    drawn = layout(steps, {"train"})

    assert {(edge["from"], edge["to"], edge["contains"]) for edge in drawn["edges"]} == {
        ("train", "train/a", True),
        ("train", "train/c", True),
        ("train/a", "train/b", False),
        ("train/b", "end", False),
        ("train/c", "end", False),
    }


def test_a_step_that_only_contains_others_is_drawn() -> None:
    steps = [Step("a"), Step("train/x", ("a",), "RUNNING"), Step("train/y", (), "SUCCEEDED")]

    train = nodes(steps)["train"]

    assert (train["state"], train["folded"]) == ("RUNNING", 2)
    assert edges(steps) == {("a", "train")}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5_000), st.integers(0, 5_000))
def test_cells_are_bounded_and_show_the_worst(count: int, failed: int) -> None:
    steps = [Step("train")]
    steps += [Step(f"train/{n}", (), "FAILED" if n == failed else "SUCCEEDED") for n in range(count)]

    train = nodes(steps)["train"]

    assert len(train["members"]) == min(count, CELLS)
    assert sum(cell["count"] for cell in train["members"]) == count
    assert all(("paths" in cell) == (cell["count"] > 1) for cell in train["members"])
    named = [path for cell in train["members"] for path in cell.get("paths", [cell["path"]])]
    assert named == [f"train/{n}" for n in range(count)]
    assert [cell["state"] for cell in train["members"]].count("FAILED") == (failed < count)


def test_a_group_is_as_its_members_are_together() -> None:
    assert overall({"SUCCEEDED": 3, "RUNNING": 1, "FAILED": 1}) == "RUNNING"
    assert overall({"SUCCEEDED": 3, "PENDING": 1}) == "RUNNING"
    assert overall({"PENDING": 2}) == "PENDING"
    assert overall({"SUCCEEDED": 3, "FAILED": 1}) == "FAILED"
    assert overall({"SUCCEEDED": 3, "SKIPPED": 1}) == "SUCCEEDED"
    assert overall({"SKIPPED": 1}) == "SKIPPED"
    assert worst({"SUCCEEDED": 3, "STALLED": 1, "NEW KIND": 2}) == "STALLED"
