"""The deployment by Docker Compose, as far as it can be proven without Docker."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
import yaml
from kombu.connection import Connection

from run import ROOT
from tests import servers
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = ROOT / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
OURS = ("migrate", "worker", "beat", "flower")


def shell(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command as the image would: with the project's own commands first on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    surroundings = {**os.environ, "PATH": path, **environment}
    return subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The secrets as the script makes them."""
    made = shell("sh", "deploy/make_secrets.sh", str(tmp_path / "secrets"), VITEC_PASSWORD="the password")
    assert made.returncode == 0, made.stderr
    return tmp_path / "secrets"


@pytest.fixture
def guarded_redis(secrets: Path) -> Iterator[servers.Server]:
    """A Redis with the options of the Compose file, paths apart."""
    _, *options = SERVICES["redis"]["command"]
    with servers.redis(*(option.replace("/run/secrets", str(secrets)) for option in options)) as server:
        yield server


def broker_url(server: servers.Server, secrets: Path) -> str:
    """Return the URL that the containers get, with this server's address in the place of the service's."""
    return (secrets / "broker_url").read_text().strip().replace("redis:6379", f"127.0.0.1:{server.port}")


def test_the_file_follows_the_specification() -> None:
    answer = shell("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE))
    assert answer.returncode == 0, answer.stdout


def test_a_misspelt_key_would_be_found(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text(encoding="utf-8").replace("stop_grace_period", "stop_grace_time"))
    assert shell("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(wrong)).returncode == 1


@pytest.mark.processes
@pytest.mark.parametrize("service", OURS)
def test_every_command_exists_with_its_options(service: str) -> None:
    *command, last = SERVICES[service]["command"]
    answer = shell(*command, last, "--help", FLOWER_BASIC_AUTH="name:password")
    assert answer.returncode == 0, answer.stderr
    listed = set(re.findall(r"--[a-z-]+", answer.stdout))
    # Flower's own options are not listed by its help.
    options = {part.partition("=")[0] for part in command if part.startswith("--")}
    assert options <= listed or service == "flower"


def test_the_time_to_stop_outlasts_a_request() -> None:
    grace = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace >= Settings.model_fields["vitec_timeout"].default + 15


def test_every_setting_and_secret_that_is_given_is_one() -> None:
    declared = yaml.safe_load(FILE.read_text(encoding="utf-8"))["secrets"]
    for service in OURS:
        given = SERVICES[service]["environment"]
        assert {name.removesuffix("_FILE").lower() for name in given} <= set(Settings.model_fields)
        files = {value.removeprefix("/run/secrets/") for name, value in given.items() if name.endswith("_FILE")}
        assert files == set(SERVICES[service]["secrets"]) <= set(declared)


def test_every_declared_secret_is_made_in_a_private_folder(secrets: Path) -> None:
    declared = yaml.safe_load(FILE.read_text(encoding="utf-8"))["secrets"]
    assert {Path(secret["file"]).name for secret in declared.values()} <= {path.name for path in secrets.iterdir()}
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert (secrets / "vitec_password").read_text() == "the password\n"


def test_secrets_that_exist_are_left_alone(secrets: Path) -> None:
    before = {path: path.read_bytes() for path in secrets.iterdir()}
    assert shell("sh", "deploy/make_secrets.sh", str(secrets)).returncode == 0
    assert {path: path.read_bytes() for path in secrets.iterdir()} == before


def test_no_secret_stands_in_the_file_itself() -> None:
    text = json.dumps(SERVICES)
    assert not re.search(r"://[^/\s\"]+:[^/\s\"]+@", text)
    assert [name for name in re.findall(r"[A-Z_]*PASSWORD[A-Z_]*", text) if not name.endswith("_FILE")] == []


def test_only_flower_is_published_and_only_on_loopback() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"flower": ["127.0.0.1:5555:5555"]}


def test_no_service_starts_before_the_migrations() -> None:
    for service in ("worker", "beat", "flower"):
        assert SERVICES[service]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


@pytest.mark.servers
def test_the_broker_refuses_strangers_and_dangerous_words(guarded_redis: servers.Server, secrets: Path) -> None:
    with redis.Redis.from_url(guarded_redis.url) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with redis.Redis.from_url(broker_url(guarded_redis, secrets)) as ours:
        for words in ("FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG GET *", "SHUTDOWN", "DEBUG SLEEP 0", "ACL LIST"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                ours.execute_command(*words.split())


@pytest.mark.servers
def test_the_brokers_permissions_suffice_for_messages(guarded_redis: servers.Server, secrets: Path) -> None:
    with Connection(broker_url(guarded_redis, secrets)) as connection:
        queue = connection.SimpleQueue("rings")
        queue.put({"ring": 1})
        message = queue.get(timeout=10)
        message.ack()
        assert message.payload == {"ring": 1}
        queue.close()


@pytest.mark.servers
def test_a_broker_that_was_killed_still_has_its_messages(guarded_redis: servers.Server, secrets: Path) -> None:
    with redis.Redis.from_url(broker_url(guarded_redis, secrets)) as client:
        client.rpush("rings", "1")
        assert client.info("memory")["maxmemory_policy"] == "noeviction"
    guarded_redis.stop()
    guarded_redis.start()
    with redis.Redis.from_url(broker_url(guarded_redis, secrets)) as client:
        assert client.lrange("rings", 0, -1) == [b"1"]


def test_the_image_takes_only_wheels_with_locked_hashes() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"pip download .*--require-hashes .*--requirement requirements.lock", text)
    assert [line for line in text.splitlines() if "pip install" in line and "--no-index" not in line] == []
    copied = {
        name for line in re.findall(r"^COPY (?!--from|\. )(.*) \S+$", text, re.MULTILINE) for name in line.split()
    }
    allowed = set((ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines())
    assert {f"!{name}" for name in copied} <= allowed
    assert shutil.which("celery", path=str(Path(sys.executable).parent))
