"""Which parameter an upstream objects to, in the words of the API, of Codex backends and of relays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from packy.translation import UpstreamContext, failure_from_http

Json = dict[str, Any]


def error(message: str, **more: Any) -> Json:
    return {"error": {"message": message, "type": "invalid_request_error", **more}}


NAMED = [
    (error("Unsupported parameter: 'top_p' is not supported with this model."), "top_p"),
    (error("Unknown parameter: 'include[1]'.", param="include[1]", code="unknown_parameter"), "include"),
    (error("Unrecognized request argument supplied: service_tier"), "service_tier"),
    (error("You may not.", param="reasoning.summary", code="unsupported_value"), "reasoning.summary"),
    ({"detail": "Unsupported parameter: prompt_cache_key"}, "prompt_cache_key"),
    # A value that is refused is the parameter's own matter, where it can be done without.
    (error("Invalid service_tier argument", param="service_tier", code=None), "service_tier"),
    (error("Field 'service_tier' must be one of: auto, default, fast", code="invalid_parameter"), "service_tier"),
    (error("Invalid 'reasoning.summary'."), "reasoning.summary"),
    # About anything else, nothing can be left out.
    (error("Invalid schema for function 'service_tier'.", code="invalid_function_parameters"), ""),
    (error("Invalid 'input[0].content'.", param="input[0].content", code="invalid_value"), ""),
    (error("Field 'model' must be one of: gpt-5"), ""),
    (error("Bad."), ""),
]


@pytest.mark.parametrize(("body", "parameter"), NAMED, ids=lambda value: value if isinstance(value, str) else "")
def test_the_parameter_is_read_out_of_the_error(body: Json, parameter: str) -> None:
    failure = failure_from_http(400, {}, json.dumps(body).encode(), UpstreamContext())
    assert failure.parameter == parameter
    assert failure.code == ("upstream_refused_parameter" if parameter else "upstream_refused")
