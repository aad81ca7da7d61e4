import { create, toBinary } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { RecordMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { type Commit, filesWithin } from "./git-log.ts";
import type { Item } from "./record-items.ts";

/** Half of what a payload may have, so that the other fields always fit. */
const FILES_BYTES_MAX = 32 * 1024;
const SOURCE_LENGTH_MAX = 200;

/** A commit as a memory to record; its hash is the key. */
export function commitItem(commit: Commit, module: string | undefined, source: string | undefined, type: string): Item {
  const { hash, parents, author, authorEmail, authoredAt, committer, committedAt, message, files } = commit;
  const request = create(RecordMemoryRequestSchema, {
    memory: {
      ...(module !== undefined && { module }),
      eventType: type,
      source: source ?? sourceOf(author, authorEmail),
      text: message,
      ...(authoredAt && { occurredAt: authoredAt }),
      payload: {
        commit: hash,
        parents: [...parents],
        author_email: authorEmail,
        committer,
        ...(committedAt && { committed_at: timestampDate(committedAt).toISOString() }),
        ...filesWithin(files, FILES_BYTES_MAX),
      },
    },
    idempotencyKey: hash,
  });
  return { name: `commit ${hash}`, request, bytes: toBinary(RecordMemoryRequestSchema, request).length };
}

/** Git allows a commit without a name; a memory always has a source. */
function sourceOf(author: string, email: string): string {
  const source = [author.trim(), email.trim()].find((part) => part !== "") ?? "unknown";
  return Array.from(source).slice(0, SOURCE_LENGTH_MAX).join("");
}
