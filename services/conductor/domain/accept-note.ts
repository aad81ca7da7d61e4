import type { JsonObject } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { PutNoteRequest } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";
import { textFault } from "#shared/fields/text-fault.ts";
import { defaultModule } from "./accept-memory.ts";
import { checkPayload } from "./check-payload.ts";
import { durationMs } from "./duration-ms.ts";

/** A note as it is to be written. */
export interface AcceptedNote {
  readonly module: string;
  readonly key: string;
  readonly text: string;
  readonly value: JsonObject | undefined;
  /** Null: the module's default. */
  readonly ttlMs: number | null;
  /** The revision that must be there; 0: whichever. */
  readonly revision: bigint;
  readonly onlyIfAbsent: boolean;
  readonly writtenBy: string;
}

/** Decides whether a note may be written, but for what only its module knows. Throws INVALID_FIELD with every fault found. */
export function acceptNote({ note, revision, onlyIfAbsent }: PutNoteRequest, writtenBy: string): AcceptedNote {
  const { module, key, text, value, ttl } = note!;
  const fields: FieldFault[] = [
    ...faultOf("note.key", textFault(key)),
    ...faultOf("note.text", textFault(text)),
    ...(value === undefined ? [] : checkPayload(value, "note.value")),
    ...faultOf(
      "only_if_absent",
      onlyIfAbsent && revision > 0n ? "must not be set together with `revision`" : undefined,
    ),
  ];
  const [first] = fields;
  if (first !== undefined) {
    throw new CosError(ErrorReason.INVALID_FIELD, `${first.field}: ${first.description}`, { fields });
  }
  return {
    module: module === "" ? defaultModule : module,
    key,
    text,
    value,
    ttlMs: durationMs(ttl),
    revision,
    onlyIfAbsent,
    writtenBy,
  };
}

function faultOf(field: string, description: string | undefined): FieldFault[] {
  return description === undefined ? [] : [{ field, description }];
}
