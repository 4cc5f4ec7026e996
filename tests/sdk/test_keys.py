"""A key that is revoked, exhausted, limited, revived is out and back exactly as /stats says, over real sockets."""

import re
from datetime import datetime, timezone

from conftest import behind_keywheel
from test_openai import MESSAGES, MODEL

pytestmark = behind_keywheel


def ask(client, times=1):
    """Good answers, whatever happens to keys on the way; the attempts that each of them took."""
    attempts = []
    for _ in range(times):
        answer = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
        assert answer.http_response.status_code == 200
        attempts.append(int(answer.headers["x-keywheel-attempts"]))
    return attempts


def row(world, key):
    return world.admin("/stats")["rows"][key]


def used(world, key, since=0):
    return [r for r in world.records()[since:] if r["key"] == world.keys[key]]


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def now():
    return datetime.now(timezone.utc)


def everyone(world):
    """As many requests as bring every key to its turn."""
    return len(world.keys) + 1


def test_a_revoked_key_is_out_until_it_is_reset(world, client):
    world.behave(3, "invalid")
    attempts = ask(client, everyone(world))
    assert sorted(set(attempts)) == [1, 2], "one request met the dead key, and no other did"
    stats = row(world, 3)
    assert (stats["state"], stats["eligible"], stats["counts"]["key_dead"]) == ("blacklisted", False, 1)
    assert stats["why"] == {"class": "key_dead", "status": 401, "code": "invalid_api_key"}
    assert 3500 < (moment(stats["until"]) - now()).total_seconds() <= 3600, "a live try after an hour"

    page = world.admin("/blacklist")
    assert (page["totalBlacklisted"], page["healthyKeys"]) == (1, len(world.keys) - 1)
    assert [k["index"] for k in page["blacklistedKeys"]] == [3]
    assert page["blacklistedKeys"][0]["keyPreview"] == f"sk-proj-…{world.keys[3][-4:]}"
    assert "key_dead" in page["blacklistedKeys"][0]["reason"]
    before = world.settled()
    ask(client, everyone(world))
    assert not used(world, 3, before), "a key that is out gets nothing"

    world.behave(3, "good")
    assert world.admin("/reset-keys", "POST")["clearedCount"] == 1
    assert row(world, 3)["state"] == "ready"
    ask(client, everyone(world))
    assert row(world, 3)["counts"]["ok"] >= 1


def test_an_exhausted_key_rests_long(world, client):
    world.behave(5, "no_quota")
    ask(client, everyone(world))
    stats = row(world, 5)
    out = stats if stats["state"] != "ready" else stats["models"][0]
    assert (out["state"], out["why"]["class"], out["why"]["code"]) == ("cooling", "quota", "insufficient_quota")
    assert 3500 < (moment(out["until"]) - now()).total_seconds() <= 3600
    assert stats["counts"]["quota"] == 1


def test_a_limited_key_rests_as_stated_and_comes_back_by_itself(world, client):
    world.behave(7, "rate_limited 1 2")
    ask(client, 2 * everyone(world))
    stats = row(world, 7)
    assert stats["counts"]["rate"] == 1
    (limit,) = stats["models"]
    assert (limit["model"], limit["state"], limit["why"]["class"]) == (MODEL, "cooling", "rate")
    until = moment(limit["until"])
    assert 0 < (until - moment(limit["since"])).total_seconds() <= 2

    world.behave(7, "good")
    world.wait(lambda: not row(world, 7)["models"], "end of the rest")
    assert now() >= until, "not before its time"
    before = world.settled()
    ask(client, everyone(world))
    world.wait(lambda: used(world, 7, before), "use of the key that is back")


def test_health_counts_what_is_out(world, client):
    for key in (0, 1):
        world.behave(key, "invalid")
    ask(client, everyone(world))
    health = world.admin("/health")
    total = len(world.keys)
    assert health["status"] == "ok"
    assert health["keysStatus"] == {"total": total, "healthy": total - 2, "blacklisted": 2, "cooling": 0}
    assert re.fullmatch(r"\d+s", health["uptime"])
