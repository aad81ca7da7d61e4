import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { FakeConductor } from "./support/fake-conductor.ts";
import { type Ran, run } from "./support/run.ts";

let fake = new FakeConductor();
beforeEach(() => {
  fake = new FakeConductor();
});

const modules = (...argv: string[]): Promise<Ran> => run(["modules", ...argv], { transport: fake.transport() });
const lastUpdate = () => fake.modules.updateRequests.at(-1)!;

describe("modules", () => {
  test("lists them all, and says which are retired", async () => {
    for (const name of ["drafts", "old"]) await modules("add", name);
    await modules("retire", "old");
    fake.modules.pageSize = 2;
    const listed = [
      "NAME    STATE    MEMORIES  LANGUAGE  TITLE",
      "cc                      0  english",
      "drafts                  0  english   The drafts",
      "old     retired         0  english   The old",
      "",
    ].join("\n");
    expect((await modules()).stdout).toBe(listed);
    expect((await modules("ls")).stdout).toBe(listed);
    const lines = (await modules("--json")).stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).name)).toEqual(["cc", "drafts", "old"]);
  });

  test("says so where there is none to be read", async () => {
    fake.memories.clear();
    expect(await modules()).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: expect.stringContaining("no module that you may"),
    });
  });

  test("add registers one as it was typed", async () => {
    const settings = [
      "--language",
      "german",
      "--notes-max",
      "7",
      "--bytes-max",
      "1000",
      "--ttl",
      "1h",
      "--ttl-max",
      "2d",
    ];
    const { stdout } = await modules("add", "drafts", "--title", "Drafts", "--description", "loose", ...settings);
    expect(stdout).toBe("registered module drafts\n");
    expect(fake.modules.registerRequests[0]?.module).toMatchObject({
      name: "drafts",
      title: "Drafts",
      description: "loose",
      language: "german",
      scratchNotesMax: 7n,
      scratchBytesMax: 1000n,
      scratchTtl: { seconds: 3600n },
      scratchTtlMax: { seconds: 172_800n },
    });
    expect(JSON.parse((await modules("add", "other", "--json")).stdout)).toMatchObject({ name: "other" });
    expect(await modules("add", "No Name")).toMatchObject({ exitCode: 2 });
  });

  test("show tells it with its settings", async () => {
    const { stdout } = await modules("show", "cc");
    expect(stdout).toMatch(/^name +cc\ntitle +cc\nstate +active\nmemories +0 positions\nlanguage +english\n/);
    expect(stdout).toContain("ttl max     30 d\n");
    expect(JSON.parse((await modules("show", "cc", "--json")).stdout)).toMatchObject({ revision: "3" });
    expect(await modules("show", "nowhere")).toMatchObject({ exitCode: 3, stderr: "cos: no module nowhere\n" });
  });

  test("retire and reactivate say what follows", async () => {
    await modules("add", "drafts");
    const { stdout } = await modules("retire", "drafts", "--revision", "3");
    expect(stdout).toBe("retired module drafts at position 0: it is read as before, and takes nothing any more\n");
    expect((await modules("show", "drafts")).stdout).toMatch(/^state +retired$/m);
    expect((await modules("reactivate", "drafts")).stdout).toBe("module drafts takes memories and notes again\n");
    expect(JSON.parse((await modules("retire", "drafts", "--json")).stdout)).toMatchObject({
      state: "MODULE_STATE_RETIRED",
    });
    expect(JSON.parse((await modules("reactivate", "drafts", "--json")).stdout)).toMatchObject({
      state: "MODULE_STATE_ACTIVE",
    });
  });
});

describe("modules update", () => {
  test("names what was given and what is unset, and nothing else", async () => {
    const { stdout } = await modules(
      "update",
      "cc",
      "--title",
      "All",
      "--ttl",
      "7d",
      "--unset",
      "language",
      "--revision",
      "3",
    );
    expect(stdout).toBe("changed module cc, revision 3\n");
    expect(lastUpdate()).toMatchObject({
      module: { name: "cc", title: "All", language: "", scratchTtl: { seconds: 604_800n } },
      updateMask: { paths: ["title", "scratch_ttl", "language"] },
      revision: 3n,
    });
    await modules("update", "cc", "--title", "", "--unset", "ttl", "--unset", "ttl", "--unset", "notes-max");
    expect(lastUpdate().updateMask?.paths).toEqual(["title", "scratch_ttl", "scratch_notes_max"]);
    expect(JSON.parse((await modules("update", "cc", "--title", "x", "--json")).stdout)).toMatchObject({ name: "cc" });
  });

  test("says what is wrong before it calls", async () => {
    const refused = async (argv: string[], says: string): Promise<void> => {
      expect(await modules("update", "cc", ...argv)).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining(says),
      });
    };
    await refused([], "nothing to change: give a setting, or --unset one");
    await refused(["--language", "german", "--unset", "language"], "language is given and unset at once");
    await refused(["--unset", "title"], "must be one of language, notes-max, bytes-max, ttl, ttl-max");
    await refused(["--notes-max", "0"], "from 1 to 1,000,000");
    expect(fake.modules.updateRequests).toEqual([]);
  });

  test("a refusal is said as the server says it", async () => {
    fake.mischief.refuses = () => new ConnectError("no", Code.PermissionDenied);
    expect(await modules("update", "cc", "--title", "x")).toMatchObject({ exitCode: 1, stderr: "cos: no\n" });
  });
});
