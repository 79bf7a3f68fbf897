"""The layout of a step graph: layers, room for all, and calm while it grows."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runreel_server.graph import Step, layout

NAMES = [letter + other for letter in "abcdef" for other in "xyz"]
PATHS = st.one_of(
    st.sampled_from(NAMES), st.builds("/".join, st.lists(st.sampled_from(NAMES[:6]), min_size=2, max_size=3))
)


@st.composite
def graphs(draw: st.DrawFn, *, acyclic: bool = False) -> list[Step]:
    """Steps in stamp order; unless `acyclic`, parents may come late, be unknown, or make cycles."""
    paths = draw(st.lists(PATHS, unique=True, min_size=1, max_size=22))
    steps = []
    for n, path in enumerate(paths):
        known = paths[:n] if acyclic else [*paths, "unknown"]
        parents = draw(st.lists(st.sampled_from(known), unique=True, max_size=3)) if known else []
        steps.append(Step(path, tuple(parents)))
    return steps


def by_id(drawn: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["id"]: node for node in drawn["nodes"]}


def order_of(drawn: dict[str, Any]) -> list[str]:
    return [node["id"] for node in sorted(drawn["nodes"], key=lambda node: (node["rank"], node["y"]))]


@settings(max_examples=400, deadline=None)
@given(graphs(), st.sampled_from(["all", "none", "ax"]), st.data())
def test_a_new_step_never_changes_the_order_of_earlier_ones(steps: list[Step], fold: str, data: st.DataObject) -> None:
    """Of two nodes that share a rank before and after, the one above stays above."""
    chosen = fold if fold != "ax" else {"ax"}
    size = data.draw(st.integers(1, len(steps)))
    before, after = layout(steps[:size], chosen), layout(steps, chosen)
    rank_before, rank_after = by_id(before), by_id(after)
    kept = [name for name in order_of(before) if name in rank_after]

    together = [
        (upper, lower)
        for n, upper in enumerate(kept)
        for lower in kept[n + 1 :]
        if rank_before[upper]["rank"] == rank_before[lower]["rank"]
        and rank_after[upper]["rank"] == rank_after[lower]["rank"]
    ]

    assert all(rank_after[upper]["y"] < rank_after[lower]["y"] for upper, lower in together)


@settings(max_examples=200, deadline=None)
@given(graphs(acyclic=True), st.data())
def test_nodes_move_only_to_make_room(steps: list[Step], data: st.DataObject) -> None:
    """Where steps come after their parents, nodes go right or down by what is added, never back."""
    flat = [Step(step.path.replace("/", "."), tuple(p.replace("/", ".") for p in step.parents)) for step in steps]
    size = data.draw(st.integers(1, len(flat)))
    before, after = by_id(layout(flat[:size])), by_id(layout(flat))

    for name, node in before.items():
        assert after[name]["rank"] == node["rank"]
        assert after[name]["x"] >= node["x"]
        assert after[name]["y"] >= node["y"]


@settings(max_examples=300, deadline=None)
@given(graphs(), st.sampled_from(["all", "none"]))
def test_nodes_have_room_and_edges_lead_from_node_to_node(steps: list[Step], fold: str) -> None:
    """No two nodes overlap, all lie on the grid, and edges go right, but those that close a cycle."""
    drawn = layout(steps, fold)
    nodes = by_id(drawn)

    json.dumps(drawn, allow_nan=False)
    for node in drawn["nodes"]:
        assert all(node[name] % 4 == 0 for name in "xywh")
        assert 0 <= node["x"] <= drawn["width"] - node["w"]
        assert 0 <= node["y"] <= drawn["height"] - node["h"]
    ordered = [nodes[name] for name in order_of(drawn)]
    for upper, lower in pairwise(ordered):
        assert upper["rank"] < lower["rank"] or upper["y"] + upper["h"] + 12 <= lower["y"]
        assert upper["rank"] == lower["rank"] or upper["x"] + upper["w"] + 28 <= lower["x"]
    for edge in drawn["edges"]:
        source, target = nodes[edge["from"]], nodes[edge["to"]]
        assert edge["points"][0] == [source["x"] + source["w"], source["y"] + source["h"] // 2]
        assert edge["points"][-1] == [target["x"], target["y"] + target["h"] // 2]
        assert len(edge["points"]) % 3 == 1
        if not edge["back"]:
            assert source["rank"] < target["rank"]
            assert all(one[0] <= other[0] for one, other in pairwise(edge["points"]))


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_the_layout_depends_on_no_state(steps: list[Step]) -> None:
    """A state that changes moves nothing, so that the page at an earlier moment can keep the newest layout."""
    running = [Step(step.path, step.parents, "RUNNING") for step in steps]

    places = [[{name: node[name] for name in "xywh"} for node in layout(some)["nodes"]] for some in (steps, running)]

    assert places[0] == places[1]


def test_ranks_are_by_longest_path() -> None:
    drawn = layout([Step("a"), Step("b", ("a",)), Step("c", ("a", "b")), Step("d", ("a",))])

    assert {node["id"]: node["rank"] for node in drawn["nodes"]} == {"a": 0, "b": 1, "c": 2, "d": 1}
    assert by_id(drawn)["b"]["y"] == by_id(drawn)["a"]["y"]


def test_what_follows_lies_in_the_order_of_what_it_follows() -> None:
    """Edges of parallel chains do not cross, whatever came first, and what joins two lies between them."""
    steps = [Step("a"), Step("b"), Step("c"), Step("x", ("c",)), Step("y", ("a",)), Step("z", ("b",))]
    steps += [Step("yz", ("y", "z")), Step("q", ("x",))]
    nodes = by_id(layout(steps))

    assert nodes["y"]["y"] < nodes["z"]["y"] < nodes["x"]["y"]
    assert nodes["yz"]["y"] < nodes["q"]["y"]
    assert nodes["y"]["y"] < nodes["yz"]["y"] < nodes["z"]["y"]


def test_an_edge_that_closes_a_cycle_is_marked() -> None:
    drawn = layout([Step("a", ("c",)), Step("b", ("a",)), Step("c", ("b",)), Step("d", ("c", "d"))])

    assert {(edge["from"], edge["to"]) for edge in drawn["edges"] if edge["back"]} == {("c", "a")}
    assert [node["rank"] for node in drawn["nodes"]] == [0, 1, 2, 3]


def test_a_late_parent_closes_no_cycle() -> None:
    """A step that was named after what follows it is still drawn before it."""
    drawn = layout([Step("a", ("z",)), Step("b", ("a",)), Step("z")])

    assert not any(edge["back"] for edge in drawn["edges"])
    assert {node["id"]: node["rank"] for node in drawn["nodes"]} == {"a": 1, "b": 2, "z": 0}


def test_one_event_may_declare_steps_in_any_order() -> None:
    """The order in which a graph's dictionary names its steps does not matter for where they lie."""
    forward = [
        Step("a", (), event="g"),
        Step("b", (), event="g"),
        Step("c", ("a",), event="g"),
        Step("d", ("b",), event="g"),
    ]
    backward = [
        Step("c", ("a",), event="g"),
        Step("d", ("b",), event="g"),
        Step("a", (), event="g"),
        Step("b", (), event="g"),
    ]

    assert {name: (node["x"], node["y"]) for name, node in by_id(layout(forward)).items()} == {
        name: (node["x"], node["y"]) for name, node in by_id(layout(backward)).items()
    }


def test_a_long_edge_has_a_lane_of_its_own() -> None:
    """It passes no node of the ranks between, and is level there."""
    drawn = layout([Step("a"), Step("b", ("a",)), Step("c", ("b",)), Step("d", ("c", "a"))])
    nodes = by_id(drawn)
    (points,) = [edge["points"] for edge in drawn["edges"] if (edge["from"], edge["to"]) == ("a", "d")]

    crossing = [y for x, y in points if nodes["b"]["x"] <= x <= nodes["c"]["x"] + nodes["c"]["w"]]

    assert len(set(crossing)) == 1
    assert crossing[0] >= nodes["b"]["y"] + nodes["b"]["h"] + 12


@pytest.mark.parametrize("deep", [40, 3_000])
def test_any_depth_of_paths_is_drawn(deep: int) -> None:
    path = "/".join(["s"] * deep)

    assert [node["id"] for node in layout([Step(path)])["nodes"]] == ["s"]
    assert path in by_id(layout([Step(path)], "none"))


def test_no_step_is_no_graph() -> None:
    assert layout([]) == {"nodes": [], "edges": [], "width": 0, "height": 0}
