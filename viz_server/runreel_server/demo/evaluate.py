"""Evaluate: how good the model is, and which features it leans on."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance
from sklearn.metrics import auc, confusion_matrix, roc_curve

import runreel
from runreel_server.demo.train import FOLDS, split, table


def evaluate(work: Path, rows: int) -> None:
    """The three folds together: confusion matrix, ROC, and which features the trees lean on (over `rows` rows)."""
    with runreel.start("nyc-flights").step("evaluate", total=3, unit="check") as step:
        step.input("baseline")
        for number in range(FOLDS):
            step.input(f"model-{number}")
        x, late = table(work)
        chance = np.empty(len(late))
        for number in range(FOLDS):
            chance[split(len(late), number)[1]] = np.load(work / f"chance-{number}.npy")
        cut = float(np.quantile(chance, 1 - late.mean()))  # as many are called late as are late
        matrix = confusion_matrix(late, chance > cut)
        step.progress(1, message="confusion matrix")
        wrong, right, thresholds = roc_curve(late, chance)
        area = float(auc(wrong, right))
        step.metric("auc", area)
        metrics = {
            "confusionMatrix": {
                "annotationSpecs": [{"displayName": name} for name in ("on time", "late")],
                "rows": [{"row": row} for row in matrix.tolist()],
            },
            "confidenceMetrics": [
                {"confidenceThreshold": thresholds[n], "falsePositiveRate": wrong[n], "recall": right[n]}
                for n in np.linspace(1, len(wrong) - 1, 60).astype(int)
            ],
        }
        step.show("how good it is", metrics, type="ClassificationMetrics", metadata=metrics)
        step.progress(2, message="ROC")
        model = pickle.loads((work / "baseline.pickle").read_bytes())
        some = np.random.default_rng(7).choice(len(x), min(rows, len(x)), replace=False)
        found = permutation_importance(model, x.iloc[some], late[some], n_repeats=2, random_state=7, scoring="roc_auc")
        ranked = pd.DataFrame({"feature": x.columns, "importance": found.importances_mean})
        ranked = ranked.sort_values("importance", ascending=False, ignore_index=True)
        ranked.to_parquet(work / "importance.parquet")
        step.output("importance", ranked, type="Table")
        step.progress(3, message="permutation importance")
        step.log(f"AUC {area:.4f}; it leans most on {', '.join(ranked.feature[:3])}")
