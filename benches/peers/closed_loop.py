"""What the loads in Python share: the closed loop, and the conversation with `cargo xtask bench peers`.

A load is started once and told what to do by one JSON object a line on standard input; it answers each with one JSON
line on standard output, after a first {"ready": true}:

  {"do": "load", "what": "chain", "slots": 64, "seconds": 10}  ->  {"runs": ..., "seconds": ..., "p50_ms": ..., "p99_ms": ...}
  {"do": "wait", "count": 1000, "seconds": 120}                ->  {"ids": [...]}: runs that wait for an approval
  {"do": "approve", "id": "..."}                               ->  {"done": true}, when that run has ended

What cannot be done is answered with {"error": "why"}. The end of standard input ends the load.
"""

import asyncio
import json
import os
import sys
import time

# Libraries print to standard output as they like: the answers get a descriptor of their own.
_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def _say(answer):
    print(json.dumps(answer), file=_answers, flush=True)


async def _closed_loop(run, slots, seconds):
    """Keeps `slots` runs in flight; each starts the next when it has ended. Those in flight at the end are waited for."""
    times = []
    started = time.perf_counter()

    async def slot():
        while (before := time.perf_counter()) < started + seconds:
            await run()
            times.append(time.perf_counter() - before)

    await asyncio.gather(*(slot() for _ in range(slots)))
    took = time.perf_counter() - started
    times.sort()

    def percentile(percent):
        # Nearest rank, as on the other side.
        rank = max(1, -(-len(times) * percent // 100))
        return times[rank - 1] * 1e3

    return {"runs": len(times), "seconds": took, "p50_ms": percentile(50), "p99_ms": percentile(99)}


async def _wait(start, count, seconds):
    """Starts `count` runs that wait, or as many as can be started in `seconds`, 16 at a time."""
    ids = []
    until = time.perf_counter() + seconds

    async def slot(number):
        for _ in range(number, count, 16):
            if time.perf_counter() > until:
                return
            ids.append(await start())

    await asyncio.gather(*(slot(number) for number in range(16)))
    return {"ids": ids}


async def serve(runs, start_waiting=None, approve=None):
    """Does what it is told. `runs` has a function for each load; each call of it is one run, from start to end.

    `start_waiting` starts a run and returns its id when it waits; `approve` says yes to the run of that id and returns
    when it has ended.
    """
    _say({"ready": True})
    loop = asyncio.get_running_loop()
    # Not the pool of the loop, which belongs to the peer.
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command = json.loads(line)
        try:
            match command.pop("do"):
                case "load":
                    answer = await _closed_loop(runs[command["what"]], command["slots"], command["seconds"])
                case "wait":
                    answer = await _wait(start_waiting, command["count"], command["seconds"])
                case "approve":
                    await approve(command["id"])
                    answer = {"done": True}
                case other:
                    answer = {"error": f"{other} is no command"}
        except Exception as error:  # The answer says it; the load goes on.
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        _say(answer)
