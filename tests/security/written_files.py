"""Which files processes write: watched by strace where there is one, and through /proc in any case."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

# With the folder that strace names beside a descriptor, for paths that are relative.
_WRITING = re.compile(
    r'open(?:at\((?:AT_FDCWD|\d+)(?:<([^>]*)>)?, |\()"((?:[^"\\]|\\.)*)", [^)\n]*O_(?:WRONLY|RDWR)[^)]*\) = \d'
)
# What went into a file that has a name: neither sockets nor pipes.
_WRITTEN = re.compile(r"^(?:\d+ +)?p?write(?:v|64|v2)?\(\d+<(/[^>\n]*)>, (.*)", re.MULTILINE)
_CALLS = "trace=open,openat,openat2,creat,write,writev,pwrite64,pwritev,pwritev2"
_LONGEST = 1 << 20
_SECONDS = 0.05


class WrittenFiles:
    """Watches a process and all that stem from it, until the block ends.

    Args:
        pid: the process.
        trace: file for strace's notes.

    Attributes:
        paths: of the files that were opened for writing.
        contents: what files held that had no name any more, by what they were called.
        traced: whether strace has watched as well.
        octets: what strace saw being written, by the file's name at that moment: also what has been overwritten or
            removed since. What went through mapped memory (metrics) is not in it.
    """

    def __init__(self, pid: int, trace: Path) -> None:
        self.paths: set[Path] = set()
        self.contents: dict[str, bytes] = {}
        self.traced = False
        self.octets: dict[str, str] = {}
        self._pid = pid
        self._trace = trace
        self._strace: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        if program := shutil.which("strace"):
            command = [program, "-f", "-y", "-qq", "-e", _CALLS, "-e", "signal=none", "-s", str(_LONGEST)]
            threads = [each.id for process in self._processes() for each in process.threads()]
            whom = [argument for each in threads for argument in ("-p", str(each))]
            self._strace = subprocess.Popen([*command, "-o", str(self._trace), *whom], stderr=subprocess.DEVNULL)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)
        if self._strace is not None:
            self._strace.terminate()
            self._strace.wait(30)
        if self._trace.exists():
            notes = self._trace.read_text(errors="replace")
            self.traced = "open" in notes
            self.paths |= {Path(each[1] or "/", each[2]) for each in _WRITING.finditer(notes)}
            for name, octets in _WRITTEN.findall(notes):
                self.octets[name] = self.octets.get(name, "") + octets

    def _processes(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(self._pid)
            return [main, *main.children(recursive=True)]
        return []

    def _watch(self) -> None:
        while not self._over.wait(_SECONDS):
            for process in self._processes():
                for descriptor in self._writable(process.pid):
                    self._note(descriptor)

    @staticmethod
    def _writable(pid: int) -> Iterator[Path]:
        with suppress(OSError):
            for info in Path(f"/proc/{pid}/fdinfo").iterdir():
                with suppress(OSError):
                    flags = re.search(r"flags:\s+(\d+)", info.read_text())
                    if flags and int(flags[1], 8) & 3:
                        yield Path(f"/proc/{pid}/fd/{info.name}")

    def _note(self, descriptor: Path) -> None:
        with suppress(OSError):
            if not descriptor.is_file():
                return
            name = str(descriptor.readlink())
            if name.endswith(" (deleted)"):
                # Its bytes can still be had through the descriptor.
                self.contents[name] = self.contents.get(name, b"") + descriptor.read_bytes()[: 1 << 20]
            else:
                self.paths.add(Path(name))
