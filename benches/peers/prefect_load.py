"""Prefect: flows and tasks against a local server, with the load in the process of the flows, since flows run where they
are called.

As its documentation has it: asynchronous `@flow` and `@task` functions called directly, tasks with `persist_result=True` so
that their results outlive the process, tasks gathered for the fan-out. The server keeps its SQLite in WAL mode with
`synchronous = NORMAL`, which Prefect sets itself: a commit survives the end of the process but need not survive a power cut.

There is no gate: a run that is paused lives in its process and ends with it, and one that is to outlive it (suspended) needs
a deployment, whose runner starts a Python process a run.

Called as `python prefect_load.py`, with PREFECT_API_URL in the environment; speaks as closed_loop.py says.
"""

import asyncio

from prefect import flow, task

from closed_loop import serve

WIDTH = 10


@task(persist_result=True)
async def step(n: int) -> int:
    return n


@task(persist_result=True)
async def join(parts: list[int]) -> int:
    return len(parts)


@flow(persist_result=True)
async def chain(n: int) -> int:
    return await step(await step(await step(n)))


@flow(persist_result=True)
async def fan_out(n: int) -> int:
    return await join(await asyncio.gather(*(step(n) for _ in range(WIDTH))))


async def run_chain():
    assert await chain(1) == 1


async def run_fan_out():
    assert await fan_out(1) == WIDTH


asyncio.run(serve({"chain": run_chain, "fan_out": run_fan_out}))
