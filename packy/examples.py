"""How each command is used: the end of its `--help`."""

from __future__ import annotations

from typing import Final

__all__ = ["EXAMPLES", "epilog"]

EXAMPLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "bench": (
        ("bench --quick", "rough figures, soon"),
        ("bench --only paced --out results", "one of them, and what it is made of"),
        ("bench --profile burst", "where the time goes"),
    ),
    "check": (
        ("check", "each field, with its source"),
        ("check --live", "does each provider answer?"),
        ("check --json", "for scripts"),
    ),
    "claude": (
        ("claude", "an interactive session"),
        ("claude -p 'say hi'", "one answer"),
        ("claude -c", "go on with the last conversation"),
    ),
    "completion": (
        ("completion bash >> ~/.bashrc", "bash, 4.4 or newer"),
        ("completion zsh >> ~/.zshrc", "zsh, after compinit"),
        ("completion fish > ~/.config/fish/completions/packy.fish", "fish"),
    ),
    "demo": (
        ("demo", "an answer, and then it goes on serving"),
        ("demo --once", "an answer, and the exit status says whether it was complete"),
    ),
    "doctor": (
        ("doctor", "on the machine where packy runs, as its user"),
        ("doctor > report.txt", "for an issue"),
    ),
    "hash-key": (
        ("hash-key", "asks for the key, and does not show it"),
        ("hash-key < key.txt", "from a file"),
    ),
    "import-codex": (
        ("import-codex", "show the block"),
        ("import-codex --write", "write it into config.yaml"),
    ),
    "models": (
        ("models", "with context windows, efforts and aliases"),
        ("models --json", "for scripts"),
    ),
    "serve": (
        ("serve", "with what is configured"),
        ("serve --port 8400 --workers 2", "on another port, with two workers"),
        ("serve --packycode", "with Packycode or not at all"),
    ),
    "test": (
        ("test", "all of them"),
        ("test tests/translation -k thinking", "some of them"),
    ),
    "upstream": (
        ("upstream", "on a free port, which it prints"),
        ("upstream --port 8400 --rate 50", "on this one, fifty events a second"),
    ),
    "usage": (
        ("usage", "the last seven days, by model"),
        ("usage --by day --window 30d", "a line for each day"),
        ("usage --by client --csv", "who used how much, for a spreadsheet"),
    ),
}
"""By command: what follows the program's name, and what it is for."""


def epilog(command: str, program: str) -> str:
    """Give the end of a command's help, in click's markup.

    Args:
        command: its name.
        program: how packy is called here, `packy` or `./run`.
    """
    lines = EXAMPLES.get(command, ())
    width = max((len(line) for line, _ in lines), default=0)
    return "\n".join(["\b", "Examples:", *(f"  {program} {line:<{width}}   {purpose}" for line, purpose in lines)])
