"""A PostgreSQL server of the tests' own: Debian's program, a fresh cluster, a free port, gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from tests.support.loopback import free_port

PASSWORD = "canary-password-of-the-ledger"
_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
# PostgreSQL refuses to run as root; this account has nothing that it could touch.
_USER = "nobody" if os.getuid() == 0 else None


class PostgreSQL:
    """A server on 127.0.0.1 that can be stopped and started again.

    Attributes:
        url: of its database `packy`, as the configuration takes it.
    """

    def __init__(self) -> None:
        if not _FOLDERS:
            pytest.skip("PostgreSQL's server is not installed (apt-get install postgresql)")
        self._bin = _FOLDERS[-1]
        self._folder = Path(tempfile.mkdtemp(prefix="packy-postgresql-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        if _USER:
            shutil.chown(self._folder, _USER)
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        initdb = ["-D", str(self._folder / "data"), "-U", "packy", "-A", "scram-sha-256", "--pwfile", str(secret)]
        self._run("initdb", *initdb, "-E", "UTF8", "--locale=C", "--no-sync")
        self.start()
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE packy")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://packy:{PASSWORD}@127.0.0.1:{self.port}/packy"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", str(self._folder / "data"), *settings],
                stdout=log, stderr=log, user=_USER, cwd=self._folder,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self._conninfo("postgres")).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self._folder / "log").read_text()
                assert time.monotonic() < deadline, (self._folder / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Stop it, whoever is connected (PostgreSQL's fast shutdown)."""
        if self._process:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def empty(self) -> None:
        """Begin with a database as new."""
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute("DROP DATABASE packy WITH (FORCE)")
            connection.execute("CREATE DATABASE packy")

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Execute a statement in the database; give the rows."""
        with psycopg.connect(self._conninfo("packy"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _conninfo(self, database: str) -> str:
        given = {"dbname": database, "connect_timeout": "5"}
        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1", port=self.port, user="packy", password=PASSWORD, **given
        )

    def _run(self, program: str, *args: str) -> None:
        command = [str(self._bin / program), *args]
        done = subprocess.run(command, user=_USER, cwd=self._folder, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
