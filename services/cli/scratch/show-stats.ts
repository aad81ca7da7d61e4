import { toJsonString } from "@bufbuild/protobuf";
import {
  type GetScratchStatsResponse,
  GetScratchStatsResponseSchema,
} from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import type { Cli } from "../cli.ts";
import type { ScratchOptions } from "../commands/scratch.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { durationSeconds } from "../output/duration-seconds.ts";
import { formatDurationS } from "../output/format-duration.ts";
import { formatInstant } from "../output/format-instant.ts";
import { fieldLines } from "../output/table.ts";
import { writeLines } from "../output/write-lines.ts";

/** `cos scratch stats`. */
export function showStats(cli: Cli, { module, json, address }: ScratchOptions): Promise<number> {
  return withConnection(cli, address, async ({ scratch }) => {
    const stats = await scratch.getScratchStats({ module }, { signal: cli.terminal.signal });
    const lines = json === true ? [toJsonString(GetScratchStatsResponseSchema, stats)] : describe(cli, stats);
    await writeLines(cli.out, lines);
    return EXIT.ok;
  });
}

function describe({ out }: Cli, stats: GetScratchStatsResponse): string[] {
  const { notes, notesMax, bytes, bytesMax, nextExpiresAt, ttl, ttlMax } = stats;
  return fieldLines(out, [
    ["notes", `${notes.toLocaleString("en")} of ${notesMax.toLocaleString("en")}`],
    ["bytes", `${bytes.toLocaleString("en")} of ${bytesMax.toLocaleString("en")}`],
    ["next expires", formatInstant(nextExpiresAt)],
    ["ttl", `${formatDurationS(durationSeconds(ttl))}, at most ${formatDurationS(durationSeconds(ttlMax))}`],
  ]);
}
