// Restate: the service whose handlers Restate's server calls, on its TypeScript SDK.
//
// As its documentation has it: a service with `ctx.run` for each durable step, `RestatePromise.all` for the fan-out, and a
// workflow with a durable promise for the gate, which a second handler resolves. The server runs with its own settings: the
// write-ahead logs of its RocksDB are synced before an append counts.
//
// Called as `node restate_service.mjs PORT`. The load comes over HTTP through Restate's ingress, from outside.

import * as restate from "@restatedev/restate-sdk";

// The SDK is written for Node 22; this is all that it misses on Node 20.
Promise.withResolvers ??= () => {
  let resolve, reject;
  const promise = new Promise((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
};

const WIDTH = 10;

const loads = restate.service({
  name: "loads",
  handlers: {
    chain: async (ctx, n) => {
      const a = await ctx.run("a", () => n);
      const b = await ctx.run("b", () => a);
      return await ctx.run("c", () => b);
    },
    fanOut: async (ctx, n) => {
      const branches = Array.from({ length: WIDTH }, (_, branch) => ctx.run(`b${branch}`, () => n));
      const parts = await restate.RestatePromise.all(branches);
      return await ctx.run("join", () => parts.length);
    },
  },
});

const gated = restate.workflow({
  name: "gated",
  handlers: {
    run: async (ctx, n) => {
      await ctx.run("before", () => n);
      await ctx.promise("approval");
      return await ctx.run("after", () => n);
    },
    approve: async (ctx, decision) => {
      await ctx.promise("approval").resolve(decision);
    },
  },
});

restate.serve({ services: [loads, gated], port: Number(process.argv[2]) });
