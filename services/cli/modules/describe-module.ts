import { type Module, ModuleState } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { durationSeconds } from "../output/duration-seconds.ts";
import { formatDurationS } from "../output/format-duration.ts";
import { formatInstant } from "../output/format-instant.ts";
import type { Output } from "../output/output.ts";
import { fieldLines } from "../output/table.ts";

/** A module with its settings, one below the other. */
export function describeModule(out: Output, module: Module): string[] {
  return fieldLines(out, [
    ["name", module.name],
    ["title", module.title],
    ["description", module.description],
    ["state", stateWord(module)],
    ["memories", `${(module.head?.position ?? 0n).toLocaleString("en")} positions`],
    ["language", module.language],
    ["notes max", module.scratchNotesMax.toLocaleString("en")],
    ["bytes max", module.scratchBytesMax.toLocaleString("en")],
    ["ttl", formatDurationS(durationSeconds(module.scratchTtl))],
    ["ttl max", formatDurationS(durationSeconds(module.scratchTtlMax))],
    ["registered", formatInstant(module.createdAt)],
    ["changed", formatInstant(module.updatedAt)],
    ["revision", String(module.revision)],
  ]);
}

export function stateWord({ state }: Pick<Module, "state">): string {
  return state === ModuleState.RETIRED ? "retired" : "active";
}
