"""What stands in deploy/ agrees with packy and with itself: ports, paths, variables, limits, lock files."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from packy import errors
from packy.config import load_snapshot
from packy.demo import DemoUpstream
from tests.deploy.nginx_site import SITE
from tests.deploy.test_systemd_unit import settings, variables
from tests.support.gateway import ROOT, Gateway, config_for

if TYPE_CHECKING:
    from pathlib import Path

    Json = dict[str, Any]

DEPLOY = ROOT / "deploy"
CONTAINERFILE = DEPLOY / "container" / "Containerfile"
IGNORE = DEPLOY / "container" / "Containerfile.dockerignore"
CODE = "\n".join(
    path.read_text()
    for folder in ("packy", "middleware", "blueprints")
    for path in [*(ROOT / folder).rglob("*.py"), ROOT / "gunicorn.conf.py", ROOT / "wsgi.py"]
)
PROBES = ("/livez", "/readyz")


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile, with what follows each in one line."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    pairs = [line.partition(" ") for line in text.splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in pairs]


def values(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def container_variables() -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(values("ENV")[-1]))


@cache
def compose() -> Json:
    document = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())
    service: Json = document["services"]["packy"]
    return service


@cache
def kubernetes() -> dict[str, Json]:
    """The objects by kind."""
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    documents = [document for file in files for document in yaml.safe_load_all(file.read_text())]
    return {document["kind"]: document for document in documents}


def pod() -> Json:
    spec: Json = kubernetes()["Deployment"]["spec"]["template"]["spec"]
    return spec


def container() -> Json:
    (only,) = pod()["containers"]
    found: Json = only
    return found


def pod_variables() -> dict[str, str]:
    return {each["name"]: each["value"] for each in container()["env"]}


def open_files() -> int:
    """How many files gunicorn.conf.py asks for."""
    text = (ROOT / "gunicorn.conf.py").read_text()
    (connections,) = re.findall(r"^worker_connections = (\d+)$", text, re.MULTILINE)
    assert "_files = 2 * worker_connections + 200" in text
    return 2 * int(connections) + 200


@pytest.mark.parametrize("given", [variables, container_variables, pod_variables], ids=["systemd", "image", "pod"])
def test_each_variable_of_packy_that_is_given_is_read(given: Any) -> None:
    own = {name for name in given() if name.startswith("PACKY")}

    assert own
    assert [name for name in own if f'"{name}"' not in CODE] == []


def test_the_paths_that_are_probed_and_hidden_exist() -> None:
    probes = {container()[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    hidden = {errors.METRICS_PATH, errors.MANAGEMENT_PATH, errors.STATUS_PATH, errors.HEALTH_PATH}

    assert probes == set(PROBES)
    assert all(f'"{path}"' in CODE for path in (*PROBES, *hidden))
    assert all(path in SITE.read_text() for path in hidden)
    assert kubernetes()["ServiceMonitor"]["spec"]["endpoints"][0]["path"] == errors.METRICS_PATH


def test_the_port_is_the_same_everywhere() -> None:
    port = str(load_snapshot(ROOT / "config.example.yaml", environ={}).server.port)

    assert f"server 127.0.0.1:{port};" in SITE.read_text()
    assert values("EXPOSE") == [port]
    assert container_variables()["PACKY_PORT"] == pod_variables()["PACKY_PORT"] == port
    assert compose()["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert container()["ports"] == [{"name": "http", "containerPort": int(port)}]
    assert kubernetes()["Service"]["spec"]["ports"][0]["targetPort"] == "http"
    assert all(f":{port}/readyz" in text for text in (CONTAINERFILE.read_text(), str(compose()["healthcheck"])))


def test_whoever_ends_a_gateway_waits_longer_than_its_answers_may_take() -> None:
    grace = int(container_variables()["PACKY_GRACEFUL_TIMEOUT"])
    assert int(compose()["stop_grace_period"].removesuffix("s")) > grace
    assert values("STOPSIGNAL") == ["SIGTERM"]

    before = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod()["terminationGracePeriodSeconds"] > before + int(pod_variables()["PACKY_GRACEFUL_TIMEOUT"])


def test_each_may_open_as_many_files_as_packy_asks_for() -> None:
    assert settings()["LimitNOFILE"] == [str(open_files())]
    assert compose()["ulimits"]["nofile"] == open_files()


def test_containers_run_without_rights_and_write_only_where_they_must() -> None:
    user = values("USER")[-1]
    assert (
        user == compose()["user"] == f"{pod()['securityContext']['runAsUser']}:{pod()['securityContext']['runAsGroup']}"
    )
    assert not user.startswith("0")
    assert compose()["read_only"] is container()["securityContext"]["readOnlyRootFilesystem"] is True
    assert compose()["cap_drop"] == container()["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert "no-new-privileges:true" in compose()["security_opt"]
    assert container()["securityContext"]["allowPrivilegeEscalation"] is False
    mounts = {mount["mountPath"] for mount in container()["volumeMounts"]}
    assert {"/tmp", pod_variables()["PACKY_STATE"]} < mounts  # noqa: S108 - a path in the container
    assert {each["name"] for each in pod()["volumes"]} == {each["name"] for each in container()["volumeMounts"]}
    assert any(volume.endswith(f":{container_variables()['PACKY_STATE']}") for volume in compose()["volumes"])


def test_the_image_installs_what_is_locked_and_copies_what_is_there() -> None:
    installs = [line for line in values("RUN") if "pip install" in line]
    assert "--require-hashes --no-deps -r requirements.lock" in installs[0]
    assert all("--no-deps" in line for line in installs)
    allowed = {line[1:] for line in IGNORE.read_text().splitlines() if line.startswith("!")}
    copied = {
        word.removesuffix("/") for line in values("COPY") if not line.startswith("--from") for word in line.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
    imported = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert imported - {"bench", "tests"} <= copied


def test_compose_builds_from_the_checkout() -> None:
    build = compose()["build"]
    context = (DEPLOY / "container" / build["context"]).resolve()

    assert context == ROOT
    assert context / build["dockerfile"] == CONTAINERFILE


def test_objects_refer_to_each_other_by_labels_and_names_that_exist() -> None:
    objects = kubernetes()
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert objects["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert objects["Service"]["spec"]["selector"] == labels
    assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert objects["ServiceMonitor"]["spec"]["selector"]["matchLabels"] == objects["Service"]["metadata"]["labels"]
    listed = {DEPLOY / "kubernetes" / name for name in objects["Kustomization"]["resources"]}
    there = set((DEPLOY / "kubernetes").glob("*.yaml"))
    assert there - listed == {DEPLOY / "kubernetes" / name for name in ("kustomization.yaml", "monitor.yaml")}
    # The alert rules and the dashboard are written for this job.
    assert labels[objects["ServiceMonitor"]["spec"]["jobLabel"]] == "packy"


def test_kustomize_takes_the_objects() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run(
        [kubectl, "kustomize", str(DEPLOY / "kubernetes")], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    kinds = {document["kind"] for document in yaml.safe_load_all(done.stdout)}
    assert kinds == {"Deployment", "Service", "PodDisruptionBudget"}


def test_a_secret_that_kubernetes_updates_is_live(tmp_path: Path) -> None:
    """As the kubelet does it: files in a dated folder, `..data` a link to it, replaced by a rename."""
    mount = tmp_path / "packy"
    mount.mkdir()
    (mount / "config.yaml").symlink_to("..data/config.yaml")

    def write(name: str, text: str) -> None:
        (mount / name).mkdir()
        (mount / name / "config.yaml").write_text(text)
        (mount / "..data_tmp").symlink_to(name)
        (mount / "..data_tmp").rename(mount / "..data")

    path = pod_variables()["PACKY_CONFIG"].replace(container()["volumeMounts"][0]["mountPath"], str(mount))
    with DemoUpstream() as upstream:
        write("..2026_01", config_for(upstream.url))
        with Gateway(tmp_path / "pod", None, environ={"PACKY_CONFIG": path}) as gateway:
            write("..2026_02", config_for(upstream.url, "logging: {level: warning}"))
            gateway.until(lambda _: gateway.lines("config_reloaded"))
