import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { AuthService } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { freePort } from "#tests/support/private-servers.ts";
import type { Bench } from "./bench.ts";
import type { Rig } from "./open-rig.ts";
import { median, medianOf } from "./quantiles.ts";
import { recordSteadily } from "./record-steadily.ts";
import { runGhz } from "./run-ghz.ts";
import { SAMPLE_TEXT } from "./sample-request.ts";
import { startChild } from "./start-child.ts";

const MODULE = "auth_bench";
const CONCURRENCIES = [1, 64] as const;
const SUBSCRIBERS = 100;
const PER_SECOND = 200;
/** For the last frames to be sent. */
const SETTLE_MS = 500;

/** Who calls: nobody in particular, from this machine, or the holder of a token. */
const CALLERS = ["local", "token"] as const;
type Caller = (typeof CALLERS)[number];

/** What it costs to know who calls: a call, an event of a stream; and how fast a right is taken back. */
export const auth: Bench = async (rig, { rounds, seconds }) => {
  const owner = await openOwner(rig);
  await rig.modules.registerModule({ module: { name: MODULE } });
  const grants = [{ module: MODULE, verb: Verb.RECORD }];
  const { secret } = await owner.createToken({ name: "bench", kind: PrincipalKind.SERVICE, grants });
  const tokens: Readonly<Record<Caller, string | undefined>> = { local: undefined, token: secret };

  const calls = await measureCalls(rig, tokens, rounds, seconds);
  const events = await measureEvents(rig, tokens, rounds, seconds);
  const withRedis = await measureRevocations(rig, owner, rig.redisUrl, rounds);
  const without = await measureRevocations(rig, owner, "redis://127.0.0.1:1", rounds);
  return {
    title:
      "WhoAmI with a token against without; the CPU of an event; from a revocation to the end of a stream elsewhere",
    columns: ["", "p50 ms", "Node us"],
    rows: [
      ...calls.flatMap(({ concurrency, local, token }) => [
        [`WhoAmI c=${concurrency}, local`, local.p50Ms, local.nodeUs],
        [`WhoAmI c=${concurrency}, token`, token.p50Ms, token.nodeUs],
      ]),
      [`event for ${SUBSCRIBERS} subscribers, local`, "", events.local],
      [`event for ${SUBSCRIBERS} subscribers, token`, "", events.token],
      ["revocation to a closed stream, Redis there", withRedis, ""],
      ["revocation to a closed stream, no Redis", without, ""],
    ],
    goals: [
      ...calls.map(({ concurrency, local, token }) => ({
        goal: `CPU that a cached token adds to a call, c=${concurrency}`,
        measured: token.nodeUs - local.nodeUs,
        limit: 10,
        bound: "at most" as const,
        unit: " us",
      })),
      {
        goal: "a revocation ends streams without Redis",
        measured: without,
        limit: 5000,
        bound: "at most",
        unit: " ms",
      },
    ],
  };
};

type Owner = ReturnType<typeof createClient<typeof AuthService>>;

async function openOwner({ address, postgresUrl, log, closers }: Rig): Promise<Owner> {
  const token = makeApiToken(PrincipalKind.PERSON);
  await ensureOwner({ url: postgresUrl, hash: hashOfApiToken(token), log });
  const transport = openTransport({ address, token });
  closers.add("owner's transport", () => transport.close());
  return createClient(AuthService, transport);
}

async function measureCalls(
  { address, folder, cpuMs }: Rig,
  tokens: Readonly<Record<Caller, string | undefined>>,
  rounds: number,
  seconds: number,
) {
  const takeTurn = async (caller: Caller, concurrency: number) => {
    const before = cpuMs.conductor();
    const token = tokens[caller];
    const { perSecond, p50Ms } = await runGhz({
      address,
      folder,
      concurrency,
      seconds,
      call: "cos.auth.v1.AuthService.WhoAmI",
      proto: "proto/cos/auth/v1/auth_service.proto",
      ...(token !== undefined && { token }),
    });
    return { p50Ms, nodeUs: ((cpuMs.conductor() - before) * 1000) / (perSecond * seconds) };
  };
  for (const caller of CALLERS) await takeTurn(caller, 64);
  const figures = [];
  for (const concurrency of CONCURRENCIES) {
    const turns = { local: [] as Turn[], token: [] as Turn[] };
    for (let round = 0; round < rounds; round += 1) {
      for (const caller of CALLERS) turns[caller].push(await takeTurn(caller, concurrency));
    }
    figures.push({ concurrency, local: medianOf(turns.local), token: medianOf(turns.token) });
  }
  return figures;
}

interface Turn {
  readonly p50Ms: number;
  readonly nodeUs: number;
}

/** The conductor's CPU for an event that goes to all subscribers, in microseconds. */
async function measureEvents(
  rig: Rig,
  tokens: Readonly<Record<Caller, string | undefined>>,
  rounds: number,
  seconds: number,
): Promise<Record<Caller, number>> {
  const takeTurn = async (caller: Caller) => {
    const crowd = await rig.start("crowd.ts", rig.address, MODULE, String(SUBSCRIBERS), tokens[caller] ?? "");
    const before = rig.cpuMs.conductor();
    const plan = { module: MODULE, perSecond: PER_SECOND, seconds, textOf: () => SAMPLE_TEXT };
    const { count } = await recordSteadily(rig, plan);
    await sleep(SETTLE_MS);
    const eventUs = ((rig.cpuMs.conductor() - before) * 1000) / count;
    crowd.kill();
    await once(crowd, "exit");
    return eventUs;
  };
  await takeTurn("local");
  const turns = { local: [] as number[], token: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    for (const caller of CALLERS) turns[caller].push(await takeTurn(caller));
  }
  return { local: median(turns.local), token: median(turns.token) };
}

/** From the answer of RevokeToken to the end of a stream at another conductor, in milliseconds. */
async function measureRevocations(rig: Rig, owner: Owner, redisUrl: string, rounds: number): Promise<number> {
  const address = await startReplica(rig, redisUrl);
  const tookMs: number[] = [];
  for (let round = 0; round < rounds * 3; round += 1) {
    const name = `revoked-${redisUrl.length}-${round}`;
    const grants = [{ module: MODULE, verb: Verb.READ }];
    const { secret } = await owner.createToken({ name, kind: PrincipalKind.AGENT, grants });
    const transport = openTransport({ address, token: secret });
    const stream = createClient(ConductorService, transport).subscribe({ modules: [MODULE] });
    const frames = stream[Symbol.asyncIterator]();
    await frames.next();
    // Anywhere between two polls.
    await sleep(Math.random() * 2_000);
    await owner.revokeToken({ name });
    const sinceMs = performance.now();
    await untilOver(frames);
    tookMs.push(performance.now() - sinceMs);
    transport.close();
  }
  return median(tookMs);
}

async function startReplica({ postgresUrl, folder, closers }: Rig, redisUrl: string): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  await startChild(
    {
      name: "replica",
      script: "services/conductor/main.ts",
      env: { COS_POSTGRES_URL: postgresUrl, COS_REDIS_URL: redisUrl, COS_CONDUCTOR_LISTEN: address },
      logFile: `${folder}/replica.log`,
    },
    closers,
  );
  await sleep(SETTLE_MS * 6);
  return address;
}

async function untilOver(frames: AsyncIterator<unknown>): Promise<void> {
  try {
    while (!(await frames.next()).done);
  } catch {
    // Its end.
  }
}
