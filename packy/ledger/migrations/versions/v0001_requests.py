"""The table of requests."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "requests",
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("time", sa.BigInteger, nullable=False, index=True),
        *(
            sa.Column(name, sa.Text)
            for name in (
                *("client", "provider", "model", "upstream_model", "effort"),
                *("error_type", "failure", "stop_reason", "dropped"),
            )
        ),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in ("stream", "failover", "cancelled")),
        sa.Column("status", sa.Integer),
        sa.Column("upstream_status", sa.Integer),
        sa.Column("retries", sa.Integer, nullable=False),
        *(
            sa.Column(name, sa.BigInteger)
            for name in ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "bytes_out")
        ),
        *(sa.Column(name, sa.Double) for name in ("ttft_ms", "duration_ms", "tokens_per_second")),
    )
