import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type ModuleProjection,
  ModuleProjectionSchema,
  type ParkedMemory,
  ParkedMemorySchema,
} from "#gen/cos/graph/v1/projection_pb.ts";
import { CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import { mayRead } from "#shared/auth/scope.ts";
import type { FaultRow, Place } from "../domain/graph-rows.ts";
import type { GraphStore } from "../domain/graph-store.ts";
import type { AwaitPlace } from "../projection/await-place.ts";
import type { Projection } from "../projection/projection.ts";
import { buildProgressOf } from "./build-progress.ts";
import type { Graph } from "./read-needs.ts";

export interface ProjectionNeeds {
  readonly store: Pick<GraphStore, "engine" | "live" | "livePlaces" | "faults">;
  readonly projection: Pick<Projection, "status" | "figureOf">;
  readonly awaitPlace: AwaitPlace;
  /** The version of the rules that this process has. */
  readonly extractorVersion: number;
}

const PARKED_MAX = 100;
/** Modules whose parked memories are asked for at a time. */
const AT_ONCE = 4;

export function getProjection(needs: ProjectionNeeds): Graph["getProjection"] {
  const { store, projection, awaitPlace, extractorVersion } = needs;
  return async (request, call) => {
    await awaitPlace(request.atLeast, call);
    const live = await store.live(call.signal);
    const names = await moduleNames(needs, request.module, call);
    const modules: ModuleProjection[] = [];
    for (let n = 0; n < names.length; n += AT_ONCE) {
      const some = names.slice(n, n + AT_ONCE).map(([module, place]) => moduleProjection(needs, module, place, call));
      modules.push(...(await Promise.all(some)));
    }
    const { connected, building } = projection.status;
    return {
      generation: live?.number ?? 0,
      extractorVersion: live?.extractorVersion ?? 0,
      extractorVersionAvailable: extractorVersion,
      engine: store.engine,
      modules,
      connected,
      // How far it is counts what is in every module.
      ...(building && {
        building: buildProgressOf(call.scope.modules === "all" ? building : { ...building, projected: 0, total: 0 }),
      }),
    };
  };
}

/** The modules to tell of, by name: those that the graph has, and those that it has heard of. */
async function moduleNames(
  { store, projection }: ProjectionNeeds,
  asked: string,
  call: CallContext,
): Promise<[string, Place | undefined][]> {
  const known = new Map<string, Place | undefined>();
  for (const { module } of projection.status.modules) if (mayRead(call.scope, module)) known.set(module, undefined);
  for (const place of await store.livePlaces(call.scope, call.signal)) known.set(place.module, place);
  const wanted = [...known].filter(([module]) => asked === "" || module === asked);
  if (asked !== "" && wanted.length === 0) throw moduleNotFound(asked);
  return wanted.toSorted(([left], [right]) => (left < right ? -1 : 1));
}

async function moduleProjection(
  { store, projection }: ProjectionNeeds,
  module: string,
  place: Place | undefined,
  call: CallContext,
): Promise<ModuleProjection> {
  const query = { module, kind: "parked", limit: PARKED_MAX } as const;
  const { faults, total } = await store.faults(call.scope, query, call.signal);
  const figure = projection.figureOf(module);
  const position = place?.position ?? 0;
  const head = Math.max(position, figure?.head ?? 0);
  return create(ModuleProjectionSchema, {
    cursor: create(CursorSchema, { module, position: BigInt(position), epoch: place?.epoch ?? "" }),
    head: BigInt(head),
    lagPositions: BigInt(head - position),
    lag: durationFromMs(head === position ? 0 : (figure?.lagMs ?? 0)),
    ...(place && { projectedAt: timestampFromMs(place.atMs) }),
    parked: faults.map(parkedOf),
    parkedCount: BigInt(total),
  });
}

function parkedOf({ position, memoryId, error, attempts, atMs }: FaultRow): ParkedMemory {
  const parkedAt = timestampFromMs(atMs);
  return create(ParkedMemorySchema, { position: BigInt(position), memoryId, error, attempts, parkedAt });
}
