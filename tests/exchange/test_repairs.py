"""What a provider turns out not to take is left out, and the request goes to it once more."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import http, reasoning, rule, text
from packy.demo.encrypted import issue
from packy.translation import pack_reasoning
from tests.exchange.conftest import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.exchange.conftest import House

Json = dict[str, Any]

REFUSALS: dict[str, Json] = {
    "the API's own": {
        "error": {
            "message": "Unsupported parameter: 'temperature' is not supported with this model.",
            "type": "invalid_request_error",
            "param": "temperature",
            "code": None,
        }
    },
    "with a code": {
        "error": {
            "message": "No.",
            "type": "invalid_request_error",
            "param": "temperature",
            "code": "unknown_parameter",
        }
    },
    "a Codex backend's": {"detail": "Unsupported parameter: temperature"},
}
THOUGHT: Json = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": issue("demo", "done", 200)}
SECOND_TURN = [
    {"role": "user", "content": "Hi."},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "", "signature": pack_reasoning(THOUGHT)},
            {"type": "text", "text": "Hello."},
        ],
    },
    {"role": "user", "content": "Go on."},
]
# What the demo upstream would refuse by itself, with the first of the refusals above.
ACCEPTING = {"accept": ["temperature"]}
TAKES_TEMPERATURE = "compatibility: {parameters: [temperature]}"


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_parameter_that_is_refused_is_left_out_from_then_on(house: Callable[..., House], refusal: Json) -> None:
    home = house(TAKES_TEMPERATURE)
    home.packycode.script(rule(http(400, refusal), times=1), rule(text("Warm enough.")), **ACCEPTING)

    first = home.ask(temperature=0.5)
    second = home.ask(temperature=0.5)

    assert [each.json()["content"][0]["text"] for each in (first, second)] == ["Warm enough."] * 2
    assert ["temperature" in each.json for each in home.packycode.requests] == [True, False, False]
    assert {each.headers["x-packy-dropped"] for each in (first, second)} == {"max_tokens, temperature"}
    assert home.record(first)["learned"] == ["temperature"]
    assert home.record(first)["retries"] == 1
    assert "learned" not in home.record(second)
    assert home.gateway.lines("parameter_learned")[-1]["parameter"] == "temperature"
    assert home.providers()[0]["refused-parameters"] == ["temperature"]


def test_what_one_worker_has_learned_all_know(house: Callable[..., House]) -> None:
    home = house(TAKES_TEMPERATURE, workers=2)
    home.packycode.script(rule(http(400, REFUSALS["with a code"]), times=1), rule(text("Well.")), **ACCEPTING)

    for _ in range(20):
        assert home.text(temperature=0.5) == "Well."

    assert sum("temperature" in each.json for each in home.packycode.requests) == 1


def test_another_configuration_of_the_provider_is_tried_anew(house: Callable[..., House]) -> None:
    home = house(TAKES_TEMPERATURE)
    home.packycode.script(rule(http(400, REFUSALS["with a code"]), times=1), rule(text("Well.")), **ACCEPTING)
    home.text(temperature=0.5)

    home.edit(home.config.read_text().replace("[temperature]", "[temperature, top_p]"))
    home.text(temperature=0.5)

    assert ["temperature" in each.json for each in home.packycode.requests] == [True, False, True]


def test_a_parameter_that_was_not_sent_is_not_worth_a_second_request(house: Callable[..., House]) -> None:
    home = house()
    home.packycode.script(rule(http(400, REFUSALS["with a code"])))

    response = home.ask(temperature=0.5)

    assert response.status_code == 400
    assert len(home.packycode.requests) == 1
    assert home.providers()[0]["refused-parameters"] == []


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "refusal",
    [
        {"message": "The encrypted content gAAA... could not be verified.", "code": "invalid_encrypted_content"},
        {"message": "Encrypted content could not be decrypted or parsed.", "code": None},
        {"message": "Item 'rs_1' not found. Items are not persisted when `store` is set to false.", "code": None},
    ],
    ids=["a code", "words", "an item not found"],
)
def test_reasoning_that_an_upstream_cannot_read_is_dropped_and_the_rest_sent_again(
    house: Callable[..., House], refusal: Json, *, stream: bool
) -> None:
    home = house()
    refused = http(400, {"error": {**refusal, "type": "invalid_request_error", "param": "input[1]"}})
    home.packycode.script(rule(refused, times=1), rule(reasoning("Again."), text("Fine.")))

    response = home.ask(messages=SECOND_TURN, stream=stream)

    assert text_of(response) == "Fine."
    kinds = [[item["type"] for item in each.json["input"]] for each in home.packycode.requests]
    assert kinds == [["message", "reasoning", "message", "message"], ["message", "message", "message"]]


def test_a_conversation_goes_on_with_another_account(house: Callable[..., House]) -> None:
    home = house()
    home.packycode.script(rule(text("Who was that?")), account="another")

    assert home.text(messages=SECOND_TURN) == "Who was that?"


def test_what_is_refused_twice_is_the_callers_to_know(house: Callable[..., House]) -> None:
    home = house()
    refusal = {"message": "The encrypted content could not be verified.", "code": "invalid_encrypted_content"}
    home.packycode.script(rule(http(400, {"error": refusal})))

    response = home.ask(messages=SECOND_TURN)

    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")
    assert len(home.packycode.requests) == 2
    assert home.record(response)["failure"] == "upstream_refused_reasoning"


def test_strict_fidelity_refuses_what_cannot_be_carried_and_names_it(house: Callable[..., House]) -> None:
    home = house("fidelity: strict")

    refused = home.ask(temperature=0.5, top_k=5)
    # As Claude Code asks, in its subagents too.
    edits = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    carried = home.ask(temperature=1, context_management=edits, thinking={"type": "adaptive"})

    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "cannot take temperature, top_k" in refused.json()["error"]["message"]
    assert carried.status_code == 200
    assert len(home.packycode.requests) == 1


def test_an_image_weighs_no_more_in_an_answer_that_was_cut_than_it_costs(house: Callable[..., House]) -> None:
    home = house("")
    home.packycode.script(rule(text("One END two.")))
    picture = {"type": "base64", "media_type": "image/gif", "data": b64encode(b"GIF89a" + bytes(900_000)).decode()}
    seen = [{"role": "user", "content": [{"type": "image", "source": picture}]}]

    cut = home.ask(messages=seen, stop_sequences=["END"])

    assert cut.json()["stop_reason"] == "stop_sequence"
    # By this Claude Code judges how full the window is, and the ledger what was spent.
    assert 500 < cut.json()["usage"]["input_tokens"] < 3000
    assert home.record(cut)["input_tokens"] == cut.json()["usage"]["input_tokens"]


def test_a_prompt_far_over_the_window_does_not_go_upstream_if_so_configured(house: Callable[..., House]) -> None:
    home = house("context-check: true\ncontext-windows: {gpt-5: 2000}")

    long = home.ask(messages=[{"role": "user", "content": "word " * 4000}])
    short = home.ask(messages=[{"role": "user", "content": "word " * 1000}])

    assert long.status_code == 400
    assert long.json()["error"]["message"].startswith("prompt is too long: 4")
    assert long.json()["error"]["message"].endswith(" tokens > 2000 maximum")
    assert short.status_code == 200
    assert len(home.packycode.requests) == 1
