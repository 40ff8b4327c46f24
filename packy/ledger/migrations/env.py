"""Alembic's way in: runs migrations on the connection, and in the transaction, of packy.ledger.migrate."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
