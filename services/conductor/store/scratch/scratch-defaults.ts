import { MODULE_DEFAULTS } from "../../domain/module-settings.ts";

/** `p_defaults` of the functions of scratch.sql. */
export const scratchDefaults = JSON.stringify({
  notes_max: MODULE_DEFAULTS.scratchNotesMax,
  bytes_max: MODULE_DEFAULTS.scratchBytesMax,
  ttl_ms: MODULE_DEFAULTS.scratchTtlMs,
  ttl_max_ms: MODULE_DEFAULTS.scratchTtlMaxMs,
});
