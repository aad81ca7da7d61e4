import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { type AuditEntry, AuditEntrySchema, VerifyAuditResponseSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { FakeConductor } from "./support/fake-conductor.ts";
import { type Ran, run } from "./support/run.ts";

let fake = new FakeConductor();
beforeEach(() => {
  fake = new FakeConductor();
});

const audit = (...argv: string[]): Promise<Ran> => run(["audit", ...argv], { transport: fake.transport() });

function entry(number: number, extra: Partial<AuditEntry> = {}): AuditEntry {
  return create(AuditEntrySchema, {
    number: BigInt(number),
    at: timestampFromMs(1_800_000_000_000),
    principal: "owner",
    action: "token.created",
    target: "editor-bot",
    ...extra,
  } as never);
}

describe("audit", () => {
  test("is a table, the details in order", async () => {
    fake.auth.audit = [
      entry(12, { details: { kind: "agent", grants: "drafts=record" } }),
      entry(9, { principal: "nell" }),
    ];
    expect((await audit()).stdout).toBe(
      [
        "NUMBER  AT                    WHO    ACTION         TARGET      DETAILS",
        "12      2027-01-15 08:00:00Z  owner  token.created  editor-bot  grants: drafts=record; kind: agent",
        "9       2027-01-15 08:00:00Z  nell   token.created  editor-bot",
        "",
      ].join("\n"),
    );
  });

  test("a page after the other, up to the limit", async () => {
    fake.auth.audit = [5, 4, 3, 2, 1].map((number) => entry(number));
    const numbers = (text: string): string[] => [...text.matchAll(/^(\d+) /gm)].map(([, number]) => number as string);
    expect(numbers((await audit("--limit", "all")).stdout)).toEqual(["5", "4", "3", "2", "1"]);
    expect(numbers((await audit("--limit", "3")).stdout)).toEqual(["5", "4", "3"]);
    const json = (await audit("--limit", "3", "--json")).stdout.trimEnd().split("\n");
    expect(json.map((line) => (JSON.parse(line) as { number: string }).number)).toEqual(["5", "4", "3"]);
  });

  test("asks for what the options say, a time before now included", async () => {
    const before = Date.now();
    await audit("--since", "1d", "--who", "owner", "--action", "token.revoked", "--limit", "7");
    const [request] = fake.auth.listAuditRequests;
    expect(request).toMatchObject({ principal: "owner", action: "token.revoked", pageSize: 7 });
    const agoMs = before - Number(request?.since?.seconds) * 1000;
    expect(Math.round(agoMs / 3_600_000)).toBe(24);
    await audit("--since", "2026-11-01");
    expect(fake.auth.listAuditRequests[1]?.since?.seconds).toBe(1_793_491_200n);
    await audit("--since", "999999999w");
    expect(fake.auth.listAuditRequests[2]?.since?.seconds).toBe(-62_135_596_800n);
  });

  test("what is no time is refused in a sentence that says how to write one, or how long ago", async () => {
    const { exitCode, stderr } = await audit("--since", "yesterday");
    expect(exitCode).toBe(2);
    expect(stderr).toContain(
      "'yesterday' is invalid. It must be a date (1660-01-31), a time with its zone (1660-01-31T09:30:00Z), or how long ago (1d, 24h).\n",
    );
    expect((await audit("--since", "2026-02-30")).stderr).toContain(" is invalid. There is no 2026-02-30.\n");
    expect((await run(["list", "--until", "now"])).stderr).toContain(" is invalid. It must be a date (1660-01-31) or ");
  });

  test("says that there is nothing, to people", async () => {
    expect(await audit()).toMatchObject({ exitCode: 0, stdout: "", stderr: "cos: nothing of the kind was done\n" });
    expect(await audit("--json")).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  });
});

describe("audit verify", () => {
  const HASH = "0123456789abcdef".repeat(4);

  test("ends with 0 where all is as it was written, and gives the seal to keep", async () => {
    const counts = { sealed: 1204n, unsealed: 3n, sealNumber: 1204n, sealHash: HASH };
    fake.auth.verified = create(VerifyAuditResponseSchema, { intact: true, ...counts });
    expect(await audit("verify", "--seal", `7:${HASH}`)).toMatchObject({
      exitCode: 0,
      stdout: `intact: 1,204 entries are as they were sealed, 3 later ones are not sealed yet\nseal 1204:${HASH}\n`,
      stderr: expect.stringMatching(/keep the seal elsewhere/),
    });
    expect(fake.auth.verifyRequests[0]).toMatchObject({ knownSealNumber: 7n, knownSealHash: HASH });
  });

  test("ends with 1 and names what is not", async () => {
    const faults = [
      { seal: 5n, number: 9n, description: "the entry was changed" },
      { seal: 6n, description: "the seal is gone" },
    ];
    fake.auth.verified = create(VerifyAuditResponseSchema, { sealed: 1n, sealNumber: 8n, sealHash: HASH, faults });
    expect(await audit("verify")).toMatchObject({
      exitCode: 1,
      stdout: `not intact: 1 entry compared\n  seal 5, entry 9: the entry was changed\n  seal 6: the seal is gone\nseal 8:${HASH}\n`,
      stderr: "",
    });
    const json = await audit("verify", "--json");
    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ sealed: "1", faults: [{ seal: "5" }, { seal: "6" }] });
  });

  test("an empty audit is intact", async () => {
    expect(await audit("verify")).toMatchObject({
      exitCode: 0,
      stdout: "intact: 0 entries are as they were sealed\n",
      stderr: "",
    });
  });
});
