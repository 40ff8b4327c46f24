"""One request and the attempts it takes to have it answered."""

from packy.exchange.call import Call, Upstreams
from packy.exchange.exchange import Exchange

__all__ = ["Call", "Exchange", "Upstreams"]
