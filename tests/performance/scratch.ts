import { createClient } from "@connectrpc/connect";
import pg from "pg";
import { NoteView, ScratchService } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { openStore } from "#services/conductor/store/open-store.ts";
import { localScope } from "#shared/auth/scope.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import type { Bench } from "./bench.ts";
import type { Rig } from "./open-rig.ts";
import { latencyOf, medianOf } from "./quantiles.ts";

const CALLS = 300;
const KEYS = 50;
const TEXT = "three acts ".repeat(20);
const WRITTEN_BY = "bench";

/** The p50 of writing and of reading, in milliseconds. */
interface Turn {
  readonly put: number;
  readonly get: number;
}

interface Contender {
  readonly name: string;
  put(key: string): Promise<unknown>;
  get(key: string): Promise<unknown>;
}

/**
 * PutNote and GetNote, called over gRPC and in the store alone, against a bare INSERT (an upsert of the same row) and SELECT of a prepared
 * statement on one connection. One caller; the contenders take turns call by call, so that the machine treats them alike.
 */
export const scratch: Bench = async (rig, { rounds }) => {
  const contenders = [await bare(rig), await inStore(rig), overGrpc(rig)];
  const turns: Turn[][] = contenders.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [n, turn] of (await takeTurns(contenders)).entries()) turns[n]!.push(turn);
  }
  const medians = turns.map((each) => medianOf(each));
  const [floor, store, whole] = medians as [Turn, Turn, Turn];
  return {
    title: `a note of ${TEXT.length} bytes; medians of the rounds`,
    columns: ["", "put p50 ms", "get p50 ms"],
    rows: contenders.map(({ name }, n) => [name, medians[n]!.put, medians[n]!.get]),
    goals: [
      {
        goal: "PutNote, against a bare INSERT",
        measured: whole.put / floor.put,
        limit: 5,
        bound: "at most",
        unit: "x",
      },
      { goal: "its store alone", measured: store.put / floor.put, limit: 2, bound: "at most", unit: "x" },
      {
        goal: "the store of GetNote, against a bare SELECT",
        measured: store.get / floor.get,
        limit: 3,
        bound: "at most",
        unit: "x",
      },
    ],
  };
};

async function takeTurns(contenders: readonly Contender[]): Promise<Turn[]> {
  const tookMs = contenders.map(() => ({ put: [] as number[], get: [] as number[] }));
  for (let n = 0; n < CALLS; n += 1) {
    const key = `key ${n % KEYS}`;
    for (const [at, contender] of contenders.entries()) {
      tookMs[at]!.put.push(await timed(() => contender.put(key)));
      tookMs[at]!.get.push(await timed(() => contender.get(key)));
    }
  }
  return tookMs.map(({ put, get }) => ({ put: latencyOf(put).p50Ms, get: latencyOf(get).p50Ms }));
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await call();
  return performance.now() - began;
}

/** The floor: the same table by itself, durable too. */
async function bare({ postgresUrl, closers }: Rig): Promise<Contender> {
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  closers.add("bare connection", () => client.end());
  await client.query("create table if not exists bare_note (like mem0_cc.note including all)");
  const upsert = `insert into bare_note (module, key, text, size, created_at, updated_at, expires_at, revision, written_by)
    values ('cc', $1, $2, $3, now(), now(), now() + interval '1 day', 1, $4)
    on conflict (module, key) do update set text = excluded.text, updated_at = excluded.updated_at, expires_at = excluded.expires_at`;
  const select = "select * from bare_note where module = 'cc' and key = $1";
  return {
    name: "bare INSERT and SELECT",
    put: (key) => client.query({ name: "upsert", text: upsert, values: [key, TEXT, TEXT.length, WRITTEN_BY] }),
    get: (key) => client.query({ name: "select", text: select, values: [key] }),
  };
}

async function inStore({ postgresUrl, log, closers }: Rig): Promise<Contender> {
  const store = await openStore({ url: postgresUrl, log });
  closers.add("store", () => store.close());
  const scope = localScope();
  const note = {
    module: "cc",
    text: TEXT,
    value: undefined,
    ttlMs: null,
    revision: 0n,
    onlyIfAbsent: false,
    writtenBy: WRITTEN_BY,
  };
  return {
    name: "the store alone",
    put: (key) => store.scratch.putNote(scope, { ...note, key: `store ${key}` }),
    get: (key) =>
      store.scratch.getNote(scope, {
        $typeName: "cos.conductor.v1.GetNoteRequest",
        module: "cc",
        key: `store ${key}`,
        view: NoteView.FULL,
      }),
  };
}

function overGrpc({ address, closers }: Rig): Contender {
  const transport = openTransport({ address });
  closers.add("scratch transport", () => transport.close());
  const client = createClient(ScratchService, transport);
  return {
    name: "PutNote and GetNote, gRPC",
    put: (key) => client.putNote({ note: { key, text: TEXT } }),
    get: (key) => client.getNote({ key }),
  };
}
