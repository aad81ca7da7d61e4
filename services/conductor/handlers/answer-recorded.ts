import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { RecordMemoryResponseSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import { inView } from "../domain/in-view.ts";
import type { Recorded } from "../store/group-commit.ts";

/** The answer to a recorded memory, in the view that was asked for or else in the call's own. */
export function answerRecorded(
  recorded: Recorded,
  asked: MemoryView,
  unset: MemoryView,
): MessageInitShape<typeof RecordMemoryResponseSchema> {
  const { memory, module, position, epoch, deduplicated } = recorded;
  return {
    memory: inView(memory, asked === MemoryView.UNSPECIFIED ? unset : asked),
    cursor: create(CursorSchema, { module, position: BigInt(position), epoch }),
    deduplicated,
  };
}
