"""Home and the list of runs as the server renders them: every view has an address, each link changes one thing."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

import flights
from page_app import FlightsSource, PageApp
from page_html import page
from runreel_server.pages.home_page import Json, strip
from runreel_server.pages.list_page import ListAddress


@pytest.fixture
def source() -> FlightsSource:
    return FlightsSource()


@pytest.fixture
def client(source: FlightsSource) -> FlaskClient:
    return PageApp(source).flask.test_client()


def heads(html: str) -> list[str]:
    """The texts of the table's heads."""
    row = html[html.index("<thead>") : html.index("</thead>")]
    texts = [part.partition(">")[2] for part in row.split("<th ")[1:]]
    return [unescape(text.replace("</a>", "").split("</th>")[0].split(">")[-1]) for text in texts]


def query(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(unescape(address)).query)


def links(html: str) -> list[str]:
    return [unescape(part.split('"')[0]) for part in html.split('href="')[1:]]


def test_a_head_sorts_by_its_column_and_turns_the_order(client: FlaskClient) -> None:
    html, elements = page(client, "/runs?state=failed&state=SUCCEEDED&sort=pipeline")
    assert [at for at in elements.all("th") if at.get("aria-sort")] == elements.all("th", aria_sort="ascending")
    (turned,) = [link for link in links(html) if query(link).get("sort") == ["-pipeline"]]
    assert query(turned)["state"] == ["FAILED", "SUCCEEDED"]
    assert any(query(link).get("sort") == ["-duration"] for link in links(html))
    down, _ = page(client, "/runs?sort=-pipeline")
    assert down.index(">weather-sync<") < down.index(">nyc-flights<")


def test_columns_are_chosen_in_their_order_metrics_params_and_tags_too(client: FlaskClient) -> None:
    address = "/runs?column=took&column=metric:train:auc&column=param:rows&column=tag:kind"
    html, elements = page(client, address)
    assert heads(html)[3:] == ["Took", "train: auc", "rows", "kind"]
    assert ">0.87<" in html
    assert "336,776" in html
    assert ">nightly<" in html
    assert any(query(link).get("sort") == ["-metric:train:auc"] for link in links(html))
    assert len(elements.all("input", name="column", type="checkbox", value="metric:train:auc")) == 1
    assert "checked" in elements.all("input", name="column", type="checkbox", value="param:rows")[0]


def test_each_filter_that_holds_is_a_link_to_the_list_without_it(client: FlaskClient) -> None:
    html, elements = page(client, "/runs?q=nyc&state=FAILED&tag=kind&tag=a%3Db&sort=started")
    chips = [at["href"] or "" for at in elements.all("a", **{"class": "chip"})]
    assert [sorted(query(chip)) for chip in chips] == [
        ["sort", "state", "tag"],
        ["q", "sort", "tag"],
        ["q", "sort", "state", "tag"],
        ["q", "sort", "state", "tag"],
    ]
    assert [query(chip).get("tag") for chip in chips[2:]] == [["a=b"], ["kind"]]
    assert "<title>Runs: “nyc”, state failed, tag kind, tag a=b – runreel</title>" in html


def test_a_form_passes_on_what_it_does_not_ask(client: FlaskClient) -> None:
    _, elements = page(client, "/runs?state=FAILED&tag=a&sort=started&column=took&cursor=20&q=s")
    hidden = [(at["name"], at["value"]) for at in elements.all("input", type="hidden")]
    assert hidden.count(("sort", "started")) == 3
    assert hidden.count(("state", "FAILED")) == 2
    assert hidden.count(("q", "s")) == 2
    assert not [name for name, _ in hidden if name == "cursor"]


def test_pages_follow_each_other_and_say_which_runs_they_hold(client: FlaskClient) -> None:
    html, elements = page(client, "/?sort=-duration")
    assert "1–17 of 18" in html
    (following,) = elements.all("a", rel="next")
    assert query(following["href"] or "") == {"sort": ["-duration"], "cursor": ["20"]}
    html, _ = page(client, following["href"] or "")
    assert "18–18 of 18" in html
    assert "First page" in html
    assert "No run yet" not in html


def test_home_lists_what_has_ended_and_the_list_everything(client: FlaskClient) -> None:
    home, everything = page(client, "/")[1], page(client, "/runs")[1]
    assert not home.all("td", data_state="RUNNING")
    assert len(everything.all("td", data_state="RUNNING")) == 3


@pytest.mark.parametrize("column", ["colour", "metric:", "unit:x"])
def test_what_is_no_column_is_refused_with_those_there_are(column: str) -> None:
    with pytest.raises(ValueError, match=f"column='{column}'.*experiment.*metric:STEP:NAME"):
        ListAddress("/runs", {"column": [column]})


def test_what_is_wrong_among_the_running_comes_first_the_rest_newest_first(
    client: FlaskClient, source: FlightsSource
) -> None:
    runs = source.listed()[:3]
    runs[1]["steps"]["FAILED"], runs[0]["steps"]["FAILED"] = 2, 0
    source.runs = runs
    html, _ = page(client, "/")
    shown = [html.index(f'href="/runs/{one["id"]}"') for one in (runs[1], runs[0], runs[2])]
    assert shown == sorted(shown)
    assert "2 steps failed" in html


def test_one_run_of_many_that_run_is_enough_for_a_link_to_the_rest(client: FlaskClient, source: FlightsSource) -> None:
    one = source.listed()[0]
    source.runs = [{**one, "id": f"{flights.RUN[:-12]}{n:012x}"} for n in range(40)]
    html, _ = page(client, "/")
    assert "<title>40 running – runreel</title>" in html
    assert ">23 more<" in html


def test_done_is_of_the_work_not_of_the_time(client: FlaskClient, source: FlightsSource) -> None:
    """A run that is late and whose first step failed is not all but done."""
    one = source.listed()[0]
    steps = [{"step": f"s{n}", "state": "PENDING", "started": None, "finished": None} for n in range(9)]
    steps[0] |= {"state": "SUCCEEDED", "started": one["started"], "finished": flights.at(1)}
    steps[1] |= {"state": "FAILED", "started": flights.at(1), "finished": flights.at(2)}
    one |= {"bars": steps, "steps": {"total": 9, "SUCCEEDED": 1, "FAILED": 1, "PENDING": 7}, "eta": flights.at(820)}
    source.runs = [one]
    html, _ = page(client, "/")
    assert ">11 %</b>" in html


def test_of_a_run_that_began_on_another_day_the_day_is_said(client: FlaskClient, source: FlightsSource) -> None:
    source.later = 86_400
    html, _ = page(client, "/")
    assert re.search(r"since <time [^>]*>2\d Nov, \d\d:\d\d:\d\d</time>", html)


def test_every_time_can_be_read_in_utc(client: FlaskClient) -> None:
    _, elements = page(client, "/")
    times = elements.all("time")
    assert len(times) > 17
    assert all(at["title"] == f"{(at['datetime'] or '')[:10]} {(at['datetime'] or '')[11:19]} UTC" for at in times)


def test_bars_say_in_words_what_they_show(client: FlaskClient) -> None:
    html, _ = page(client, "/")
    assert 'aria-label="last 18 runs, 2 failed, the longest took 4:4' in html


START = 1_795_338_000_000_000
SECOND = 1_000_000


@pytest.mark.parametrize(
    ("passed", "told", "edge", "usual"),
    [
        (45, {}, 270, None),  # nobody knows how long: a minute
        (61, {}, 360 * 61 / 300, None),
        (90_000, {}, 360 * 90_000 / 172_800, None),
        (45, {"median": 90.0, "eta": "2026-11-22T09:01:30Z"}, 180, None),
        (100, {"median": 50.0}, 360, 180),  # longer than before
    ],
)
def test_a_strip_goes_to_the_expected_end_and_leaves_room_where_nobody_knows_it(
    passed: int, told: Json, edge: float, usual: float | None
) -> None:
    bar = {"step": "load", "state": "RUNNING", "started": "2026-11-22T09:00:00Z", "finished": None}
    drawn = dict(strip({"started": "2026-11-22T09:00:00Z", "bars": [bar], **told}, START + passed * SECOND))
    assert drawn.pop("edge") == f"M{edge:.1f} 0v30"
    assert drawn.pop("usual", None) == (None if usual is None else f"M{usual:.1f} 0v30")
    assert drawn == {"RUNNING": f"M0.0 0.0H{edge:.1f}v5.0H0.0z"}
