import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "@jest/globals";
import { type ForgetMemoriesResponse, ForgetMemoriesResponseSchema } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { forgetSelection } from "#services/cli/memories/forget-selection.ts";

const gone = new ConnectError("gone", Code.Unavailable);

function frame(found: number, forgotten: number, done = false): ForgetMemoriesResponse {
  const counts = { found: BigInt(found), forgotten: BigInt(forgotten) };
  return create(ForgetMemoriesResponseSchema, { ...counts, done, highwayCleared: done });
}

/** Streams of these frames, one after the other; each is lost unless its last frame says that it is done. */
async function forgetOver(found: number, streams: ForgetMemoriesResponse[][]) {
  const progress: number[] = [];
  let opened = 0;
  let lost = 0;
  const outcome = await forgetSelection({
    open: async function* () {
      const frames = streams[opened] ?? [];
      opened += 1;
      yield* frames;
      if (frames.at(-1)?.done !== true) throw gone;
    },
    found,
    signal: new AbortController().signal,
    onProgress: (count) => progress.push(count),
    onLost: () => {
      lost += 1;
    },
    backoff: { initialMs: 0, maxMs: 0 },
  }).catch((error: unknown) => error);
  return { outcome, progress, opened, lost };
}

test("E2: a server that stays away is given up after eight attempts, with its failure", async () => {
  expect(await forgetOver(4, [[frame(4, 2)]])).toEqual({ outcome: gone, progress: [2], opened: 8, lost: 7 });
});

test("E2: a stream that forgot something makes the next loss a first one again", async () => {
  const streams = [...Array.from({ length: 7 }, () => []), [frame(3, 1)], ...Array.from({ length: 6 }, () => [])];
  const { outcome, opened } = await forgetOver(3, [...streams, [frame(2, 2, true)]]);
  expect(outcome).toEqual({ forgotten: 3, highwayCleared: true });
  expect(opened).toBe(15);
});

test("E4: the count is what streams told, and what a later one no longer finds", async () => {
  const { progress } = await forgetOver(9, [[frame(9, 2)], [frame(5, 0), frame(5, 1)], [frame(4, 4, true)]]);
  expect(progress).toEqual([2, 4, 5, 9]);
});

test("E4: what was recorded meanwhile does not lessen it", async () => {
  const { outcome } = await forgetOver(4, [[frame(4, 3)], [frame(11, 11, true)]]);
  expect(outcome).toMatchObject({ forgotten: 14 });
});
