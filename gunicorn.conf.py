"""Gunicorn's settings for packy: `gunicorn wsgi:application` in this folder finds this file by itself.

The environment variables PACKY_CONFIG, PACKY_HOST, PACKY_PORT and PACKY_WORKERS, set by `packy serve`, and gunicorn's
own command line go before config.yaml. PACKY_GRACEFUL_TIMEOUT (seconds, 30 by default) is how long a worker that has to
go waits for the answers that are under way; those that run on are ended with an error shortly before.

SIGTERM and SIGHUP (a rolling restart, which takes all settings but the code anew) wait for that. A second SIGTERM, and
SIGINT and SIGQUIT, do not: what is under way is ended with an error at once.
"""

import signal
import sys

if "wsgi" not in sys.modules:
    # Ctrl-C while all this is loaded: an end, not a traceback. Later gunicorn has handlers of its own.
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))

# Patching comes first: what has imported ssl or threading before keeps the blocking versions.
from gevent import monkey

monkey.patch_all()

import gc  # noqa: E402 - after the patching, like all that follows

# Until the first worker is forked: all that is loaded stays, and nothing of it has to be looked through.
gc.disable()

import atexit  # noqa: E402
import ipaddress  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
from importlib import import_module  # noqa: E402
from typing import TYPE_CHECKING  # noqa: E402

from packy import tokens  # noqa: E402
from packy.config import ConfigError, load_to_start, start_of, watch_sources  # noqa: E402
from packy.server import hurry_on_second_sigterm, raise_open_files  # noqa: E402
from packy.telemetry import configure_logging, logger  # noqa: E402
from packy.telemetry.gunicorn_logger import GunicornLogger  # noqa: E402
from packy.telemetry.metrics_folder import VARIABLE, claim_folder, retire_worker  # noqa: E402

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

    from packy.server import GatewayWorker

try:
    _snapshot = load_to_start()
except ConfigError as _error:
    _running = sys.modules.get("wsgi")
    if _running is None:
        sys.exit(_error.render())
    # SIGHUP: what is in force stays, as after any other edit that is wrong.
    sys.stderr.write(f"{_error.render()}\npacky: the configuration in force stays.\n")
    _snapshot = _running.store.current()

configure_logging(_snapshot.logging.format, _snapshot.logging.level)

# A core file would hold requests and keys.
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

try:
    # Before anything counts: the application is loaded later.
    claim_folder()
except OSError as _failure:
    sys.exit(
        f"packy: there is no place for the workers' metrics ({_failure.strerror}).\n"
        f"Set TMPDIR, or {VARIABLE}, to a folder that packy may write to."
    )

wsgi_app = "wsgi:application"
_start = start_of(_snapshot, os.environ)
_host = f"[{_start.server.host}]" if ":" in _start.server.host else _start.server.host
bind = [f"{_host}:{_start.server.port}"]
workers = _start.server.workers

worker_class = "packy.server.GatewayWorker"
# More than limits.max-concurrent may be: those who come on top are answered 429, not left waiting to be let in.
worker_connections = 4200
# The application, its configuration and the tokenizer's vocabulary are loaded once, and shared by all workers.
preload_app = True
# Longer than Claude Code and nginx keep an idle connection (60 s), so that neither meets one that has just been closed.
keepalive = 75
graceful_timeout = _start.grace
# A worker whose event loop stands still for so long is replaced; streams of any length do not count.
timeout = 60
# gunicorn 27 would open a socket at a path that all its instances share.
control_socket_disable = True
logger_class = GunicornLogger
accesslog = None
# A request line holds a path and nothing more; headers hold keys and Claude Code's beta flags.
limit_request_line = 4094
limit_request_fields = 100
limit_request_field_size = 8190
# Forwarding headers are judged by packy's own middleware, not by the server.
forwarded_allow_ips = ""
# On a unix socket gunicorn believes these of whoever calls: SCRIPT_NAME would make another path of the request's.
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
proxy_protocol = False

# A request has one connection to its client and one upstream; logs, listeners and the ledger need a few more.
_files = 2 * worker_connections + 200
if (_allowed := raise_open_files(_files)) < _files:
    sys.stderr.write(
        f"packy: warning: this process may open {_allowed} files, enough for about {(_allowed - 200) // 2} requests at "
        f"once in each worker. Allow more with `ulimit -Hn {_files}`, LimitNOFILE={_files} in its systemd unit, or "
        f"`--ulimit nofile={_files}` for its container.\n"
    )


def on_starting(server: "Arbiter") -> None:
    """Refuse to serve the network without client keys; load the vocabulary before the workers are forked."""
    if _snapshot.client_keys.open and not all(_is_local(address) for address in server.cfg.address):
        sys.exit(
            "packy: without client keys packy serves this machine only, and it is told to listen elsewhere.\n"
            "Add a key to config.yaml, or listen on 127.0.0.1:\n\n"
            "  client-keys:\n"
            "    - label: laptop\n"
            "      key: <a long random string; `openssl rand -hex 24` makes one>"
        )
    if _snapshot.warnings:
        logger.warning("config_warnings", problems=[each.in_one_line for each in _snapshot.warnings])
    tokens.load()
    if _snapshot.ledger.enabled:
        import_module("packy.ledger.database")  # with SQLAlchemy: 17 MB that the workers share


def when_ready(server: "Arbiter") -> None:
    """Let a second SIGTERM hurry the end."""
    hurry_on_second_sigterm(server)


def pre_fork(server: "Arbiter", worker: "Worker") -> None:  # noqa: ARG001 - gunicorn's hook
    """Leave what is loaded out of garbage collection: it is never garbage, and its pages stay shared."""
    gc.freeze()
    gc.enable()


def post_worker_init(worker: "GatewayWorker") -> None:
    """Watch the configuration and keep the ledger, in each worker: threads do not survive the fork."""
    from wsgi import ledger, metrics, store, upstreams  # noqa: PLC0415 - loaded by now, and not before the patching

    worker.end_requests = upstreams.shut_down

    watcher = watch_sources(store, _start.watch)
    atexit.register(watcher.stop)
    ledger.start()
    metrics.begin_worker()


def worker_exit(server: "Arbiter", worker: "Worker") -> None:  # noqa: ARG001 - gunicorn's hook
    """Enter what the ledger has not entered yet, and count what it cannot."""
    from wsgi import ledger, metrics  # noqa: PLC0415 - as above

    ledger.stop()
    metrics.end_worker()


def child_exit(server: "Arbiter", worker: "Worker") -> None:  # noqa: ARG001 - gunicorn's hook
    """Keep what the worker has counted, however it ended."""
    retire_worker(int(worker.pid))


def _is_local(address: object) -> bool:
    """Tell loopback addresses and unix sockets (given as a path or a descriptor) from the rest."""
    if not isinstance(address, tuple):
        return True
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return bool(address[0] == "localhost")
