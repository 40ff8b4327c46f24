"""Reads, changes and verifies the packycode block for the management API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import gevent
from gevent.lock import BoundedSemaphore

from packy.config import ConfigError, ConfigNotWritable, draft_packycode, packycode_provider, write_packycode
from packy.errors import ManagementError
from packy.inspection import key_place
from packy.management.edit import Edit, Moved
from packy.management.wording import invalid, refusal
from packy.telemetry import logger
from packy.upstream.probe import probe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from packy.config import Snapshot, SnapshotStore
    from packy.routing import Cooldowns, LearnedParameters
    from packy.upstream import Connector
    from packy.upstream.probe import ProbeResult

__all__ = ["Actor", "Management"]

_T = TypeVar("_T")
_P = ParamSpec("_P")

_TRIES: Final = 3
_KEY: Final = "credentials.openai-api-key"
# What shows that base URL and key are right, although the answer is no.
_RIGHT: Final = {"ok", "quota", "rate_limit", "overloaded"}
_FIELDS: Final = {"auth": _KEY, "forbidden": _KEY, "model_not_found": "defaults.model"}
_WRAPPED: Final = {
    "field": "packycode",
    "problem": "is a wrapper around the object",
    "fix": 'send what is in it, as the body itself: {"enabled": true, "base-url": …}',
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, for the audit log.

    Attributes:
        client: the address.
        request_id: of the request.
        method: its HTTP method.
    """

    client: str
    request_id: str
    method: str


class Management:
    """The packycode block, to be changed by requests.

    Args:
        store: the running configuration; must stem from a file.
        connector: for live checks.
        cooldowns, learned: what is known about the providers, to be shown.
    """

    def __init__(
        self, store: SnapshotStore, connector: Connector, cooldowns: Cooldowns, learned: LearnedParameters
    ) -> None:
        self.store = store
        self.cooldowns = cooldowns
        self.learned = learned
        self._connector = connector
        # One writer a worker: those that wait must not take up the thread pool.
        self._writing = BoundedSemaphore(1)

    def change(
        self,
        body: dict[str, Any],
        actor: Actor,
        *,
        merge: bool,
        matches: Callable[[str], bool] | None = None,
        verify: bool = False,
    ) -> Snapshot:
        """Change the block in config.yaml, and put the change in force in all workers.

        Args:
            body: the request's.
            actor: who does it.
            merge: PATCH instead of PUT.
            matches: judges the ETag of the present state; None for any.
            verify: probe the upstream first, if the block will be enabled.

        Returns:
            The configuration that it leads to.

        Raises:
            ManagementError: 412, 422, 409 or 500; nothing has changed.
        """
        before = self.store.current()
        path = before.sources.config_file
        if path is None:
            raise ManagementError(500, "config_not_writable", "this gateway runs without a configuration file")
        edit = Edit(body, path, before, merge=merge, matches=matches)
        try:
            if "packycode" in body:
                raise invalid([_WRAPPED])
            after = self._write(edit, path, verify=verify)
        except ManagementError as error:
            logger.warning(
                "management_refused",
                client=actor.client,
                reason=error.type,
                fields=edit.fields,
                request_id=actor.request_id,
            )
            raise
        self.store.written()
        if edit.fields:
            self._tell(actor, edit.fields, before, after)
        return after

    def verify(self, snapshot: Snapshot) -> ProbeResult:
        """Probe the upstream of the block in force, enabled or not.

        Args:
            snapshot: the configuration.

        Returns:
            What was found.

        Raises:
            ManagementError: 422; the block is not complete.
        """
        packycode = snapshot.packycode
        provider = packycode_provider(packycode)
        missing = [] if provider else ["base-url"]
        if packycode.requires_openai_auth and packycode.credentials.openai_api_key is None:
            missing.append(_KEY)
        if provider is None or missing:
            fix = "PATCH it in, then try again"
            raise invalid([{"field": each, "problem": "is missing: nobody to ask", "fix": fix} for each in missing])
        return probe(
            provider,
            packycode.defaults.model,
            self._connector,
            key_place=key_place(snapshot, provider),
            developer_message=snapshot.compatibility.system_prompt == "developer-message",
        )

    def _write(self, edit: Edit, path: Path, *, verify: bool) -> Snapshot:
        for _ in range(_TRIES):
            try:
                if verify:
                    edit.expected, draft = self._run(draft_packycode, path, edit)
                    self._check(draft)
                return self._run(write_packycode, path, edit, edit.approve)
            except Moved:
                edit.expected = None
        text = "the object has been changed by others again and again during the check; try again"
        raise ManagementError(409, "conflict", text)

    def _check(self, draft: Snapshot) -> None:
        if not draft.packycode.enabled:
            return
        result = self.verify(draft)
        if result.code not in _RIGHT:
            field = _FIELDS.get(result.code, "base-url")
            raise invalid([{"field": field, "problem": f"does not work: {result.message}", "fix": result.fix}])

    def _run(
        self, function: Callable[Concatenate[Path, _P], _T], path: Path, *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Run a function that waits for the disk beside the worker's streams instead of in their way."""

        def run() -> _T | Exception:
            try:
                return function(path, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - raised again below; the pool would log it as nobody's
                return error

        with self._writing:
            result = gevent.get_hub().threadpool.apply(run)
        match result:
            case ConfigError():
                raise refusal(result.problems, path) from None
            case ConfigNotWritable():
                raise ManagementError(500, "config_not_writable", result.message) from None
            case Exception():
                raise result
            case _:
                return result

    def _tell(self, actor: Actor, fields: list[str], before: Snapshot, after: Snapshot) -> None:
        who = {"client": actor.client, "request_id": actor.request_id}
        logger.info("management_change", fields=fields, method=actor.method, **who)
        if before.packycode.enabled != after.packycode.enabled:
            logger.info("management_enabled" if after.packycode.enabled else "management_disabled", **who)
