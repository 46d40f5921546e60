"""LangGraph: graphs with the SQLite checkpointer, in one process with the load, since LangGraph is a library.

As its documentation has it: `AsyncSqliteSaver` on a file, `ainvoke` with `durability="sync"` (each checkpoint is written
before the next step begins), one thread id a run, `interrupt()` for the gate and `Command(resume=...)` for the approval.
The checkpointer opens SQLite in WAL mode and leaves `synchronous` at SQLite's own FULL: each commit is synced.

Called as `python langgraph_load.py FOLDER`; speaks as closed_loop.py says.
"""

import asyncio
import operator
import sys
import uuid
from typing import Annotated, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from closed_loop import serve

WIDTH = 10


class State(TypedDict):
    n: int


class Collected(TypedDict):
    n: int
    parts: Annotated[list[int], operator.add]


async def step(state: State):
    return {"n": state["n"]}


async def branch(state: Collected):
    return {"parts": [state["n"]]}


async def join(state: Collected):
    return {"n": len(state["parts"])}


async def ask(state: State):
    interrupt({"action": "Deploy build", "n": state["n"]})
    return {"n": state["n"]}


def sequence(*steps):
    graph = StateGraph(State)
    graph.add_sequence(steps)
    graph.add_edge(START, steps[0][0])
    graph.add_edge(steps[-1][0], END)
    return graph


def fan_out():
    graph = StateGraph(Collected)
    names = [f"b{number}" for number in range(WIDTH)]
    graph.add_node("join", join)
    for name in names:
        graph.add_node(name, branch)
        graph.add_edge(START, name)
    graph.add_edge(names, "join")
    graph.add_edge("join", END)
    return graph


def thread(run):
    return {"configurable": {"thread_id": run}}


async def main(folder):
    async with AsyncSqliteSaver.from_conn_string(f"{folder}/checkpoints.sqlite") as saver:
        chain = sequence(("a", step), ("b", step), ("c", step)).compile(checkpointer=saver)
        wide = fan_out().compile(checkpointer=saver)
        gated = sequence(("before", step), ("ask", ask), ("after", step)).compile(checkpointer=saver)

        async def run_chain():
            assert (await chain.ainvoke({"n": 1}, thread(str(uuid.uuid4())), durability="sync"))["n"] == 1

        async def run_fan_out():
            state = await wide.ainvoke({"n": 1, "parts": []}, thread(str(uuid.uuid4())), durability="sync")
            assert state["n"] == WIDTH

        async def start_waiting():
            run = str(uuid.uuid4())
            assert "__interrupt__" in await gated.ainvoke({"n": 1}, thread(run), durability="sync")
            return run

        async def approve(run):
            assert await gated.ainvoke(Command(resume="yes"), thread(run), durability="sync") == {"n": 1}

        await serve({"chain": run_chain, "fan_out": run_fan_out}, start_waiting, approve)


asyncio.run(main(sys.argv[1]))
