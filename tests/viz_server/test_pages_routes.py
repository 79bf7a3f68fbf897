"""The pages as the server renders them: whole and right before any script runs."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

import flights
from page_app import FlightsSource, PageApp
from page_html import Elements, page
from runreel_server.pages import plotly_bundle, readings
from runreel_server.pages.assets import STATIC
from runreel_server.pages.security import policy

RUN = f"/runs/{flights.RUN}"
HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def source() -> FlightsSource:
    return FlightsSource()


@pytest.fixture
def client(source: FlightsSource) -> FlaskClient:
    return PageApp(source).flask.test_client()


def test_the_run_page_says_how_the_run_is_before_any_script(client: FlaskClient) -> None:
    html, elements = page(client, RUN)
    texts = elements.texts
    assert (texts["percent"], texts["elapsed"], texts["left"], texts["wrong"], texts["record"]) == (
        "69 %",
        "13:39",
        "≈ 6:06",
        "2 failed",
        "no gap",
    )
    assert "<title>69 % · nyc-flights</title>" in html
    assert {one["data-step"] for one in elements.all("li", role="treeitem")} >= {"plan", "extract", "train", "publish"}
    assert len(elements.all("div", role="row")) == 15, "14 lanes, and the template's"
    assert 'data-key="train:loss"' in html
    assert 'href="/artifacts/a-clean"' in html


def test_a_moment_of_a_run_is_the_run_as_it_was(client: FlaskClient) -> None:
    html, elements = page(client, f"{RUN}?at={flights.at(627)}")
    assert (elements.texts["percent"], elements.texts["elapsed"], elements.texts["wrong"]) == (
        "53 %",
        "10:27",
        "1 failed",
    )
    assert elements.texts["record-note"] == "first 36,909 events"
    assert elements.texts["mode"] == "Back to live"
    assert "is-past" in elements.all("body")[0]["class"].split()  # type: ignore[union-attr]
    assert 'href="/artifacts/a-leaderboard"' not in html, "made later"
    data = json.loads(re.search(r'id="page-data">(.*?)</script>', html, re.DOTALL)[1])  # type: ignore[index]
    assert (data["at"], data["past"]["events"], data["state"]["events"]) == ("2026-11-22T09:14:32Z", 36_909, 48_211)
    assert data["past"]["steps"]
    assert "steps" not in data["state"], "what is as large as the graph is sent once"


@pytest.mark.parametrize("at", ["yesterday", "12:00", "2026-99-99T00:00:00Z"])
def test_what_is_no_moment_is_refused_in_one_line(client: FlaskClient, at: str) -> None:
    html, _ = page(client, f"{RUN}?at={at}", 400)
    assert f"at=&#39;{at}&#39; is no time: give one as 2026-11-22T09:14:32Z" in html


@pytest.mark.parametrize("address", ["/runs/none", "/artifacts/none"])
def test_what_is_not_there_has_a_page_that_says_so(client: FlaskClient, address: str) -> None:
    html, _ = page(client, address, 404)
    assert "There is no" in html


def test_a_run_that_has_just_begun_is_waited_for(client: FlaskClient, source: FlightsSource) -> None:
    digits = f"{flights.moment(flights.NOW) // 1000:012x}70008000000000000000"  # a UUIDv7 of now
    run, old = str(UUID(digits)), "0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d99"
    answers = [client.get(f"/runs/{one}") for one in (run, old)]
    assert [(one.status_code, one.headers.get("Refresh")) for one in answers] == [(404, "2"), (404, None)]
    assert f"Nothing of run {run} has arrived so far" in answers[0].text
    assert ["Not here yet" in one.text for one in answers] == [True, False]


def test_hostile_names_are_text(client: FlaskClient, source: FlightsSource) -> None:
    present = source.present
    present["pipeline"] = HOSTILE
    present["experiment"] = HOSTILE + "/x?y"
    present["params"] = {HOSTILE: HOSTILE, "bidi": "a\u202egpj.exe"}
    present["owner"] = HOSTILE
    present["steps"][HOSTILE.replace("/", "%2F")] = {**present["steps"]["plan"]}
    present["series"]["train"][HOSTILE] = {"count": 1, "last": 1.0, "min": 1.0, "max": 1.0}
    present["artifacts"]["a-clean"] |= {"name": HOSTILE, "type": HOSTILE}
    html, elements = page(client, RUN)
    assert not elements.all("img")
    assert all(
        one.get("src", "").startswith("/static/") or one.get("type") == "application/json"
        for one in elements.all("script")
    )  # type: ignore[union-attr]
    assert "a\\u202egpj.exe" in html
    assert json.loads(re.search(r'id="page-data">(.*?)</script>', html, re.DOTALL)[1])["state"]["pipeline"] == HOSTILE  # type: ignore[index]


def test_hostile_artifacts_and_tables_are_text(
    client: FlaskClient, source: FlightsSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = {"name": HOSTILE, "type": HOSTILE, "numeric": False, "null": 0.0, "distinct": 1, "histogram": []}
    shown = {"kind": "table", "columns": [column], "rows": [[HOSTILE]], "row": 0, "total": 1, "sampled": 1}
    monkeypatch.setattr(source, "preview", lambda *given, **more: shown)
    source.present["artifacts"]["a-clean"] |= {"name": HOSTILE, "uri": HOSTILE, "metadata": {HOSTILE: HOSTILE}}
    _, elements = page(client, "/artifacts/a-clean")
    assert not elements.all("img")


def test_home_puts_what_runs_first_then_failures_then_the_rest(client: FlaskClient) -> None:
    html, elements = page(client, "/")
    order = [html.index(f">{title}</h2>") for title in ("Running", "Failed", "Ended")]
    assert order == sorted(order)
    assert len(elements.all("li", data_state="RUNNING")) == 3
    assert "KeyError: &#39;wind_gust&#39; not in weather.columns" in html
    assert re.search(r'href="/runs/[^"]+\?at=[^"]+">Open at the failure', html)
    assert "3 missing" in html


def test_a_run_that_has_stalled_is_said_to(client: FlaskClient, source: FlightsSource) -> None:
    runs = source.listed()
    runs[1] |= {"state": "RUNNING", "stalls": flights.at(700), "heard": flights.at(690)}
    source.runs = runs
    html, _ = page(client, "/")
    assert "stalled, silent 2:09" in html


def test_home_without_a_run_says_how_to_make_one(client: FlaskClient, source: FlightsSource) -> None:
    source.runs = []
    html, _ = page(client, "/")
    assert "No run yet" in html
    assert "127.0.0.1:9092" in html


def test_the_list_goes_on_from_its_cursor_with_its_filters(client: FlaskClient) -> None:
    html, _ = page(client, "/runs?q=s&amp;state=")
    assert 'href="/runs?q=s&amp;cursor=20"' in html
    html, _ = page(client, "/runs?q=nothing-is-called-so")
    assert "No run is like that." in html


@pytest.mark.parametrize(
    ("artifact", "part"),
    [
        ("a-clean", '<td class="num">11</td>'),
        ("a-hours", '<img src="/api/v1/artifacts/a-hours/content"'),
        ("a-profile", 'sandbox="allow-scripts"'),
        ("a-card", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a-figure", 'data-figure="/api/v1/artifacts/a-figure/content"'),
        ("a-roc", "AUC 0.81"),
        ("a-confusion", ">early</th>"),
        ("a-notes", "&lt;b&gt;not bold&lt;/b&gt;"),
        ("a-baseline", "no viewer for Model"),
    ],
)
def test_each_kind_of_artifact_has_its_viewer(client: FlaskClient, artifact: str, part: str) -> None:
    html, _ = page(client, f"/artifacts/{artifact}")
    assert part in html
    assert f"{RUN}?at=" in html, "a link to the moment that it was made"


def test_the_rows_of_a_table_come_by_page(client: FlaskClient) -> None:
    answer = client.get("/artifacts/a-clean/preview?row=995&rows=100").json
    assert answer is not None
    assert (answer["row"], len(answer["rows"]), answer["total"]) == (995, 5, 1_000)
    missing = client.get("/artifacts/none/preview")
    assert (missing.status_code, missing.content_type) == (404, "application/problem+json")


def test_every_answer_has_the_policy_and_nothing_inline(client: FlaskClient) -> None:
    for address in ("/", "/runs", RUN, "/artifacts/a-profile", "/runs/none"):
        response = client.get(address)
        assert response.headers["Content-Security-Policy"] == policy(plotly_bundle.bundle().style_hashes)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        elements = Elements(response.text)
        assert not elements.all("style")
        assert not [at for _, at in elements.found if any(name.startswith("on") for name in at)]
        assert all(at.get("src") or at.get("type") == "application/json" for at in elements.all("script"))


def test_the_policy_is_the_one_of_the_surface() -> None:
    assert policy(["HASH="]) == (
        "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'; img-src 'self' data: blob:; "
        "frame-src 'self'; style-src 'self' 'sha256-HASH='; style-src-attr 'unsafe-inline'"
    )


@pytest.mark.parametrize(
    ("path", "icon"),
    [(RUN, "icon/wrong.svg"), (f"{RUN}?at={flights.at(100)}", "icon/wrong.svg"), ("/", "icon/wrong.svg")],
)
def test_a_tab_has_an_icon_for_its_state(client: FlaskClient, path: str, icon: str) -> None:
    """That of now, whatever moment is looked at."""
    _, elements = page(client, path)
    (link,) = elements.all("link", rel="icon")
    href = link["href"] or ""
    assert href.endswith(f"/{icon}")
    assert client.get(href).content_type.startswith("image/svg+xml")


def test_there_is_an_icon_for_each_state(client: FlaskClient) -> None:
    named = {"running", "wrong", "stalled", "waiting", *readings.ICONS.values()}
    assert {path.stem for path in (STATIC / "icon").glob("*.svg")} == named


def test_static_files_are_kept_for_ever_under_the_hash_of_their_content(client: FlaskClient) -> None:
    _, elements = page(client, RUN)
    addresses = [at["href"] for at in elements.all("link") if at["href"]] + [
        at["src"] for at in elements.all("script") if at.get("src")
    ]
    assert [address for address in addresses if address.endswith("/run.js")], "the page's modules, as one script"
    for address in addresses:
        response = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.headers["Content-Encoding"] == "gzip"
    assert client.get(re.sub(r"/static/\w+/", "/static/000000000000/", addresses[0])).status_code == 404
    assert client.get("/static/x/../pages/routes.py").status_code == 404


def test_plotly_is_served_compressed_from_the_installed_package(client: FlaskClient) -> None:
    _, elements = page(client, RUN)
    body = elements.all("body")[0]
    script = client.get(str(body["data-plotly"]), headers={"Accept-Encoding": "gzip"})
    assert script.headers["Cache-Control"].endswith("immutable")
    assert gzip.decompress(script.data) == plotly_bundle.bundle().script
    assert len(script.data) < 1_700_000
    assert client.get(str(body["data-plotly-css"])).text == plotly_bundle.bundle().css


def test_rules_and_hashes_are_found_in_the_installed_plotly() -> None:
    css, hashes = plotly_bundle.bundle().css, plotly_bundle.bundle().style_hashes
    assert css.count("{") > 50
    assert ".js-plotly-plot .plotly" in css
    assert ".plotly-notifier" in css
    assert hashes


def test_a_plotly_of_another_form_gives_no_rules_and_no_error() -> None:
    assert plotly_bundle.css_of("function () {}") == ""
    assert plotly_bundle.style_hashes_of("function () {}") == ()


def test_a_page_is_never_kept(client: FlaskClient) -> None:
    assert client.get(RUN).headers["Cache-Control"] == "no-store"


def test_the_source_of_a_page_reads_what_an_empty_run_has(client: FlaskClient, source: FlightsSource) -> None:
    empty: dict[str, Any] = {"id": flights.RUN, "state": "PENDING", "steps": {}}
    source.present = empty
    html, _ = page(client, RUN)
    assert "No step yet" in html
    assert "No metric yet" in html
    assert "No artifact yet" in html


def test_a_long_lineage_is_folded_but_for_what_is_near(client: FlaskClient, source: FlightsSource) -> None:
    artifact = source.artifact("a-clean")
    many = [
        {"depth": 0, "kind": "step", "path": f"extract/{n}", "state": "SUCCEEDED", "duration": 1.0} for n in range(30)
    ]
    source.artifact = lambda *_: {**artifact, "lineage": [*many, *artifact["lineage"]]}  # type: ignore[method-assign]
    html, elements = page(client, "/artifacts/a-clean")
    assert [f"{left} more above" in html for left in (26, 14, 2)] == [True] * 3, "a dozen at a time"
    assert html.index("14 more above") < html.index("extract/24") < html.index("extract/29")
    assert len(elements.all("li", aria_current="true")) == 1


def test_a_lineage_tells_steps_from_artifacts_and_near_from_far(client: FlaskClient) -> None:
    html, elements = page(client, "/artifacts/a-clean")
    shown = [(one["class"], one["style"]) for one in elements.all("li") if "is-" in str(one.get("class"))]
    assert shown == [
        ("is-artifact", "--depth:2"),
        ("is-step", "--depth:1"),
        ("is-artifact", "--depth:0"),
        ("is-step", "--depth:1"),
    ]
    assert html.index(">Made of<") < html.index('aria-current="true"') < html.index(">Used by<")
    assert html.count("<small>step</small>") == 2


def test_home_leads_to_the_moment_of_the_failure_not_to_the_runs_end(
    client: FlaskClient, source: FlightsSource
) -> None:
    failed = source.listed()[5]
    source.runs = [{**failed, "failing": {"step": "weather", "line": "no", "finished": "2026-11-22T08:20:00Z"}}]
    _, elements = page(client, "/")
    assert any("at=2026-11-22T08:20:00" in link["href"] for link in elements.all("a") if "at=" in link["href"])


def test_of_a_traceback_home_says_the_point(client: FlaskClient, source: FlightsSource) -> None:
    failed = source.listed()[5]
    trace = "Traceback (most recent call last):\n  File \"x.py\"\nKeyError: 'late'\nwith more to say"
    failing = {"step": "weather", "line": trace}
    source.runs = [
        {**failed, "failing": failing},
        {**failed, "id": flights.RUN, "failing": failing, "error": {"type": "OSError", "message": "no\nmore to say"}},
    ]
    html, _ = page(client, "/")
    assert '<code class="bdi" title="KeyError: &#39;late&#39;">' in html
    assert "OSError: no" in html
    assert "Traceback" not in html
    assert "more to say" not in html
