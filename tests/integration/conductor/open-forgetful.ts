import { create } from "@bufbuild/protobuf";
import { ListMemoriesRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { ForgetMemoriesResponse } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { ModuleSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Committed } from "#services/conductor/store/announce-committed.ts";
import type { Recorded } from "#services/conductor/store/group-commit.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { localScope } from "#shared/auth/scope.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { openTestStore, type TestStore } from "./open-test-store.ts";
import { type Further, forgetAll, type Selector, someCall, someRequest } from "./some-forgetting.ts";

/** What `someMemory` takes; left out, it is a short note. */
type Given = Partial<Parameters<typeof someMemory>>;

/** A module of a test's own. */
export interface ForgetfulModule {
  readonly module: string;
  readonly recorded: readonly Recorded[];
  readonly ids: readonly string[];
  /** All frames of a forgetting in it. */
  forget(selector: Selector, further?: Further, call?: CallContext): Promise<ForgetMemoriesResponse[]>;
}

/** A store with its looks from behind. */
export interface Forgetful extends TestStore {
  /** What was announced of commits, by module. */
  readonly announced: [module: string, Committed][];
  freshModule(memories?: readonly Given[]): Promise<ForgetfulModule>;
  memoriesOf(module: string): Promise<Memory[]>;
  forgottenOf(module: string): Promise<number[]>;
  auditOf(module: string): Promise<Record<string, unknown>[]>;
}

const everything = localScope();
const clearHighway = async (): Promise<boolean> => true;

export async function openForgetful(): Promise<Forgetful> {
  const announced: [module: string, Committed][] = [];
  const given = await openTestStore({
    onCommitted: (module, events) => void announced.push(...events.map((each): [string, Committed] => [module, each])),
  });
  const { store, client } = given;
  let modules = 0;
  const memoriesOf = async (module: string): Promise<Memory[]> => {
    const request = create(ListMemoriesRequestSchema, { module, pageSize: 1000 });
    return (await store.listMemories(everything, request)).memories;
  };
  return {
    ...given,
    announced,
    memoriesOf,
    async freshModule(memories = []) {
      modules += 1;
      const module = `forgetful_${modules}`;
      await store.registerModule(everything, create(ModuleSchema, { name: module }));
      const recorded: Recorded[] = [];
      for (let at = 0; at < memories.length; at += 1000) {
        const part = memories.slice(at, at + 1000).map(([memory, key]) => someMemory({ module, ...memory }, key));
        recorded.push(...(await store.recordAtomic(everything, part)));
      }
      return {
        module,
        recorded,
        ids: recorded.map(({ memory }) => memory.id),
        forget: (selector, further = {}, call = someCall()) =>
          forgetAll({ store, clearHighway }, someRequest(selector, { module, ...further }), call),
      };
    },
    async forgottenOf(module) {
      const forgotten = (await memoriesOf(module)).filter(({ forgottenAt }) => forgottenAt !== undefined);
      return forgotten.map(({ position }) => Number(position));
    },
    async auditOf(module) {
      const text =
        "select principal, action, details, request_id from cos_auth.audit where target = $1 order by number";
      return (await client.query(text, [module])).rows;
    },
  };
}
