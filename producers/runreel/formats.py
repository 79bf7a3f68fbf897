"""What kind of thing an output is, and how it becomes bytes."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from runreel import codec, values

_log = logging.getLogger("runreel")

HTML, MARKDOWN, CSV, JSON, PNG = "text/html", "text/markdown", "text/csv", "application/json", "image/png"
PARQUET, ZIP, BYTES, TEXT = (
    "application/vnd.apache.parquet",
    "application/zip",
    "application/octet-stream",
    "text/plain",
)
PLOTLY: Final = "application/vnd.plotly.v1+json"

_BY_SUFFIX: Final = {
    ".html": ("HTML", HTML),
    ".htm": ("HTML", HTML),
    ".md": ("Markdown", MARKDOWN),
    ".csv": ("Dataset", CSV),
    ".tsv": ("Dataset", "text/tab-separated-values"),
    ".parquet": ("Dataset", PARQUET),
    ".json": ("Artifact", JSON),
    ".jsonl": ("Dataset", "application/jsonl"),
    ".plotly.json": ("Plotly", PLOTLY),
    ".png": ("Image", PNG),
    ".jpg": ("Image", "image/jpeg"),
    ".jpeg": ("Image", "image/jpeg"),
    ".gif": ("Image", "image/gif"),
    ".webp": ("Image", "image/webp"),
    ".svg": ("Image", "image/svg+xml"),
    ".txt": ("Artifact", TEXT),
    ".log": ("Artifact", TEXT),
    ".pdf": ("Artifact", "application/pdf"),
    ".zip": ("Artifact", ZIP),
    ".pkl": ("Model", BYTES),
    ".joblib": ("Model", BYTES),
    ".pt": ("Model", BYTES),
    ".pth": ("Model", BYTES),
    ".onnx": ("Model", BYTES),
    ".h5": ("Model", BYTES),
    ".keras": ("Model", BYTES),
    ".safetensors": ("Model", BYTES),
}
_TEXT_OF_TYPE: Final = {
    "HTML": (HTML, ".html"),
    "Markdown": (MARKDOWN, ".md"),
    "Table": (CSV, ".csv"),
    "Dataset": (CSV, ".csv"),
    "Plotly": (PLOTLY, ".plotly.json"),
    "Metrics": (JSON, ".json"),
    "ClassificationMetrics": (JSON, ".json"),
    "SlicedClassificationMetrics": (JSON, ".json"),
}


class Content(NamedTuple):
    """How something becomes a file: its default type and media type, the file's suffix, and what writes it.

    `file` is there where it is one already.
    """

    type: str
    media_type: str
    suffix: str
    write: Callable[[Path], None]
    file: Path | None = None


def content(name: str, obj: Any, type_: str | None) -> Content:
    """What `obj` is. `type_` is the type that was given, which tells text apart.

    Raises:
        TypeError: it is nothing that can be kept.
    """
    if isinstance(obj, os.PathLike):
        return _path(Path(os.fsdecode(obj)))
    if isinstance(obj, str):
        return _path(Path(obj)) if _is_path(name, obj) else _text(obj, type_)
    if isinstance(obj, bytes | bytearray | memoryview):
        media_type, suffix = _by_magic(bytes(obj[:8])) if type_ in (None, "Image") else (BYTES, "")
        kind = "Image" if media_type == PNG else "Artifact"
        return Content(kind, media_type, suffix, lambda path: _write(path, obj))
    for found in (_frame(obj), _plotly(obj), _matplotlib(obj)):
        if found is not None:
            return found
    if isinstance(obj, Mapping | list | tuple):
        media_type, suffix = (PLOTLY, ".plotly.json") if type_ == "Plotly" else (JSON, ".json")
        numbers = isinstance(obj, Mapping) and bool(obj) and all(isinstance(v, int | float) for v in obj.values())
        kind = "Metrics" if numbers else "Artifact"
        return Content(kind, media_type, suffix, lambda path: _write(path, codec.encode_data(values.plain(obj))))
    raise TypeError(
        f"output {name!r} is {values.shown(obj)}, a {type(obj).__name__}: give a path, bytes, text, a pandas frame, "
        "a Plotly or Matplotlib figure, a mapping or a list"
    )


def of_uri(uri: str) -> tuple[str, str | None]:
    """Type and media type that a uri's ending suggests."""
    kind, media_type = _by_suffix(uri.partition("?")[0].partition("#")[0])
    return kind, None if media_type == BYTES else media_type


def _write(path: Path, data: bytes | bytearray | memoryview) -> None:
    path.write_bytes(data)


def _by_magic(head: bytes) -> tuple[str, str]:
    return (PNG, ".png") if head == b"\x89PNG\r\n\x1a\n" else (BYTES, "")


def _is_path(name: str, text: str) -> bool:
    """Whether a text is the path of something that is there."""
    if "\n" in text or "\0" in text or not text or len(text) > 4096:
        return False
    try:
        if os.path.exists(text):
            return True
    except ValueError:
        return False
    if os.sep in text and " " not in text and not text.startswith("<") and os.path.splitext(text)[1]:
        _log.warning("output %r: no file %s is there, so that is kept as text", name, values.shown(text))
    return False


def _by_suffix(file_name: str) -> tuple[str, str]:
    lower = file_name.lower()
    two = "".join(Path(lower).suffixes[-2:])
    return _BY_SUFFIX.get(two) or _BY_SUFFIX.get(os.path.splitext(lower)[1]) or ("Artifact", BYTES)


def _path(path: Path) -> Content:
    if path.is_dir():
        return Content("Artifact", ZIP, ".zip", lambda target: zipped(path, target))
    kind, media_type = _by_suffix(path.name)
    return Content(kind, media_type, "".join(path.suffixes[-2:]) if kind == "Plotly" else path.suffix, _no_write, path)


def _no_write(path: Path) -> None:
    raise AssertionError(f"{path} is copied, not written")


def zipped(folder: Path, target: Path) -> None:
    """A folder as one zip file, uncompressed, so that a reader finds each file in it by its offset."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
            elif path.is_dir() and not any(path.iterdir()):
                archive.mkdir(path.relative_to(folder).as_posix())


def _text(text: str, type_: str | None) -> Content:
    kind, (media_type, suffix) = "Artifact", _TEXT_OF_TYPE.get(type_ or "", (TEXT, ".txt"))
    if type_ is None and text.lstrip()[:15].lower().startswith(("<!doctype html", "<html")):
        kind, media_type, suffix = "HTML", HTML, ".html"
    data = values.clean(text).encode()
    return Content(kind, media_type, suffix, lambda path: _write(path, data))


def _frame(obj: Any) -> Content | None:
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(obj, pandas.DataFrame | pandas.Series):
        return None
    frame = obj.to_frame() if isinstance(obj, pandas.Series) else obj
    if importlib.util.find_spec("pyarrow") is not None:
        return Content("Dataset", PARQUET, ".parquet", lambda path: frame.to_parquet(path, engine="pyarrow"))
    _warn_of_csv()
    return Content("Dataset", CSV, ".csv", lambda path: frame.to_csv(path, index=frame.index.name is not None))


@functools.cache
def _warn_of_csv() -> None:
    _log.warning("pyarrow is not installed: frames are kept as CSV, which forgets their types (pip install pyarrow)")


def _plotly(obj: Any) -> Content | None:
    plotly = sys.modules.get("plotly.basedatatypes")
    if plotly is None or not isinstance(obj, plotly.BaseFigure):
        return None
    return Content("Plotly", PLOTLY, ".plotly.json", lambda path: _write(path, obj.to_json().encode()))


def _matplotlib(obj: Any) -> Content | None:
    matplotlib = sys.modules.get("matplotlib.figure")
    if matplotlib is None or not isinstance(obj, matplotlib.Figure):
        return None
    return Content("Image", PNG, ".png", lambda path: obj.savefig(path, format="png", dpi=150, bbox_inches="tight"))
