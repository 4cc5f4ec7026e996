"""The keep-alive race: an upstream closes idle connections just when a request may be on its way."""

import asyncio
import random

import client
import peers
from cases import fault
from upstream import Upstream, good

POSTS = 300


class Hasty(Upstream):
    """Closes each connection 0 to 3 ms after it has answered on it, unless another request is there by then."""

    async def serve(self, reader, writer):
        chance = random.Random(self.heads)

        async def hasty(request, writer):
            kept = await good(request, writer)
            asyncio.get_running_loop().call_later(chance.uniform(0, 0.003), self.close_idle, writer, request.reader)
            return kept

        self.answer = hasty
        await super().serve(reader, writer)

    @staticmethod
    def close_idle(writer, reader):
        writer.close()


async def errors(port, upstream, seed):
    """Of so many POSTs, each with a name of its own, after a pause of 0 to 3 ms each: how many failed; most deliveries of one."""
    chance, failed = random.Random(seed), 0
    upstream.arrived.clear()
    one = None
    for n in range(POSTS):
        await asyncio.sleep(chance.uniform(0, 0.003))
        try:
            one = one or await client.Connection.open(port)
            answer = await one.ask(client.post(f"{client.CHAT}?id={n}"))
            failed += answer.status != 200 or not answer.complete
            if "close" in answer.fields.get("connection", ""):
                one = None
        except (ConnectionError, asyncio.IncompleteReadError):
            failed, one = failed + 1, None
    return failed, max(upstream.arrived.values())


@fault("keep-alive-race", "300 POSTs at an upstream that closes idle connections after 0 to 3 ms, beside nginx and HAProxy")
async def keep_alive_race(world):
    upstream = await Hasty().start()
    world.started.append(upstream.stop)
    keywheel = await world.keywheel(upstream)
    failed, most = {}, {}
    for name in peers.CONFIGS:
        failed[name], most[name] = await errors(await peers.start(world, name, upstream), upstream, 1)
    ours, deliveries = await errors(keywheel.port, upstream, 1)
    world.note("POSTs", POSTS)
    world.at_most("most deliveries of one POST", deliveries, 1)
    for name, theirs in failed.items():
        world.note(f"errors of {name}", theirs)
        world.note(f"most deliveries by {name}", most[name])
        # A run in which a peer had none says nothing about who has fewer.
        if theirs and ours >= theirs or ours > theirs:
            world.fail(f"{ours} errors, {name} had {theirs}")
    world.note("errors", ours)
    await world.works(keywheel)
    await world.unblamed(keywheel)
