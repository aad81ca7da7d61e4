import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Module, ModuleSchema, ModuleState } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { effectiveSettings, type ModuleSettings } from "../domain/module-settings.ts";
import type { ModuleRow } from "./entities.ts";

/** A module as `moduleColumns` reads it: numbers of 64 bits are strings, times milliseconds of the Unix epoch. */
export interface StoredModule {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly state: string;
  readonly created_ms: string;
  readonly updated_ms: string;
  readonly revision: string;
  readonly language: string | null;
  readonly scratch_notes_max: string | null;
  readonly scratch_bytes_max: string | null;
  readonly scratch_ttl_ms: string | null;
  readonly scratch_ttl_max_ms: string | null;
}

/** The columns of a StoredModule of `m`. Times as the ORM gives them: milliseconds, cut. */
export const moduleColumns = `m.name, m.title, m.description, m.state, m.revision, m.language,
  floor(extract(epoch from m.created_at) * 1000)::bigint as created_ms,
  floor(extract(epoch from m.updated_at) * 1000)::bigint as updated_ms,
  m.scratch_notes_max, m.scratch_bytes_max, m.scratch_ttl_ms, m.scratch_ttl_max_ms`;

export function settingsOfRow(row: StoredModule): ModuleSettings {
  return {
    title: row.title,
    description: row.description,
    language: row.language,
    scratchNotesMax: numberOf(row.scratch_notes_max),
    scratchBytesMax: numberOf(row.scratch_bytes_max),
    scratchTtlMs: numberOf(row.scratch_ttl_ms),
    scratchTtlMaxMs: numberOf(row.scratch_ttl_max_ms),
  };
}

/** A row as the ORM has it. */
export function rowOfStored(row: StoredModule): Omit<ModuleRow, "number"> {
  return {
    name: row.name,
    state: row.state,
    revision: Number(row.revision),
    createdAt: new Date(Number(row.created_ms)),
    updatedAt: new Date(Number(row.updated_ms)),
    ...settingsOfRow(row),
  };
}

/** A module as it is told, with its head in the epoch. */
export function moduleOf(row: Omit<ModuleRow, "number">, position: number, epoch: string): Module {
  const settings = effectiveSettings({
    title: row.title,
    description: row.description,
    language: row.language ?? null,
    scratchNotesMax: row.scratchNotesMax ?? null,
    scratchBytesMax: row.scratchBytesMax ?? null,
    scratchTtlMs: row.scratchTtlMs ?? null,
    scratchTtlMaxMs: row.scratchTtlMaxMs ?? null,
  });
  return create(ModuleSchema, {
    name: row.name,
    title: row.title,
    description: row.description,
    state: row.state === "retired" ? ModuleState.RETIRED : ModuleState.ACTIVE,
    head: { module: row.name, position: BigInt(position), epoch },
    floor: 0n,
    createdAt: timestampFromDate(row.createdAt),
    updatedAt: timestampFromDate(row.updatedAt),
    revision: BigInt(row.revision),
    language: settings.language,
    scratchNotesMax: BigInt(settings.scratchNotesMax),
    scratchBytesMax: BigInt(settings.scratchBytesMax),
    scratchTtl: durationFromMs(settings.scratchTtlMs),
    scratchTtlMax: durationFromMs(settings.scratchTtlMaxMs),
  });
}

function numberOf(stored: string | null): number | null {
  return stored === null ? null : Number(stored);
}
