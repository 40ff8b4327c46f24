"""How many files a process may open: connections are files, and 1024, the usual limit, is soon reached."""

from __future__ import annotations

import resource

__all__ = ["raise_open_files"]


def raise_open_files(needed: int) -> int:
    """Raise this process's limit of open files, as far as its user may.

    Args:
        needed: how many it should be at least; a limit that is higher stays.

    Returns:
        The limit now; less than `needed` where the hard limit does not allow more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed if soft == resource.RLIM_INFINITY else soft
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed
