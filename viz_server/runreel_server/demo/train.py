"""Train: will this flight be late? A neural network, three folds side by side, and boosted trees to hold it against."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import runreel

FOLDS = 3
BATCH = 512


def table(work: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """The features, oldest first, and whether each flight was late."""
    data = pd.read_parquet(work / "features.parquet").sort_values("left", ignore_index=True)
    return data.drop(columns=["left", "late"]), data["late"].to_numpy()


def split(rows: int, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows to check on: whole weeks go to one fold, so that no day is on both sides."""
    block = np.arange(rows) * 52 // rows % FOLDS
    return np.flatnonzero(block != fold), np.flatnonzero(block == fold)


def fold(number: int, work: Path, epochs: int) -> None:
    """One fold of the network: a point of the loss for each batch, the AUC for each epoch."""
    with runreel.start("nyc-flights").step(f"fold-{number}", total=epochs, unit="epoch") as step:
        step.input("features")
        x, late = table(work)
        learn, check = split(len(x), number)
        scaler = StandardScaler().fit(x.iloc[learn])
        learn_x, check_x = scaler.transform(x.iloc[learn]), scaler.transform(x.iloc[check])
        model = MLPClassifier((32, 16), learning_rate_init=5e-4, alpha=1e-2, random_state=number)
        order = np.random.default_rng(number)
        step.params({"hidden": "32-16", "batch": BATCH, "rows": len(learn)})
        for epoch in step.track(range(epochs), unit="epoch"):
            shuffled = order.permutation(len(learn))
            for start in range(0, len(learn), BATCH):
                batch = shuffled[start : start + BATCH]
                model.partial_fit(learn_x[batch], late[learn[batch]], classes=[False, True])
                step.metric("loss", model.loss_)
            chance = model.predict_proba(check_x)[:, 1]
            auc = roc_auc_score(late[check], chance)
            step.metrics({"auc": auc, "check_loss": log_loss(late[check], chance)}, at=epoch)
            step.log(f"epoch {epoch}: loss {model.loss_:.4f}, AUC {auc:.4f}")
        path = work / f"model-{number}.pickle"
        path.write_bytes(pickle.dumps((scaler, model)))
        np.save(work / f"chance-{number}.npy", chance)
        step.output(f"model-{number}", path, type="Model", metadata={"auc": round(float(auc), 4)})


def baseline(work: Path, iterations: int) -> None:
    """Boosted trees on the first fold, a few more at a time so that their progress can be seen."""
    with runreel.start("nyc-flights").step("baseline", total=iterations, unit="tree") as step:
        step.input("features")
        x, late = table(work)
        learn, check = split(len(x), 0)
        model = HistGradientBoostingClassifier(max_iter=1, warm_start=True, early_stopping=False)
        for trees in step.track(range(10, iterations + 1, 10), total=iterations // 10, unit="round"):
            model.set_params(max_iter=trees).fit(x.iloc[learn], late[learn])
            step.metric("auc", roc_auc_score(late[check], model.predict_proba(x.iloc[check])[:, 1]), at=trees)
        (work / "baseline.pickle").write_bytes(pickle.dumps(model))
        step.output("baseline", work / "baseline.pickle", type="Model")
