"""Which requests belong together: the upstream's prompt cache is asked for by session."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from packy.translation import codec

__all__ = ["prompt_cache_key", "session_id_of"]

_NAMESPACE = UUID("6b8d4a3e-9b0c-5a53-9a4e-0f6c2f0d9c11")
_OLD_FORM = "_session_"


def session_id_of(metadata: object) -> str | None:
    """Find the session id in a request's metadata.

    Args:
        metadata: the request's `metadata`. `user_id` is a JSON string with `session_id` in it, in older clients
            `user_…_session_…` (measured with Claude Code 2.1.197).

    Returns:
        The session id, or None where there is none.
    """
    user_id = metadata.get("user_id") if isinstance(metadata, dict) else None
    if not isinstance(user_id, str):
        return None
    if user_id.startswith("{"):
        try:
            parsed: Any = codec.loads(user_id.encode("utf-8", "surrogatepass"))
        except ValueError:
            return None
        session = parsed.get("session_id") if isinstance(parsed, dict) else None
        return session if isinstance(session, str) and session else None
    return (user_id.rpartition(_OLD_FORM)[2] or None) if _OLD_FORM in user_id else None


def prompt_cache_key(session_id: str, client: str = "", agent_id: str = "") -> str:
    """Make the `prompt_cache_key` of a session.

    Args:
        session_id: as the client names its session.
        client: label of the client key, so that two people never share a key.
        agent_id: the subagent within the session, empty for the main conversation.

    Returns:
        A UUIDv5: the same over the whole session, and nothing of the client's own id goes upstream.
    """
    # As JSON no two triples look alike, and lone surrogates have a form.
    return str(uuid5(_NAMESPACE, codec.dumps([client, session_id, agent_id]).decode("utf-8")))
