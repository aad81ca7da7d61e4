import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { GetMemoryRequest } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { type Memory, MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { defaultModule } from "../domain/accept-memory.ts";
import { type MemoryRow, memoryColumns, memoryOf } from "./memory-rows.ts";
import { Parameters } from "./parameters.ts";
import { requireModule } from "./require-module.ts";
import { scopeParameter } from "./visibility.ts";

/**
 * One memory: by its id, alone or within a module, or by its place. Rejects with MODULE_NOT_FOUND when a module is named that the
 * caller cannot see, else with MEMORY_NOT_FOUND.
 */
export async function getMemory(
  postgres: Postgres,
  scope: Scope,
  request: GetMemoryRequest,
  signal?: AbortSignal,
): Promise<Memory> {
  const { id, view } = request;
  const module = request.module === "" && id === "" ? defaultModule : request.module;
  // As text: a position past the safe integers, which is nobody's, must not be rounded past what a bigint holds.
  const position = String(request.position);
  const parameters = new Parameters();
  const visible = parameters.add(scopeParameter(scope));
  const conditions = [
    `(${visible}::text[] is null or m.module = any(${visible}::text[]))`,
    ...(module === "" ? [] : [`m.module = ${parameters.add(module)}`]),
    id === "" ? `m.position = ${parameters.add(position)}` : `m.id = ${parameters.add(id)}`,
  ];
  const [row] = await queryAbortably<MemoryRow>(postgres, {
    text: `select ${memoryColumns(view)} from mem0_cc.memory m where ${conditions.join(" and ")} limit 1`,
    values: parameters.values,
    signal,
  });
  if (row !== undefined) return memoryOf(row);
  if (module !== "") await requireModule(postgres, scope, module, signal);
  throw memoryNotFound(id === "" ? `${module}/${position}` : id);
}

function memoryNotFound(name: string): CosError {
  return new CosError(ErrorReason.MEMORY_NOT_FOUND, `there is no memory ${name}`, {
    resource: { type: "memory", name },
  });
}

/** The memories that stand at these places; those that are not there are left out. */
export async function readPlaces(
  postgres: Postgres,
  places: readonly { readonly module: string; readonly position: number }[],
): Promise<Memory[]> {
  const rows = await queryAbortably<MemoryRow>(postgres, {
    text: `select ${memoryColumns(MemoryView.FULL)}
           from (select distinct p.module, p.position from unnest($1::text[], $2::bigint[]) p (module, position)) p
           cross join lateral (select * from mem0_cc.memory m
             where m.module = p.module and m.position = p.position limit 1) m`,
    values: [places.map(({ module }) => module), places.map(({ position }) => position)],
  });
  return rows.map(memoryOf);
}
