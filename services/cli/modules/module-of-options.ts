import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ModuleSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { ModuleSettingsOptions } from "../commands/modules.ts";
import { durationOf } from "../tokens/duration-of.ts";

export type ModuleInit = Exclude<MessageInitShape<typeof ModuleSchema>, { $typeName: string }>;

/** The settings that were typed, as the contract has them. */
export function moduleOfOptions(name: string, options: ModuleSettingsOptions): ModuleInit {
  const { title, description, language, notesMax, bytesMax, ttl, ttlMax } = options;
  return {
    name,
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(language !== undefined && { language }),
    ...(notesMax !== undefined && { scratchNotesMax: BigInt(notesMax) }),
    ...(bytesMax !== undefined && { scratchBytesMax: BigInt(bytesMax) }),
    ...(ttl !== undefined && { scratchTtl: durationOf(ttl) }),
    ...(ttlMax !== undefined && { scratchTtlMax: durationOf(ttlMax) }),
  };
}
