"""The official OpenAI SDK for Python."""

import asyncio
import io
import os

import openai
import pytest
from conftest import World, behind_keywheel

MODEL = "gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "Which way does the wheel turn?"}]
TEXT = "The wheel turns, another key answers."


def fake(spec):
    """How the provider is to answer this one request."""
    return {"extra_headers": {"x-fake": spec}}


def test_chat(client):
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_streamed_chat_with_usage(client):
    stream = client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
    assert [c.usage for c in chunks if c.usage][0].completion_tokens == 8
    assert chunks[-1].usage, "the usage comes last"


def test_streamed_chat_without_usage_gets_none(client):
    chunks = list(client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == TEXT
    assert not any(c.usage for c in chunks)


def test_chunks_arrive_while_the_answer_is_being_made(client, world):
    """The provider pauses between its events: the first is here while it has not sent the last."""
    before = world.settled()
    stream = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, **fake("chunks=20,interval_ms=30")
    )
    next(iter(stream))
    assert len(world.records()) == before, "the provider is not done yet"
    assert len(list(stream)) >= 20


def test_responses(client):
    answer = client.responses.create(model=MODEL, input="Which way?")
    assert answer.output_text == TEXT
    assert answer.status == "completed"


def test_streamed_responses(client):
    events = list(client.responses.create(model=MODEL, input="Which way?", stream=True))
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == TEXT
    assert events[-1].response.usage.output_tokens > 0


def test_embeddings(client):
    answer = client.embeddings.create(model="text-embedding-3-small", input=["one", "two", "three"], dimensions=256)
    assert [len(row.embedding) for row in answer.data] == [256] * 3
    assert answer.usage.total_tokens > 0


def test_models(client):
    names = [model.id for model in client.models.list()]
    assert "gpt-4o" in names
    assert client.models.retrieve("gpt-4o").id == "gpt-4o"


def test_file_upload(client):
    content = os.urandom(3_000_000)
    answer = client.files.create(file=("training.jsonl", io.BytesIO(content)), purpose="fine-tune")
    assert (answer.bytes, answer.filename, answer.purpose) == (len(content), "training.jsonl", "fine-tune")


def test_audio_upload(client):
    recording = b"RIFF" + os.urandom(700_000)
    answer = client.audio.transcriptions.create(model="whisper-1", file=("speech.wav", recording))
    assert answer.text == f"A recording of {len(recording)} bytes."


def test_large_json_body(client):
    text = "word " * 800_000
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}])
    assert answer.usage.prompt_tokens >= len(text) // 4


# One error of each class, as the client sees it: row of the provider, exception, status, attempts that keywheel made, a
# word of its message. Three keys that fail alike end a walk; a dead or empty key costs nothing, so all are tried.
ALL = len(World.keys)
ERRORS = [
    ("key_dead", "error=invalid_api_key", openai.InternalServerError, 503, ALL, "key_dead"),
    ("quota", "error=insufficient_quota", openai.InternalServerError, 503, ALL, "quota"),
    ("rate", "error=rate_requests", openai.RateLimitError, 429, 3, "Rate limit reached"),
    ("access", "error=model_access", openai.PermissionDeniedError, 403, 2, "does not have access"),
    ("overload", "error=overloaded", openai.InternalServerError, 503, 2, "overloaded"),
    ("config", "error=unsupported_country", openai.PermissionDeniedError, 403, 1, "not supported"),
    ("client-400", "error=bad_request", openai.BadRequestError, 400, 1, "Invalid type"),
    ("client-404", "error=model_not_found", openai.NotFoundError, 404, 1, "does not exist"),
    ("client-409", "error=conflict", openai.ConflictError, 409, 1, "another request"),
    ("client-422", "error=unprocessable", openai.UnprocessableEntityError, 422, 1, "could not be processed"),
    ("ambiguous", "reset_head=0", openai.InternalServerError, 502, 1, ""),
    ("unknown", "error=status_403", openai.PermissionDeniedError, 403, 1, ""),
    ("ours", "hang", openai.InternalServerError, 504, 1, ""),
]


@behind_keywheel
@pytest.mark.parametrize("spec, error, status, attempts, words", [e[1:] for e in ERRORS], ids=[e[0] for e in ERRORS])
def test_an_error_of_each_class(client, spec, error, status, attempts, words):
    with pytest.raises(error) as raised:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, **fake(spec))
    assert raised.value.status_code == status
    assert raised.value.response.headers["x-keywheel-attempts"] == str(attempts)
    assert words in str(raised.value)


@behind_keywheel
def test_a_wrong_token(world):
    with pytest.raises(openai.AuthenticationError) as raised:
        world.client(api_key="sk-not-a-token-of-this-proxy").models.list()
    assert raised.value.status_code == 401
    assert "www-authenticate" in raised.value.response.headers


@behind_keywheel
@pytest.mark.parametrize("where", ["echo_key", "echo_key=head"])
def test_an_echoed_key_is_masked(client, world, where):
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, **fake(f"error=bad_request,{where}"))
    text = raised.value.response.text + str(raised.value.response.headers)
    assert "****" in text
    assert not any(key[8:16] in text for key in world.keys)


def test_a_stream_that_is_cut_is_no_clean_end(client):
    stream = client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, **fake("chunks=50,cut_after=2500"))
    with pytest.raises(Exception) as raised:
        list(stream)
    assert not isinstance(raised.value, AssertionError)


def test_a_cancelled_stream_ends_at_the_provider(client, world):
    before = world.settled()
    stream = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, **fake("chunks=2000,interval_ms=20")
    )
    next(iter(stream))
    stream.close()
    left = world.wait(lambda: [r for r in world.records()[before:] if r["ended"] == "left"], "request that its peer left")
    assert left[0]["path"] == "/v1/chat/completions"
    assert client.chat.completions.create(model=MODEL, messages=MESSAGES).choices[0].message.content == TEXT


@behind_keywheel
def test_fifty_at_once_while_keys_fail(world):
    for key, behaviour in enumerate(["invalid", "no_quota", "rate_limited 2 30", "flaky_500 3", "dead_after 2"]):
        world.behave(key, behaviour)

    async def ask(client, n):
        if n % 2:
            stream = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        answer = await client.chat.completions.create(model=MODEL, messages=MESSAGES)
        return answer.choices[0].message.content

    async def all_of_them():
        async with openai.AsyncOpenAI(base_url=f"{world.url}/v1", api_key=world.token, max_retries=0, timeout=30) as client:
            return await asyncio.gather(*(ask(client, n) for n in range(50)))

    assert asyncio.run(all_of_them()) == [TEXT] * 50
