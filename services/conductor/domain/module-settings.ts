import type { Module } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { invalidField } from "#shared/errors/cos-error.ts";
import { durationMs } from "./duration-ms.ts";
import { requireText } from "./require-text.ts";
import { SEARCH_LANGUAGES } from "./search-languages.ts";

/** What a module is called and how it is set. Null: as it is by default. */
export interface ModuleSettings {
  readonly title: string;
  readonly description: string;
  readonly language: string | null;
  readonly scratchNotesMax: number | null;
  readonly scratchBytesMax: number | null;
  readonly scratchTtlMs: number | null;
  readonly scratchTtlMaxMs: number | null;
}

/** The settings that count. */
export interface EffectiveSettings {
  readonly language: string;
  readonly scratchNotesMax: number;
  readonly scratchBytesMax: number;
  readonly scratchTtlMs: number;
  readonly scratchTtlMaxMs: number;
}

const DAY_MS = 86_400_000;

/** What counts where a module sets nothing. */
export const MODULE_DEFAULTS = {
  language: "english",
  scratchNotesMax: 10_000,
  scratchBytesMax: 64 * 1024 * 1024,
  scratchTtlMs: DAY_MS,
  scratchTtlMaxMs: 30 * DAY_MS,
} as const;

/** The fields of the contract that an update may name. */
const FIELDS: Readonly<Record<string, keyof ModuleSettings>> = {
  title: "title",
  description: "description",
  language: "language",
  scratch_notes_max: "scratchNotesMax",
  scratch_bytes_max: "scratchBytesMax",
  scratch_ttl: "scratchTtlMs",
  scratch_ttl_max: "scratchTtlMaxMs",
};

/** What a message says of a module; what is unset in it is so by default. Throws INVALID_FIELD. */
export function settingsOf(module: Module): ModuleSettings {
  const settings = sentSettings(module);
  requireWhole(settings);
  return settings;
}

/**
 * A module's settings as an update wants them (AIP-134): what the mask names is what was sent, the rest stays; `*` names all. Throws
 * INVALID_FIELD, also where what was sent does not go with what stays.
 */
export function updatedSettings(current: ModuleSettings, sent: Module, paths: readonly string[]): ModuleSettings {
  if (paths.length === 0) throw invalidField("update_mask", "must name what to change");
  const named = paths.flatMap((path) => (path === "*" ? Object.keys(FIELDS) : [path]));
  if (!named.every((path) => Object.hasOwn(FIELDS, path))) {
    throw invalidField("update_mask", `may name ${Object.keys(FIELDS).join(", ")}, or * for all, not another path`);
  }
  const given = sentSettings(sent);
  const changed = Object.fromEntries(named.map((path) => [FIELDS[path], given[FIELDS[path]!]]));
  const settings: ModuleSettings = { ...current, ...changed };
  requireWhole(settings);
  return settings;
}

/** What counts: what is set, else the default. */
export function effectiveSettings(settings: ModuleSettings): EffectiveSettings {
  const scratchTtlMaxMs = settings.scratchTtlMaxMs ?? MODULE_DEFAULTS.scratchTtlMaxMs;
  return {
    language: settings.language ?? MODULE_DEFAULTS.language,
    scratchNotesMax: settings.scratchNotesMax ?? MODULE_DEFAULTS.scratchNotesMax,
    scratchBytesMax: settings.scratchBytesMax ?? MODULE_DEFAULTS.scratchBytesMax,
    scratchTtlMs: settings.scratchTtlMs ?? Math.min(MODULE_DEFAULTS.scratchTtlMs, scratchTtlMaxMs),
    scratchTtlMaxMs,
  };
}

function sentSettings(module: Module): ModuleSettings {
  return {
    title: module.title === "" ? module.name : module.title,
    description: module.description,
    language: module.language || null,
    scratchNotesMax: Number(module.scratchNotesMax) || null,
    scratchBytesMax: Number(module.scratchBytesMax) || null,
    scratchTtlMs: durationMs(module.scratchTtl),
    scratchTtlMaxMs: durationMs(module.scratchTtlMax),
  };
}

function requireWhole(settings: ModuleSettings): void {
  requireText("module.title", settings.title);
  requireText("module.description", settings.description);
  const { language, scratchTtlMs, scratchTtlMaxMs } = effectiveSettings(settings);
  if (!SEARCH_LANGUAGES.includes(language)) {
    throw invalidField("module.language", `must be one of ${SEARCH_LANGUAGES.join(", ")}`);
  }
  if (scratchTtlMs > scratchTtlMaxMs) {
    throw invalidField("module.scratch_ttl", `must be at most scratch_ttl_max, ${scratchTtlMaxMs / 1000} s`);
  }
}
