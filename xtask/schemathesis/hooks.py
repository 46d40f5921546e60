"""What schemathesis cannot know: which runs, steps and names there are, and what a definition looks like.

Of what it makes up, it leaves most as it is made when it is to be refused. What is to be accepted mostly gets a name or an id
that the daemon has, and half of all definitions are real ones in which what was made up stands somewhere. Everything follows
from what was made up, so that a seed makes the same choices among the same things.
"""

import copy
import json
import os
import random
import urllib.request
import zlib

import schemathesis
from schemathesis.core.parameters import ParameterLocation

BASE = os.environ["GHOSTLIGHT_SERVER"] + "/api/v1"
TOKEN = os.environ["GHOSTLIGHT_TOKEN"]
# How many requests the names and ids are used for before they are asked for again.
REFRESH_EVERY = 500

pools = {}
calls = 0


def get(path):
    request = urllib.request.Request(BASE + path, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def items(path):
    return get(path)["items"]


def refresh():
    runs = [run["id"] for run in items("/runs?limit=50")]
    pools.update(
        runs=runs,
        steps={run: [step["path"] for step in items(f"/runs/{run}/steps")] for run in runs[:20]},
        approvals=[approval["id"] for approval in items("/approvals")],
        workflows=[workflow["name"] for workflow in items("/workflows")],
        templates=[template["name"] for template in items("/templates")],
        agents=[agent["name"] for agent in items("/agents")],
        tokens=[token["id"] for token in items("/tokens") if token["label"] == "to be revoked"],
        problems=["bad_query", "run_state", "internal"],
        diagnostics=["GL0101", "GL0302"],
    )
    if "documents" not in pools:
        pools["documents"] = {
            "workflows": [get(f"/workflows/{name}")["definition"] for name in pools["workflows"]],
            "templates": [get(f"/templates/{name}")["definition"] for name in pools["templates"]],
            "agents": [get(f"/agents/{name}")["definition"] for name in pools["agents"]],
        }


def collection(path):
    """What the first parameter of a path names."""
    if path.startswith("/api/v2/"):
        return "runs"
    return path.split("/{")[0].split("/")[-1]


def known_place(path, parameters, choose):
    """The parameters of a path, most of them as they are known to the daemon."""
    pool = pools.get(collection(path), [])
    for name in ("id", "run", "name", "code"):
        if name in parameters and pool and not (name == "name" and "/signals/" in path):
            parameters[name] = choose.choice(pool)
    if "/signals/" in path:
        parameters["name"] = choose.choice(["go", "unknown"])
    if "path" in parameters:
        parameters["path"] = choose.choice(pools["steps"].get(parameters["id"]) or ["a"])
    return parameters


def known_query(query):
    """A query that is to be accepted, without what is right by its shape and made up all the same."""
    # A cursor is opaque: the document cannot say which of them are the daemon's.
    query.pop("cursor", None)
    # A minute each is more than there is.
    if "wait" in query:
        query["wait"] = min(int(query["wait"]), 1)
    return query


def written(query):
    """A query that asks for what is written already: anything later is waited for, and refused with 503 in the end."""
    sequence = query.get("min_sequence")
    if isinstance(sequence, str) and sequence.isascii() and sequence.isdigit() and len(sequence) < 20:
        query["min_sequence"] = str(int(sequence) % 50)
    return query


def whole(value):
    """JSON Schema takes 1.0 for a whole number, and the contract has whole numbers without a fraction."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: whole(part) for key, part in value.items()}
    if isinstance(value, list):
        return [whole(part) for part in value]
    return value


def places(value, path=()):
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*path, key))


def spoiled(document, made_up, choose):
    """A real document, with what was made up at some place of it."""
    document = copy.deepcopy(document)
    path = choose.choice([path for path in places(document) if path])
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    values = list(made_up.values()) if isinstance(made_up, dict) else [made_up]
    holder[path[-1]] = choose.choice(values) if values else made_up
    return document


def document_of(path, choose):
    kind = path.split("/")[3]
    return choose.choice(pools["documents"].get(kind) or pools["documents"]["workflows"])


def known_body(path, body, choose):
    """A body that names workflows, runs or actors, as they are known to the daemon."""
    # An actor that was stopped stays away: of all others something would be missed, and answered with 503.
    if path == "/api/v1/tree/stop" and isinstance(body.get("path"), str):
        body["path"] = choose.choice(["surface/sweep", "surface/nobody"])
    if isinstance(body.get("workflow"), str):
        body["workflow"] = choose.choice(pools["workflows"])
    if isinstance(body.get("ids"), list):
        body["ids"] = choose.sample(pools["runs"], min(len(body["ids"]), len(pools["runs"])))
    if isinstance(body.get("name"), str):
        body["name"] = f"made-{choose.randrange(20)}"
    return body


TAKES_DOCUMENT = {
    "/api/v1/workflows",
    "/api/v1/workflows/validate",
    "/api/v1/workflows/{name}",
    "/api/v1/templates",
    "/api/v1/templates/{name}",
    "/api/v1/agents/{name}",
    "/api/v1/runs/{id}/plan/edits",
}


def fine_body(path, body, choose):
    """A body that is to be accepted, most of them nearer to a real one."""
    if path in TAKES_DOCUMENT and isinstance(body, (dict, str)) and choose.random() < 0.6:
        document = document_of(path, choose)
        document = spoiled(document, body, choose) if choose.random() < 0.6 else document
        return json.dumps(document) if isinstance(body, str) else document
    if "/signals/" in path or not isinstance(body, dict):
        return body
    if "definition" in body and choose.random() < 0.6:
        body = {**body, "definition": document_of(path, choose)}
    return known_body(path, dict(body), choose)


def known_headers(headers, choose):
    """Headers that are to be accepted: some keys that were used before, and some conditions that hold."""
    if "Idempotency-Key" in headers and choose.random() < 0.1:
        headers["Idempotency-Key"] = f"key-{choose.randrange(20)}"
    if "If-Match" in headers and choose.random() < 0.5:
        headers["If-Match"] = "*"
    if "Prefer" in headers and choose.random() < 0.5:
        headers["Prefer"] = "wait=1"
    return headers


@schemathesis.hook
def before_call(context, case, kwargs):
    global calls
    if calls % REFRESH_EVERY == 0:
        refresh()
    calls += 1
    if case.meta is None:
        return
    path, made_up = case.operation.path, repr((case.path_parameters, case.query, case.body))
    choose = random.Random(zlib.crc32(made_up.encode("utf-8", "surrogatepass")))

    def is_fine(location):
        return not case.meta.is_negative_at(location)

    if case.path_parameters and is_fine(ParameterLocation.PATH) and choose.random() < 0.8:
        case.path_parameters = known_place(path, dict(case.path_parameters), choose)
    if case.query:
        query = written(dict(case.query))
        case.query = known_query(query) if is_fine(ParameterLocation.QUERY) else query
    if case.headers and is_fine(ParameterLocation.HEADER):
        case.headers.update(known_headers(dict(case.headers), choose))
    if isinstance(case.body, (dict, list, float, str)) and is_fine(ParameterLocation.BODY):
        case.body = fine_body(path, whole(case.body), choose)
