import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type GetModuleRequest,
  type Module,
  ModuleSchema,
  ModuleState,
  type ReactivateModuleRequest,
  type RegisterModuleRequest,
  type RetireModuleRequest,
  type UpdateModuleRequest,
} from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";

export interface FakeModulesNeeds {
  /** What is recorded, by module. */
  readonly memories: Map<string, Memory[]>;
  readonly check: () => void;
  readonly checkName: (field: string, name: string) => void;
}

/** The modules that there are memories of, or may be. */
export class FakeModules {
  readonly registerRequests: RegisterModuleRequest[] = [];
  readonly updateRequests: UpdateModuleRequest[] = [];
  readonly retired = new Set<string>();
  /** How many a page has. */
  pageSize = 1000;
  readonly #needs: FakeModulesNeeds;

  constructor(needs: FakeModulesNeeds) {
    this.#needs = needs;
  }

  readonly handlers = {
    getModule: async ({ name }: GetModuleRequest) => ({ module: this.#module(name) }),
    registerModule: async (request: RegisterModuleRequest) => {
      this.#needs.check();
      this.registerRequests.push(request);
      const { name } = request.module!;
      this.#needs.memories.set(name, []);
      return { module: this.#module(name) };
    },
    listModules: async ({ pageToken }: { pageToken: string }) => {
      const names = [...this.#needs.memories.keys()];
      const start = Number(pageToken);
      const end = start + this.pageSize;
      const modules = names.slice(start, end).map((name) => this.#describe(name));
      return { modules, nextPageToken: end < names.length ? String(end) : "" };
    },
    updateModule: async (request: UpdateModuleRequest) => {
      this.updateRequests.push(request);
      return { module: this.#module(request.module!.name) };
    },
    retireModule: async ({ name }: RetireModuleRequest) => {
      this.retired.add(name);
      return { module: this.#module(name) };
    },
    reactivateModule: async ({ name }: ReactivateModuleRequest) => {
      this.retired.delete(name);
      return { module: this.#module(name) };
    },
  };

  #module(name: string): Module {
    this.#needs.check();
    this.#needs.checkName("name", name);
    if (!this.#needs.memories.has(name)) throw new ConnectError(`no module ${name}`, Code.NotFound);
    return this.#describe(name);
  }

  #describe(name: string): Module {
    return create(ModuleSchema, {
      name,
      title: name === "cc" ? "cc" : `The ${name}`,
      state: this.retired.has(name) ? ModuleState.RETIRED : ModuleState.ACTIVE,
      head: { module: name, position: BigInt(this.#needs.memories.get(name)!.length), epoch: "e1" },
      language: "english",
      scratchNotesMax: 10_000n,
      scratchBytesMax: 67_108_864n,
      scratchTtl: durationFromMs(86_400_000),
      scratchTtlMax: durationFromMs(30 * 86_400_000),
      createdAt: timestampFromMs(1_800_000_000_000),
      updatedAt: timestampFromMs(1_800_000_000_000),
      revision: 3n,
    });
  }
}
