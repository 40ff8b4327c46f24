"""packy: a gateway between Claude Code (Anthropic Messages API) and Responses API providers such as Packycode."""

__all__ = ["__version__"]

__version__ = "0.1.0"
