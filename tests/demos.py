"""What a run of the demo must have left behind, whatever it ran on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

GROUPS = {"extract": [f"{month:02d}" for month in range(1, 13)], "train": [f"fold-{fold}" for fold in range(3)]}
EPOCHS = 10
STEPS = {
    *("extract", "weather", "clean", "join-weather", "features", "train", "baseline", "evaluate", "publish"),
    *(f"{group}/{part}" for group, parts in GROUPS.items() for part in parts),
}
PARENTS = {
    "clean": ["extract"],
    "join-weather": ["clean", "weather"],
    "features": ["join-weather"],
    "train/fold-1": ["features"],
    "evaluate": ["train", "baseline"],
    "publish": ["evaluate"],
}


def check(state: dict[str, Any]) -> None:
    """Hold the state of a quick run that succeeded against what the pipeline did."""
    assert (state["state"], state["complete"], state["missing"]) == ("SUCCEEDED", True, [])
    steps = state["steps"]
    assert {name: step["state"] for name, step in steps.items()} == dict.fromkeys(STEPS, "SUCCEEDED")
    assert {name: steps[name]["parents"] for name in PARENTS} == PARENTS
    inputs = {(name, i["name"]): i["state"] for name, step in steps.items() for i in step["inputs"]}
    assert set(inputs.values()) == {"resolved"}
    assert {used for name, used in inputs if name == "evaluate"} == {"baseline", "model-0", "model-1", "model-2"}
    assert {a["state"] for a in state["artifacts"].values()} == {"stored"}
    check_artifacts({a["name"]: a for a in state["artifacts"].values() if a["role"] == "output"})
    check_metrics(state)


def check_artifacts(found: dict[str, dict[str, Any]]) -> None:
    """Tables with what they refused, models, what is to be looked at, the report."""
    months = {f"{kind}-{month}" for kind in ("flights", "rejects") for month in GROUPS["extract"]}
    assert months <= found.keys()
    rows = sum(found[f"flights-{month}"]["metadata"]["rows"] for month in GROUPS["extract"])
    rejected = sum(found[f"rejects-{month}"]["metadata"]["rows"] for month in GROUPS["extract"])
    assert 13_000 < rows < 13_500
    assert 80 < rejected < 150  # of all 336,776, 2,512 have no tail number and 4 fly faster than they can
    kinds = {
        "clean": "Dataset",
        "delay by hour": "Plotly",
        "how good it is": "ClassificationMetrics",
        "importance": "Table",
        "model": "Model",
        "report": "HTML",
    }
    assert {name: found[name]["type"] for name in kinds} == kinds


def check_metrics(state: dict[str, Any]) -> None:
    """A point of the loss for each batch, of the AUC for each epoch, and a model that has learnt something."""
    series = state["series"]
    for fold in GROUPS["train"]:
        batches = series[f"train/{fold}"]["loss"]["count"]
        assert batches > EPOCHS
        assert batches % EPOCHS == 0
        assert series[f"train/{fold}"]["auc"]["count"] == EPOCHS
    assert 0.6 < series["evaluate"]["auc"]["last"] < 0.9
    assert state["steps"]["features"]["progress"]["done"] == 4


def processes(folder: Path) -> list[int]:
    """The processes of demos whose state lies below `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            mine = f"RUNREEL_STATE_DIR={folder}".encode() in (process / "environ").read_bytes()
            if mine and b"demo" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:  # it has ended meanwhile
            continue
    return found
