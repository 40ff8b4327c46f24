"""The one table of the ledger, as its newest migration leaves it; portable between SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, MetaData, Table, Text

__all__ = ["METADATA", "REQUESTS"]

METADATA: Final = MetaData()

REQUESTS: Final = Table(
    "requests",
    METADATA,
    Column("request_id", Text, primary_key=True),
    # Unix time in milliseconds, UTC: means the same to both databases, and days are plain arithmetic.
    Column("time", BigInteger, nullable=False, index=True),
    # The label of the client's key, never the key.
    Column("client", Text),
    Column("provider", Text),
    Column("model", Text),
    Column("upstream_model", Text),
    Column("effort", Text),
    Column("stream", Boolean, nullable=False),
    Column("status", Integer),
    Column("error_type", Text),
    Column("failure", Text),
    Column("stop_reason", Text),
    Column("upstream_status", Integer),
    Column("retries", Integer, nullable=False),
    Column("failover", Boolean, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    # Names of the protocol's fields that were not carried, joined by commas.
    Column("dropped", Text),
    # Cached tokens are part of the input, reasoning tokens part of the output, as the Responses API counts.
    Column("input_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("ttft_ms", Double),
    Column("duration_ms", Double),
    Column("tokens_per_second", Double),
    Column("bytes_out", BigInteger),
)
"""One row for each request of POST /v1/messages; nothing of what was said."""
