"""The one chart that is enlarged, compared or exported, in Plotly's schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from .axes import Axis

_TITLES: dict[Axis, str] = {"at": "index", "elapsed": "elapsed (s)", "time": "time (UTC)"}


def figure(
    series: Mapping[str, Mapping[str, Sequence[Any]]],
    x: Axis = "at",
    *,
    title: str = "",
    scale: Literal["linear", "log"] = "linear",
    origins: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """A Plotly figure of several series, with no theme of its own: grounds are transparent, colours are the page's.

    `series` has, by the name to show, answers of `series_json`. `origins` has, by the same name, the moment in µs from
    which `elapsed` counts (so that runs lie over each other); absent: the first point. Points that are not finite break
    the line and are marked at the lower edge, with their value.
    """
    origins = origins or {}
    traces: list[dict[str, Any]] = []
    for name, columns in series.items():
        places = _places(columns, x, origins.get(name))
        values = columns["value"]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines" if len(values) > 1 else "markers",
                "name": name,
                "legendgroup": name,
                "x": places,
                "y": [None if isinstance(value, str) else value for value in values],
                "connectgaps": False,
                "line": {"width": 1.5},
                "hovertemplate": "%{y}",
            }
        )
        marks = [(place, value) for place, value in zip(places, values, strict=True) if isinstance(value, str)]
        if marks:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": f"{name}, not finite",
                    "legendgroup": name,
                    "showlegend": False,
                    "x": [place for place, _ in marks],
                    "y": [0] * len(marks),
                    "yaxis": "y2",
                    "text": [value for _, value in marks],
                    "marker": {"symbol": "x-thin-open", "size": 7},
                    "hovertemplate": "%{text}",
                }
            )
    across: dict[str, Any] = {"title": {"text": _TITLES[x]}, "automargin": True}
    if x == "time":
        across["type"] = "date"
    return {
        "data": traces,
        "layout": {
            "title": {"text": title},
            "xaxis": across,
            "yaxis": {"type": scale, "automargin": True},
            "yaxis2": {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
            "hovermode": "x unified",
            "showlegend": len(series) > 1,
            "legend": {"orientation": "h"},
            "margin": {"l": 48, "r": 16, "t": 40 if title else 16, "b": 40},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
        },
    }


def _places(columns: Mapping[str, Sequence[Any]], x: Axis, origin: int | None) -> list[Any]:
    """The x of each point: Plotly's dates are milliseconds since 1970; an index that is no number has no place."""
    if x == "at":
        return [None if isinstance(index, str) else index for index in columns["at"]]
    times = columns["time"]
    if x == "time":
        return [moment / 1000 for moment in times]
    zero = origin if origin is not None else (times[0] if times else 0)
    return [(moment - zero) / 1e6 for moment in times]
