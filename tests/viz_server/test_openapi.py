"""The OpenAPI document: whole, valid, and kept by the running application."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

from runreel_server import openapi
from runreel_server.api.schemas import SCHEMAS
from runreel_server.asgi import _ROUTES
from runreel_server.up import Broker
from runs import RUN, random_run
from serving import Server

ASYNCHRONOUS = r"(/stream|/content|/logs.txt|/series.csv|/runs/{run}/events|/uploads/{artifact})$"
BOUNDED = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CONFORMANCE = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def broker() -> Broker:
    return Broker()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Server:
    server = Server(tmp_path_factory.mktemp("openapi"), kafka=broker.address())
    events = random_run(random.Random(4), steps=10)
    server.archive(events[:-5])
    server.catalog(events)
    server.tell(events[-5:])
    return server


def test_the_document_has_every_route_of_flask_and_of_asgi(server: Server) -> None:
    paths = server.get("/openapi.json")["paths"]
    known = {(path, method.upper()) for path, one in paths.items() for method in one if method != "parameters"}
    for rule in server.app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/") and rule.rule != "/api/v1/openapi.json":
            path = re.sub(r"<(\w+)>", r"{\1}", rule.rule)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                assert (path, method) in known
    for pattern, methods, _ in _ROUTES:
        for method in methods:
            mine = [path for path, its in known if its == method and pattern.fullmatch(re.sub(r"{\w+}", "x", path))]
            assert mine, pattern.pattern


def test_the_schemas_are_schemas(server: Server) -> None:
    document = server.get("/openapi.json")
    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert not SCHEMAS.keys() & openapi._events().keys()  # one would stand in for the other
    referred = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert referred <= document["components"]["schemas"].keys()


@pytest.fixture(scope="module")
def api(server: Server) -> schemathesis.schemas.BaseSchema:
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", server.app).exclude(path_regex=ASYNCHRONOUS)


def check_each(api: schemathesis.schemas.BaseSchema, check: Callable[[Case], None]) -> None:
    """Call `check` with generated requests of each operation, such as fit the document and such as do not."""
    for found in api.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                BOUNDED(given(case=operation.as_strategy(generation_mode=mode))(check))()
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # where anything fits, nothing can be wrong


@pytest.mark.slow
def test_the_application_keeps_the_document(api: schemathesis.schemas.BaseSchema) -> None:
    def check(case: Case) -> None:
        # A cursor or the name of a series fits no schema, and is refused all the same.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    check_each(api, check)


@pytest.mark.slow
def test_questions_about_a_run_that_is_there_are_answered_as_the_document_says(
    api: schemathesis.schemas.BaseSchema,
) -> None:
    def check(case: Case) -> None:
        case.path_parameters = {"run": RUN}
        case.call_and_validate(checks=CONFORMANCE)

    check_each(api.include(path_regex="{run}"), check)


def test_the_documents_name_every_address_and_every_parameter(server: Server) -> None:
    text = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
    for path, operations in server.get("/openapi.json")["paths"].items():
        address = path.removeprefix("/api/v1").replace("{run}", "RUN").replace("{artifact}", "ID")
        for method, operation in operations.items():
            if method in ("get", "post", "put"):
                assert f"{method.upper()} {address}" in text
                for parameter in operation["parameters"]:
                    if parameter["in"] == "query" and parameter["name"] not in ("as", "watch", "after"):
                        assert f"`{parameter['name']}`" in text, (address, parameter["name"])
