// The official OpenAI SDK for Node, and a WebSocket, in the world that harness.py made.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { once } from "node:events";
import { afterEach, describe, test } from "node:test";
import OpenAI, { toFile } from "openai";
import WebSocket from "ws";

const { KW_URL: url, KW_TOKEN: token, KW_ADMIN_TOKEN: adminToken, KW_FLAVOUR, KW_FOLDER, KW_CONTROL } = process.env;
const direct = KW_FLAVOUR === "direct";
const keys = direct ? [token] : readFileSync(`${KW_FOLDER}/keys.txt`, "utf8").split("\n").filter((l) => l && l[0] !== "#").map((l) => l.split(" | ")[0]);

const model = "gpt-4o-mini";
const messages = [{ role: "user", content: "Which way does the wheel turn?" }];
const text = "The wheel turns, another key answers.";
// It repeats nothing by itself, so that a failure is seen.
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: token, maxRetries: 0, timeout: 20_000 });
const fake = (spec) => ({ headers: { "x-fake": spec } });

/** Changes how the provider treats the n-th key. */
async function behave(key, behaviour) {
    const control = connect(Number(KW_CONTROL), "127.0.0.1");
    control.end(`${keys[key]} | ${behaviour}\n`);
    const [answer] = await once(control, "data");
    assert.equal(answer.toString(), "ok\n");
    control.destroy();
}

/** What ended at the provider so far. */
function records() {
    const path = `${KW_FOLDER}/provider.jsonl`;
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
    return lines.slice(1, -1).map((line) => JSON.parse(line));
}

/** The first truth of `condition`, looked for until the deadline. */
async function wait(condition, what) {
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
        const found = condition();
        if (found) return found;
        await new Promise((done) => setTimeout(done, 20));
    }
    assert.fail(`within 10 s there was no ${what}`);
}

/** What the client gets of a stream of chat. */
async function collect(stream) {
    let whole = "";
    for await (const chunk of stream) whole += chunk.choices[0]?.delta?.content ?? "";
    return whole;
}

afterEach(async () => {
    for (const n of keys.keys()) await behave(n, "good");
    if (direct) return;
    const answer = await fetch(`${url}/reset-keys`, { method: "POST", headers: { Authorization: `Bearer ${adminToken}` } });
    assert.equal(answer.status, 200);
});

describe("what works", () => {
    test("chat", async () => {
        const answer = await client.chat.completions.create({ model, messages });
        assert.equal(answer.choices[0].message.content, text);
        assert.equal(answer.usage.completion_tokens, 8);
    });

    test("streamed chat with usage", async () => {
        const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } });
        let whole = "";
        let usage;
        for await (const chunk of stream) {
            whole += chunk.choices[0]?.delta?.content ?? "";
            usage = chunk.usage;
        }
        assert.equal(whole, text);
        assert.equal(usage.completion_tokens, 8, "the usage comes last");
    });

    test("streamed responses", async () => {
        const stream = await client.responses.create({ model, input: "Which way?", stream: true });
        const kinds = [];
        let whole = "";
        for await (const event of stream) {
            kinds.push(event.type);
            if (event.type === "response.output_text.delta") whole += event.delta;
        }
        assert.equal(whole, text);
        assert.deepEqual([kinds.at(0), kinds.at(-1)], ["response.created", "response.completed"]);
    });

    test("responses", async () => {
        const answer = await client.responses.create({ model, input: "Which way?" });
        assert.equal(answer.output_text, text);
    });

    test("embeddings", async () => {
        const answer = await client.embeddings.create({ model: "text-embedding-3-small", input: ["one", "two"], dimensions: 64 });
        assert.deepEqual(answer.data.map((row) => row.embedding.length), [64, 64]);
    });

    test("models", async () => {
        const names = (await client.models.list()).data.map((m) => m.id);
        assert.ok(names.includes("gpt-4o"), names.join());
    });

    test("file upload", async () => {
        const content = randomBytes(3_000_000);
        const answer = await client.files.create({ file: await toFile(content, "training.jsonl"), purpose: "fine-tune" });
        assert.deepEqual([answer.bytes, answer.filename], [content.length, "training.jsonl"]);
    });

    test("audio upload", async () => {
        const recording = randomBytes(700_000);
        const answer = await client.audio.transcriptions.create({ model: "whisper-1", file: await toFile(recording, "speech.wav") });
        assert.equal(answer.text, `A recording of ${recording.length} bytes.`);
    });

    test("a WebSocket echo", async () => {
        const socket = new WebSocket(`${url.replace("http", "ws")}/v1/realtime?model=gpt-realtime`, ["realtime"], {
            headers: { Authorization: `Bearer ${token}` },
        });
        await once(socket, "open");
        assert.equal(socket.protocol, "realtime");
        for (const size of [0, 125, 126, 65_536, 1_000_000]) {
            const message = randomBytes(size);
            socket.send(message);
            const [back] = await once(socket, "message");
            assert.ok(message.equals(back), `${size} bytes come back`);
        }
        socket.close(1000);
        const [code] = await once(socket, "close");
        assert.equal(code, 1000);
    });
});

// Row of the provider, exception, status, attempts that keywheel made.
const errors = [
    ["key_dead", "error=invalid_api_key", OpenAI.InternalServerError, 503, keys.length],
    ["quota", "error=insufficient_quota", OpenAI.InternalServerError, 503, keys.length],
    ["rate", "error=rate_requests", OpenAI.RateLimitError, 429, 3],
    ["access", "error=model_access", OpenAI.PermissionDeniedError, 403, 2],
    ["overload", "error=overloaded", OpenAI.InternalServerError, 503, 2],
    ["config", "error=unsupported_country", OpenAI.PermissionDeniedError, 403, 1],
    ["client", "error=bad_request", OpenAI.BadRequestError, 400, 1],
    ["ambiguous", "reset_head=0", OpenAI.InternalServerError, 502, 1],
    ["unknown", "error=status_403", OpenAI.PermissionDeniedError, 403, 1],
    ["ours", "hang", OpenAI.InternalServerError, 504, 1],
];

describe("an error of each class", { skip: direct }, () => {
    for (const [name, spec, kind, status, attempts] of errors) {
        test(name, async () => {
            const error = await client.chat.completions.create({ model, messages }, fake(spec)).then(() => assert.fail("it came through"), (e) => e);
            assert.ok(error instanceof kind, String(error));
            assert.equal(error.status, status);
            assert.equal(error.headers.get("x-keywheel-attempts"), String(attempts));
        });
    }

    test("a wrong token", async () => {
        const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-not-a-token-of-this-proxy", maxRetries: 0 });
        await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
    });
});

describe("what breaks", () => {
    test("a cancelled stream ends at the provider", async () => {
        const before = records().length;
        const stream = await client.chat.completions.create({ model, messages, stream: true }, fake("chunks=2000,interval_ms=20"));
        for await (const _chunk of stream) break;
        await wait(() => records().slice(before).find((r) => r.ended === "left"), "request that its peer left");
        assert.equal(await collect(await client.chat.completions.create({ model, messages, stream: true })), text);
    });

    test("fifty at once while keys fail", { skip: direct }, async () => {
        const behaviours = ["invalid", "no_quota", "rate_limited 2 30", "flaky_500 3", "dead_after 2"];
        for (const [key, behaviour] of behaviours.entries()) await behave(key, behaviour);
        const ask = async (n) => {
            if (n % 2) return collect(await client.chat.completions.create({ model, messages, stream: true }));
            return (await client.chat.completions.create({ model, messages })).choices[0].message.content;
        };
        const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => ask(n)));
        assert.deepEqual(answers, Array(50).fill(text));
    });
});
