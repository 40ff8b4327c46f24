"""The ledger's schema, version by version: alembic runs what is in `versions`."""
