"""What is deployed agrees with itself and with the code: settings, commands, users, ports, names."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from native_stack.install import KAFKA_VERSION

from runreel.settings import SETTINGS, Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "runreel"]
MANIFESTS: list[dict[str, Any]] = [
    yaml.safe_load((KUBERNETES / name).read_text())
    for name in yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
]
DEPLOYMENTS = [manifest for manifest in MANIFESTS if manifest["kind"] == "Deployment"]
VARIABLES = {setting.variable for setting in SETTINGS}
UID = 10001


def dockerfile() -> Iterator[tuple[str, str]]:
    """The instructions of the Dockerfile, with their arguments."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            instruction, _, arguments = line.partition(" ")
            yield instruction, arguments.strip()


def pod(deployment: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


def containers() -> list[dict[str, Any]]:
    """All containers of all deployments, those that run first included."""
    return [one for made in DEPLOYMENTS for one in [*pod(made).get("initContainers", []), *pod(made)["containers"]]]


def named(kind: str) -> dict[str, Any]:
    (found,) = [manifest for manifest in MANIFESTS if manifest["kind"] == kind]
    return found


def environment(name: str) -> dict[str, str]:
    """A compose service's variables with the shell's defaults put in and a word where one is required."""
    return {
        key: re.sub(r"\$\{\w+:(-|\?)([^}]*)\}", lambda found: found[2] if found[1] == "-" else "given", str(value))
        for key, value in SERVICES[name]["environment"].items()
    }


@functools.cache
def compose_plugin() -> bool:
    """Whether the docker client here has its compose plugin."""
    return (
        bool(shutil.which("docker"))
        and not subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    )


def test_docker_compose_takes_the_file() -> None:
    if not compose_plugin():
        pytest.skip("the docker client has no compose plugin here")
    command = ["docker", "compose", "-f", str(DEPLOY / "compose.yaml"), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"MINIO_ROOT_PASSWORD": "secret"})
    assert done.returncode == 0, done.stderr


def test_compose_runs_every_part() -> None:
    commands = {name: SERVICES[name]["command"] for name in OURS}
    assert commands == {
        "topics": ["topics", "create"],
        "archive": ["consume", "archive"],
        "blobs": ["consume", "blobs"],
        "server": ["serve"],
    }


@pytest.mark.parametrize("name", OURS)
def test_compose_sets_settings_that_there_are_to_values_that_they_take(name: str) -> None:
    given = environment(name)
    assert {key for key in given if key.startswith("RUNREEL_")} <= VARIABLES
    settings = Settings(environ=given, folder="/nonexistent")
    store = environment("minio")
    assert settings.s3_keys == (store["MINIO_ROOT_USER"], store["MINIO_ROOT_PASSWORD"], None)
    assert settings.kafka == "kafka:19092"


def test_compose_has_no_password_of_its_own() -> None:
    passwords = [service.get("environment", {}).get("MINIO_ROOT_PASSWORD") for service in SERVICES.values()]
    given = [password for password in passwords if password]
    assert len(given) == 1 + len(OURS)
    assert all(password.startswith("${MINIO_ROOT_PASSWORD:?") for password in given)


def test_compose_publishes_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 3
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_compose_addresses_are_those_of_its_services() -> None:
    kafka = SERVICES["kafka"]["environment"]
    assert f"INSIDE://{environment('archive')['RUNREEL_KAFKA']}" in kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")
    outside = SERVICES["kafka"]["ports"][0].rpartition(":")[0]
    assert f"OUTSIDE://{outside}" in kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")
    listeners = {listener.partition(":")[0] for listener in kafka["KAFKA_LISTENERS"].split(",")}
    assert listeners == {pair.partition(":")[0] for pair in kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")}
    assert environment("archive")["RUNREEL_S3_ENDPOINT"] == "http://minio:9000"


def test_compose_pins_images_and_has_the_kafka_of_the_tests() -> None:
    images = {name: service["image"] for name, service in SERVICES.items() if name not in OURS}
    assert images["kafka"] == f"apache/kafka:{KAFKA_VERSION}"
    assert all(":" in image and not image.endswith(":latest") for image in images.values())


def test_compose_waits_for_what_is_needed_by_its_health() -> None:
    for service in SERVICES.values():
        for name, need in service.get("depends_on", {}).items():
            if need["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name], name
            else:
                assert SERVICES[name]["restart"] == "no", name
    assert {"kafka", "minio", "server"} == {name for name, service in SERVICES.items() if "healthcheck" in service}


def test_compose_keeps_the_data_of_kafka_and_the_store_in_volumes() -> None:
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])
    assert SERVICES["kafka"]["volumes"] == [f"kafka:{SERVICES['kafka']['environment']['KAFKA_LOG_DIRS']}"]
    assert SERVICES["minio"]["volumes"] == ["minio:/data"]


def test_the_image_runs_runreel_as_a_user_that_is_not_root() -> None:
    instructions = list(dockerfile())
    assert [arguments for name, arguments in instructions if name == "FROM"] == [
        "python:3.11-slim AS build",
        "python:3.11-slim",
    ]
    names = [name for name, _ in instructions]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert ("USER", str(UID)) in instructions
    assert any(name == "RUN" and f"useradd --uid {UID} " in arguments for name, arguments in instructions)
    assert ("ENTRYPOINT", '["runreel"]') in instructions


def test_what_the_image_copies_is_let_through_and_is_enough_to_build_the_wheel(tmp_path: Path) -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [arguments.split() for name, arguments in dockerfile() if name == "COPY" and "--from" not in arguments]
    for *sources, target in copied:
        for source in sources:
            assert f"!{source}" in ignored
            if (ROOT / source).is_dir():
                skip = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, tmp_path / target, ignore=skip)
            else:
                shutil.copy(ROOT / source, tmp_path / target)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "dist")]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "dist").glob("runreel-*.whl"))


def test_kubernetes_lists_every_manifest() -> None:
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    assert set(listed) == {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}


def test_kubernetes_runs_every_part() -> None:
    assert sorted(container["args"] for container in containers()) == [
        ["consume", "archive"],
        ["consume", "blobs"],
        ["serve"],
        ["topics", "create"],
    ]
    assert {manifest["kind"] for manifest in MANIFESTS} == {"Deployment", "Service", "ConfigMap"}


def test_kubernetes_sets_settings_that_there_are_to_values_that_they_take() -> None:
    data = named("ConfigMap")["data"]
    assert set(data) <= VARIABLES
    assert all(isinstance(value, str) for value in data.values())
    Settings(environ=data, folder="/nonexistent")
    own = {variable["name"] for container in containers() for variable in container.get("env", [])}
    assert own <= VARIABLES


def test_kubernetes_takes_settings_and_secrets_by_reference_and_holds_no_secret() -> None:
    for container in containers():
        assert container["envFrom"] == [
            {"configMapRef": {"name": named("ConfigMap")["metadata"]["name"]}},
            {"secretRef": {"name": "runreel-secrets"}},
        ]
    secrets = {setting.variable for setting in SETTINGS if setting.secret}
    assert not secrets & set(named("ConfigMap")["data"])


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: str(deployment["metadata"]["name"]))
def test_a_pod_is_selected_by_its_deployment_and_bound_in_what_it_may(deployment: dict[str, Any]) -> None:
    spec = pod(deployment)
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert spec["enableServiceLinks"] is False
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["fsGroup"] == UID
    mounted = {mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["volumes"]}
    assert all(volume.get("emptyDir") == {} for volume in spec["volumes"])


def test_every_container_has_a_read_only_root_and_no_capability() -> None:
    for container in containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_server_is_probed_where_it_says_whether_it_lives_and_is_ready() -> None:
    (server,) = [container for container in containers() if container["name"] == "server"]
    assert (
        server["livenessProbe"]["httpGet"] == server["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    )
    assert server["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    (port,) = server["ports"]
    assert port == {"name": "http", "containerPort": Settings(environ={}, folder="/nonexistent").port}
    assert "/readyz" in SERVICES["server"]["healthcheck"]["test"][-1]


def test_the_service_finds_the_server_and_its_variables_are_no_settings() -> None:
    service = named("Service")
    (server,) = [made for made in DEPLOYMENTS if pod(made)["containers"][0]["name"] == "server"]
    assert service["spec"]["selector"] == server["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["ports"][0]["targetPort"] == pod(server)["containers"][0]["ports"][0]["name"]
    # In pods of its namespace Kubernetes sets NAME_PORT, NAME_SERVICE_HOST and others.
    letters = service["metadata"]["name"].upper().replace("-", "_")
    assert not VARIABLES & {f"{letters}_PORT", f"{letters}_SERVICE_HOST", f"{letters}_SERVICE_PORT"}
