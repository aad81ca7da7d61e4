import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { startCommand } from "#tests/support/mesh-command.ts";
import { DIARY_ENTRIES, diaryFile } from "#tests/support/mesh-diary.ts";
import { ROOT } from "#tests/support/mesh-process.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

jest.setTimeout(90_000);

const MAP = "idempotency_key=key,occurred_at=occurred_on,source=author";
const folder = await temporaryFolder();
let mesh: Mesh;
beforeAll(async () => {
  mesh = await openMesh();
});
afterAll(() => mesh.stop());

/** The days of all memories in the log. */
async function recordedDays(): Promise<string[]> {
  const days: string[] = [];
  let pageToken = "";
  do {
    const page = await mesh.client().conductor.listMemories({ module: "pepys", pageSize: 1000, pageToken, view: 1 });
    days.push(...page.memories.map(({ occurredAt }) => timestampDate(occurredAt!).toISOString().slice(0, 10)));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return days;
}

test("the conductor is killed in the middle of an import, again and again: all is recorded, once", async () => {
  const argv = ["import", diaryFile(folder), "--module", "pepys", "--map", MAP, "--batch", "20", "--json"];
  const cos = startCommand(process.execPath, [join(ROOT, "bin", "cos.mjs"), ...argv], {
    env: { COS_CONDUCTOR_ADDRESS: mesh.address },
  });
  await cos.says(/module pepys registered/);
  for (let deaths = 0; deaths < 3; deaths += 1) {
    await delay(50 + Math.random() * 150);
    await mesh.kill9();
    await mesh.restart();
  }
  const { code, stdout, stderr } = await cos.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/trying again from line \d+/) });
  const counts = JSON.parse(stdout) as Record<string, number>;
  expect(counts).toEqual({ recorded: DIARY_ENTRIES, alreadyThere: 0, failed: 0 });
  const lines = gunzipSync(readFileSync(diaryFile(folder)))
    .toString()
    .trim()
    .split("\n");
  const inTheFile = lines.map((line) => (JSON.parse(line) as { occurred_on: string }).occurred_on);
  expect((await recordedDays()).sort()).toEqual(inTheFile.sort());
});
