"""A Responses upstream on loopback: what the demo, the tests and the benchmark run against.

It streams as the real API does, refuses what the real API refuses, and plays scripts: answers, errors, and everything
that goes wrong on the way. `packy.demo.server` runs it as a process, `DemoUpstream` inside another program.
"""

from packy.demo.capture import Exchange
from packy.demo.conversation import demo_request
from packy.demo.failures import FAILURES, failure
from packy.demo.handle import DemoUpstream
from packy.demo.script import ScriptError, load_script
from packy.demo.server import serve
from packy.demo.settings import Settings
from packy.demo.steps import (
    call,
    completed,
    error,
    event,
    failed,
    http,
    incomplete,
    item,
    pause,
    raw,
    reasoning,
    refusal,
    rule,
    silence,
    source,
    text,
    usage,
    web_search,
    when,
    wire,
)

__all__ = [
    "FAILURES",
    "DemoUpstream",
    "Exchange",
    "ScriptError",
    "Settings",
    "call",
    "completed",
    "demo_request",
    "error",
    "event",
    "failed",
    "failure",
    "http",
    "incomplete",
    "item",
    "load_script",
    "pause",
    "raw",
    "reasoning",
    "refusal",
    "rule",
    "serve",
    "silence",
    "source",
    "text",
    "usage",
    "web_search",
    "when",
    "wire",
]
