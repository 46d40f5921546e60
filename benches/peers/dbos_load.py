"""DBOS: durable workflows on PostgreSQL, in one process with the load, since DBOS is a library.

As its documentation has it: asynchronous `@DBOS.workflow` and `@DBOS.step` functions, `start_workflow_async` and the result
of its handle, steps gathered for the fan-out, `recv_async` for the gate and `send_async` for the approval. After a restart
`DBOS.launch()` goes on with what was pending. PostgreSQL runs with its own settings: fsync and synchronous_commit are on.

Called as `python dbos_load.py URL`, where URL is that of the system database; speaks as closed_loop.py says.
"""

import asyncio
import sys

from dbos import DBOS, DBOSConfig

from closed_loop import serve

WIDTH = 10
WEEK = 7 * 24 * 3600


@DBOS.step()
async def step(n: int) -> int:
    return n


@DBOS.step()
async def join(parts: list[int]) -> int:
    return len(parts)


@DBOS.workflow()
async def chain(n: int) -> int:
    return await step(await step(await step(n)))


@DBOS.workflow()
async def fan_out(n: int) -> int:
    return await join(await asyncio.gather(*(step(n) for _ in range(WIDTH))))


@DBOS.workflow()
async def gated(n: int) -> int:
    await step(n)
    # Seen by whoever started the run: from here on it waits.
    await DBOS.set_event_async("waits", True)
    decision = await DBOS.recv_async("approval", timeout_seconds=WEEK)
    assert decision == "yes"
    return await step(n)


async def run_chain():
    handle = await DBOS.start_workflow_async(chain, 1)
    assert await handle.get_result() == 1


async def run_fan_out():
    handle = await DBOS.start_workflow_async(fan_out, 1)
    assert await handle.get_result() == WIDTH


async def start_waiting():
    handle = await DBOS.start_workflow_async(gated, 1)
    assert await DBOS.get_event_async(handle.get_workflow_id(), "waits", timeout_seconds=60)
    return handle.get_workflow_id()


async def approve(run):
    await DBOS.send_async(run, "yes", topic="approval")
    handle = await DBOS.retrieve_workflow_async(run)
    assert await handle.get_result() == 1


async def main(url):
    config: DBOSConfig = {
        "name": "peers",
        "system_database_url": url,
        # After a restart the same version goes on with what was pending.
        "application_version": "1",
        "log_level": "WARNING",
    }
    DBOS(config=config)
    DBOS.launch()
    await serve({"chain": run_chain, "fan_out": run_fan_out}, start_waiting, approve)
    DBOS.destroy()


asyncio.run(main(sys.argv[1]))
