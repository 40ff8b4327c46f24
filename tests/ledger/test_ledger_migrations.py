"""The ledger's schema: made once, upgraded with its rows kept, never touched by an older packy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from packy.ledger import LedgerUnavailable
from packy.ledger.database import Database
from packy.ledger.migrate import HEAD, MIGRATIONS, migrate
from packy.ledger.table import METADATA
from tests.support.ledger import enter, rows

if TYPE_CHECKING:
    from pathlib import Path

    from packy.config import Secret

# What the packy after this one might bring.
NEXT = '''\
"""Tomorrow's version."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    op.add_column("requests", sa.Column("mood", sa.Text, server_default="fine"))
'''


@pytest.fixture
def tomorrow(tmp_path: Path) -> Path:
    """Migrations with one more version than there are."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "v9999_mood.py").write_text(NEXT.format(head=HEAD))
    return folder


def test_the_newest_version_is_the_head_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_an_empty_database_gets_the_schema_that_the_code_knows(database: Database) -> None:
    assert database.prune(0, 1) == 0
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == HEAD


def test_an_older_version_is_upgraded_with_its_rows(url: Secret | None, database: Database, tomorrow: Path) -> None:
    enter(url, [{"upstream_model": "gpt-5"}] * 3)
    migrate(database._engine, database.file, tomorrow, "9999")  # noqa: SLF001 - tomorrow's packy

    with database._engine.begin() as connection:  # noqa: SLF001 - today's packy would refuse it
        assert connection.execute(text("SELECT upstream_model, mood FROM requests")).all() == [("gpt-5", "fine")] * 3


def test_a_newer_version_is_refused_and_left_alone(url: Secret | None, database: Database, tomorrow: Path) -> None:
    enter(url, [{"upstream_model": "gpt-5"}])
    migrate(database._engine, database.file, tomorrow, "9999")  # noqa: SLF001 - tomorrow's packy

    for today in (Database(url, writes=True), Database(url, writes=False)):
        with pytest.raises(LedgerUnavailable, match="newer packy") as caught:
            today.add(rows([{}]))
        assert caught.value.reason == "newer_schema"
        today.close()
    with database._engine.begin() as connection:  # noqa: SLF001 - the same
        assert connection.scalar(text("SELECT count(*) FROM requests")) == 1
        assert "mood" in {column["name"] for column in inspect(connection).get_columns("requests")}


def test_many_that_start_together_make_one_schema(url: Secret | None) -> None:
    program = (
        "import sys\n"
        "from packy.config import Secret\n"
        "from packy.ledger.database import Database\n"
        "url = sys.stdin.read()\n"
        "print(Database(Secret(url) if url else None, writes=True).prune(0, 1))\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    given = url.reveal().encode() if url else b""
    for process in started:
        assert process.stdin
        process.stdin.write(given)
        process.stdin.close()
        process.stdin = None
    assert [process.communicate(timeout=60) for process in started] == [(b"0\n", b"")] * 4
