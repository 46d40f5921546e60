"""DBOS: durable workflows on PostgreSQL, in one process with the load, since DBOS is a library.

As its documentation has it: asynchronous `@DBOS.workflow` and `@DBOS.step` functions, `start_workflow_async` and the result
of its handle, steps gathered for the fan-out, `recv_async` for the gate and `send_async` for the approval. After a restart
`DBOS.launch()` goes on with what was pending. PostgreSQL runs with its own settings: fsync and synchronous_commit are on.

Called as `python dbos_load.py URL`, where URL is that of the system database; speaks as closed_loop.py says.
"""

import asyncio
import sys
import uuid

from dbos import DBOS, DBOSConfig, SetWorkflowID

from closed_loop import serve

WIDTH = 10
WEEK = 7 * 24 * 3600

# Tells whoever started a run that it waits from here on. Only for this process; nothing of it is stored.
waits: dict[str, asyncio.Event] = {}


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
    if told := waits.pop(DBOS.workflow_id, None):
        told.set()
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
    run, told = str(uuid.uuid4()), asyncio.Event()
    waits[run] = told
    with SetWorkflowID(run):
        await DBOS.start_workflow_async(gated, 1)
    await told.wait()
    return run


async def approve(run):
    await DBOS.send_async(run, "yes", topic="approval")
    handle = await DBOS.retrieve_workflow_async(run)
    # A handle polls, once a second if nothing is said; the run should not be measured by that.
    assert await handle.get_result(polling_interval_sec=0.02) == 1


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
