"""Asks a provider for the least there is to ask, and names what is wrong in words that repair it."""

from packy.upstream.probe.exchange import Patience
from packy.upstream.probe.result import ProbeCode, ProbeResult
from packy.upstream.probe.run import probe

__all__ = ["Patience", "ProbeCode", "ProbeResult", "probe"]
