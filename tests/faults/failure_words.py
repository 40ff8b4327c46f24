"""The words that a record may have under `failure`, and what each means: a closed set."""

from __future__ import annotations

from typing import Final

__all__ = ["FAILURE_WORDS"]

FAILURE_WORDS: Final = {
    "context_length_exceeded": "The prompt is longer than the model's context window.",
    "model_not_found": "The provider does not have the model.",
    "shutting_down": "The worker had to end before the answer did.",
    "upstream_auth": "The provider refused its API key.",
    "upstream_bad_call": "The provider called a tool without ever naming it.",
    "upstream_bad_event": "The provider sent an event that is not JSON.",
    "upstream_bad_url": "The provider's base URL or key cannot be used.",
    "upstream_connect_timeout": "The provider did not accept a connection within `timeouts.connect`.",
    "upstream_connection": "The connection broke, or carried something other than HTTP.",
    "upstream_cut": "The provider closed the stream before the answer was complete.",
    "upstream_dns": "The provider's host name does not resolve.",
    "upstream_encoding": "The provider sent a compressed body that cannot be read.",
    "upstream_error": "The provider failed by its own account.",
    "upstream_event_too_large": "The provider sent an event larger than packy takes.",
    "upstream_no_stream": "The provider answered with a web page or a document instead of a stream.",
    "upstream_not_found": "There is no Responses API at the provider's base URL.",
    "upstream_overloaded": "The provider is overloaded by its own account.",
    "upstream_proxy": "The configured proxy could not be used.",
    "upstream_quota": "The usage limit or quota of the key is used up.",
    "upstream_rate_limit": "The provider limits the rate of requests.",
    "upstream_redirect": "The provider redirects elsewhere, which packy does not follow.",
    "upstream_refused": "The provider refused the request.",
    "upstream_refused_connection": "Nothing listens at the provider's address.",
    "upstream_refused_parameter": "The provider does not take a parameter that the request cannot do without.",
    "upstream_refused_reasoning": "The provider cannot read the reasoning of an earlier turn.",
    "upstream_timeout": "The provider was silent for longer than `timeouts.first-byte` or `timeouts.idle`.",
    "upstream_tls": "The provider's TLS certificate or protocol cannot be trusted.",
    "upstream_total_timeout": "The answer was not complete within `timeouts.total`.",
}
