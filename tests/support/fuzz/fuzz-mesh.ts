// Hostile requests to every RPC, over every stack, by every kind of caller.
//
// Owner: whoever opens it; `stop` ends the mesh with all that was done to it.
//
//  F1  Requests are made from descriptors and a seed: the same seed makes the same requests.
//  F2  Every answer is judged (verdict.ts); a wrong one is made as small as fast-check can and told with its seed.
//  F3  Afterwards the mesh is as good as new: it serves, has logged no error, has not grown without bound, its positions are without
//      a gap, and its graph equals a replay of the log.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import fc, { type Arbitrary } from "fast-check";
import pg from "pg";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { AuthService } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { GraphLogService } from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { ProjectionLogService } from "#gen/cos/conductor/v1/projection_log_service_pb.ts";
import { ScratchService } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { GraphService } from "#gen/cos/graph/v1/graph_service_pb.ts";
import { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { Health } from "#gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as AlphaServerReflection } from "#gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { openLog } from "#shared/log/open-log.ts";
import { reasonOf } from "#shared/rpc/error-reason.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import type { Mesh } from "../mesh.ts";
import { type GraphMesh, openGraphMesh } from "../mesh-graph.ts";
import type { MeshProcess } from "../mesh-process.ts";
import { ROOT } from "../mesh-process.ts";
import { openRawCaller, type RawCaller, STACKS, type Stack } from "./call-raw.ts";
import { MODULES } from "./hostile-values.ts";
import { requestArbitrary } from "./request-arbitrary.ts";
import { CALLERS, mistakeIn, type Who } from "./verdict.ts";

const SERVICES = [
  GraphService,
  ConductorService,
  GraphLogService,
  ProjectionLogService,
  ModuleService,
  ScratchService,
  HighwayService,
  AuthService,
  Health,
  ServerReflection,
  AlphaServerReflection,
];
export const METHODS: readonly DescMethod[] = SERVICES.flatMap(({ methods }) => methods);

/** Nothing counts calls here: there are to be as many as possible. */
const SETTINGS = {
  COS_AUTH: "required",
  COS_RATE_LIMIT_PERSONS: "0",
  COS_RATE_LIMIT_AGENTS: "0",
  COS_RATE_LIMIT_SERVICES: "0",
};

/** Lanes that run at once: each is one RPC over one stack, whose requests come one after the other. */
const LANES_MAX = 12;

export interface FuzzMesh {
  /** Sends about so many requests, evenly over all RPCs and stacks; answers what went wrong, and how many calls had which end. */
  fuzz(options: { seed: number; requests: number }): Promise<{ mistakes: string[]; ends: Map<string, number> }>;
  /** What is wrong with the mesh after all that (F3). */
  damage(): Promise<string[]>;
  stop(): Promise<void>;
}

export async function openFuzzMesh(): Promise<FuzzMesh> {
  const mesh = await openGraphMesh({ env: SETTINGS });
  const tokens = await makeCallers(mesh.mesh);
  const [conductor, graph] = [openRawCaller(mesh.mesh.url), openRawCaller(`http://${mesh.address}`)];
  const callerOf = ({ parent }: DescMethod) => (parent === GraphService ? graph : conductor);
  const codeOf = readReasonCodes();
  const rssBefore = processesOf(mesh).map(({ pid }) => residentBytes(pid));
  return {
    async fuzz({ seed, requests }) {
      const lanes = METHODS.flatMap((method) => STACKS.map((stack) => ({ method, stack })));
      const ends = new Map<string, number>();
      const run = { callerOf, tokens, codeOf, ends, count: Math.ceil(requests / lanes.length) };
      const mistakes: string[] = [];
      await atMost(LANES_MAX, lanes, async ({ method, stack }, n) => {
        const mistake = await runLane(run, method, stack, seed + n);
        if (mistake !== undefined) mistakes.push(mistake);
      });
      return { mistakes, ends };
    },
    damage: () => damageOf(mesh, tokens, rssBefore),
    async stop() {
      conductor.close();
      graph.close();
      await mesh.stop();
    },
  };
}

type Tokens = Readonly<Record<Who, string | undefined>>;

interface Run {
  /** To the process that serves a method. */
  readonly callerOf: (method: DescMethod) => RawCaller;
  readonly tokens: Tokens;
  readonly codeOf: ReadonlyMap<string, number>;
  readonly ends: Map<string, number>;
  /** Requests of one lane. */
  readonly count: number;
}

/** One RPC over one stack; gives fast-check's own report of the smallest request that was answered wrongly. */
async function runLane(run: Run, method: DescMethod, stack: Stack, seed: number): Promise<string | undefined> {
  const calls = fc.record({
    who: callers,
    body: requestArbitrary(method, stack === "Connect, JSON" ? "JSON" : "binary"),
  });
  const property = fc.asyncProperty(calls, async ({ who, body }) => {
    const answer = await run.callerOf(method).call(stack, method, body, run.tokens[who]);
    const mistake = mistakeIn({ who, stack, method, body }, answer, run.codeOf);
    const end = answer.code === 0 ? "OK" : answer.reason || `code ${answer.code}`;
    run.ends.set(end, (run.ends.get(end) ?? 0) + 1);
    if (mistake !== undefined) throw new Error(`${mistake}, for the body ${shown(stack, body)}`);
  });
  // (A request that is made smaller may take a while.)
  const details = await fc.check(property, { seed, numRuns: run.count, interruptAfterTimeLimit: 600_000 });
  if (!details.failed) return undefined;
  const { who } = details.counterexample?.[0] ?? {};
  const cause = details.errorInstance instanceof Error ? details.errorInstance.message : "given up: it took too long";
  return `${method.parent.typeName}/${method.name} over ${stack} by ${who}, seed ${seed}: ${cause}`;
}

/** The administrator gets furthest, and so is asked for most. */
const callers: Arbitrary<Who> = fc.oneof(
  ...CALLERS.map((who, n) => ({ weight: [1, 1, 2, 3, 4, 10][n] as number, arbitrary: fc.constant(who) })),
);

function shown(stack: Stack, body: Uint8Array): string {
  const text = Buffer.from(body).toString(stack === "Connect, JSON" ? "utf8" : "hex");
  return text.length > 2_000 ? `${text.slice(0, 2_000)}... (${body.length} bytes)` : text;
}

async function makeCallers(mesh: Mesh): Promise<Tokens> {
  const ownerToken = makeApiToken(PrincipalKind.PERSON);
  const log = openLog({ service: "fuzz", level: "warn" });
  await ensureOwner({ url: mesh.postgresUrl, hash: hashOfApiToken(ownerToken), log });
  const transport = openTransport({ address: mesh.address, token: ownerToken });
  const [auth, modules] = [createClient(AuthService, transport), createClient(ModuleService, transport)];
  for (const name of MODULES) if (name !== "cc") await modules.registerModule({ module: { name } });
  const make = async (name: string, kind: PrincipalKind, module: string, verb: Verb) =>
    (await auth.createToken({ name, kind, grants: [{ module, verb }] })).secret;
  await make("spare", PrincipalKind.AGENT, "here", Verb.READ);
  // Names that no request is made of, so that nobody takes them their rights.
  const tokens = {
    nobody: undefined,
    stranger: makeApiToken(PrincipalKind.SERVICE),
    reader: await make("who-reads-everywhere", PrincipalKind.AGENT, "*", Verb.READ),
    recorder: await make("who-records-in-one", PrincipalKind.AGENT, "here", Verb.RECORD),
    service: await make("who-serves-everywhere", PrincipalKind.SERVICE, "*", Verb.RECORD),
    administrator: await make("who-administers-all", PrincipalKind.PERSON, "*", Verb.ADMIN),
  };
  transport.close();
  return tokens;
}

/** The code of each reason, as docs/errors.md tells it to everybody. */
function readReasonCodes(): Map<string, number> {
  const rows = readFileSync(join(ROOT, "docs", "errors.md"), "utf8").matchAll(/^\| `(\w+)` \| (\w+) \|/gm);
  const codes = Object.entries(Code).filter(([, code]) => typeof code === "number") as [string, number][];
  const numbers = new Map(codes.map(([name, code]) => [name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase(), code]));
  return new Map([...rows].map(([, reason = "", code = ""]) => [reason, numbers.get(code) ?? -1]));
}

/** Growth that is not held against a process that has just met all its code for the first time. */
const GROWTH_BYTES_MAX = 512 * 1024 * 1024;

const processesOf = ({ mesh, graph }: GraphMesh): MeshProcess[] => [mesh.conductor, graph];

async function damageOf(mesh: GraphMesh, tokens: Tokens, rssBefore: readonly number[]): Promise<string[]> {
  const damage = (await gapsIn(mesh.mesh.postgresUrl)).map((module) => `the positions of ${module} have gaps`);
  for (const [n, running] of processesOf(mesh).entries()) {
    if (!(await running.isServing())) damage.push("the mesh does not serve");
    const growth = residentBytes(running.pid) - (rssBefore[n] ?? 0);
    if (growth > GROWTH_BYTES_MAX) damage.push(`the process has grown by ${growth} bytes`);
    const lines = running.output().split("\n");
    damage.push(...lines.filter((line) => /"level":"(?:error|fatal)"/.test(line)).slice(0, 5));
  }
  return [...damage, ...(await differencesIn(mesh.address, tokens.administrator))];
}

/** The modules whose graph is another one than a replay of the log gives. */
async function differencesIn(address: string, token: string | undefined): Promise<string[]> {
  const transport = openTransport({ address, ...(token !== undefined && { token }) });
  const graph = createClient(GraphService, transport);
  const differing: string[] = [];
  // A rebuild that some request began may still be going on.
  for (let begun = false; !begun; ) {
    try {
      for await (const { verdicts } of graph.verifyProjection({}, { timeoutMs: 120_000 })) {
        const unequal = verdicts.filter(({ equal }) => !equal);
        differing.push(
          ...unequal.map(({ differences }) => `the graph differs from a replay: ${differences.join(", ")}`),
        );
      }
      begun = true;
    } catch (error) {
      if (reasonOf(error) !== "REBUILD_RUNNING") throw error;
    }
  }
  transport.close();
  return differing;
}

async function gapsIn(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ module: string }>(`
    select h.module from mem0_cc.head h left join mem0_cc.memory m using (module)
    group by h.module, h.position having count(m.position) <> h.position or coalesce(max(m.position), 0) <> h.position`);
  await client.end();
  return rows.map(({ module }) => module);
}

/** What a process holds of the machine's memory; 0 where the system does not say (no /proc). */
function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

async function atMost<T>(max: number, items: readonly T[], work: (item: T, n: number) => Promise<void>): Promise<void> {
  const rest = items.entries();
  const worker = async () => {
    for (const [n, item] of rest) await work(item, n);
  };
  await Promise.all(Array.from({ length: max }, worker));
}
