import { afterAll, beforeAll } from "@jest/globals";
import type { Place } from "#services/graph/domain/graph-rows.ts";
import type { GraphStore, ProjectionTransaction } from "#services/graph/domain/graph-store.ts";
import { type Scope, scopeOf } from "#shared/auth/scope.ts";
import { type DeltaParts, deltaOf, placeAt, type Rows, rowsOf } from "./rows.ts";

/** Opens a store that is empty: nothing was ever begun. */
export type OpenGraph = () => Promise<{ readonly store: GraphStore; close(): Promise<void> }>;

/** What a case works with: two modules of its own, in a live generation 1 that it shares with the other cases of its group. */
export interface GraphCase {
  readonly store: GraphStore;
  readonly module: string;
  readonly other: string;
  /** Of both modules, and no others. */
  readonly scope: Scope;
  readonly rows: Rows;
  readonly otherRows: Rows;
  /** One step of a module (unset: the first one) that writes this, and comes to the next position. */
  write(parts: DeltaParts, module?: string): Promise<void>;
  /** One step that does something else as well. Answers with the stored place. */
  step(work: (transaction: ProjectionTransaction, position: number) => Promise<void>, module?: string): Promise<Place>;
  /** What a transaction answers, in a step that writes nothing. */
  ask<Answer>(question: (transaction: ProjectionTransaction) => Promise<Answer>, module?: string): Promise<Answer>;
}

let modules = 0;

/** A store for a group of cases: opened before them, closed after them. A case gets its part by calling the answer. */
export function sharedGraph(open: OpenGraph): () => GraphCase {
  let opened: Awaited<ReturnType<OpenGraph>> | undefined;
  beforeAll(async () => {
    opened = await open();
    await opened.store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1_760_000_000_000 });
  });
  afterAll(() => opened?.close());
  return () => {
    modules += 1;
    return caseIn(opened?.store as GraphStore, `case_${modules}`);
  };
}

/** A case of its own in a store, on two modules of these names; for the generation that is given. */
export function caseIn(store: GraphStore, module: string, generation = 1): GraphCase {
  const other = `${module}_b`;
  const positions = new Map<string, number>();
  const step: GraphCase["step"] = async (work, of = module) => {
    const after = positions.get(of) ?? 0;
    let position = after + 1;
    const place = await store.project({ generation, module: of, after }, async (transaction) => {
      await work(transaction, position);
      return placeAt(of, position);
    });
    position = place?.position ?? Number.NaN;
    if (position !== after + 1) throw new Error(`the step did not begin: the place is ${position}, not ${after}`);
    positions.set(of, position);
    return place as Place;
  };
  return {
    store,
    module,
    other,
    scope: scopeOf([module, other]),
    rows: rowsOf(module),
    otherRows: rowsOf(other),
    step,
    write: async (parts, of = module) => {
      await step((transaction, position) => transaction.write(deltaOf(position, parts)), of);
    },
    ask: async (question, of) => {
      let answer: unknown;
      await step(async (transaction) => {
        answer = await question(transaction);
      }, of);
      return answer as Awaited<ReturnType<typeof question>>;
    },
  };
}

/** Walks pages until one is short, as a caller does; a page that is longer than asked for is a fault. */
export async function allPages<Row>(
  limit: number,
  read: (after: Row | undefined) => Promise<readonly Row[]>,
): Promise<Row[]> {
  const all: Row[] = [];
  for (;;) {
    const page = await read(all.at(-1));
    if (page.length > limit) throw new Error(`a page of ${limit} holds ${page.length}`);
    all.push(...page);
    if (page.length < limit) return all;
    if (all.length > 100_000) throw new Error("the pages do not end");
  }
}

/** In the order of their ids: for what the port answers in any order. */
export function byId<Row extends { readonly id: string }>(rows: readonly Row[]): Row[] {
  return [...rows].sort((left, right) => (left.id < right.id ? -1 : 1));
}
