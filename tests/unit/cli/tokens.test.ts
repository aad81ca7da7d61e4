import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { GrantSchema, PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind, WhoAmIResponseSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { formatVerb } from "#services/cli/output/format-rights.ts";
import { describeChanges } from "#services/cli/tokens/set-grants.ts";
import { SECRET } from "./support/fake-auth.ts";
import { FakeConductor } from "./support/fake-conductor.ts";
import { type Ran, run } from "./support/run.ts";

let fake = new FakeConductor();
beforeEach(() => {
  fake = new FakeConductor();
});

const cos = (...argv: string[]): Promise<Ran> => run(argv, { transport: fake.transport() });
const tokens = (...argv: string[]): Promise<Ran> => cos("tokens", ...argv);

describe("whoami", () => {
  test("shows as whom one is known, by what, and the rights", async () => {
    expect((await cos("whoami")).stdout).toBe(
      ["name      local", "kind      agent", "rights    *=record", "shown by  being on this machine", ""].join("\n"),
    );
  });

  test("and until when, and through which service", async () => {
    fake.auth.whoAmI = create(WhoAmIResponseSchema, {
      principal: {
        name: "editor-bot",
        kind: PrincipalKind.AGENT,
        grants: [
          { module: "pepys", verb: Verb.READ },
          { module: "drafts", verb: Verb.RECORD },
        ],
      },
      credential: CredentialKind.SERVICE,
      expiresAt: timestampFromMs(1_800_000_000_000),
      via: "graph",
    });
    const { stdout } = await cos("whoami");
    expect(stdout).toContain("rights    drafts=record pepys=read\n");
    expect(stdout).toContain("until     2027-01-15 08:00:00Z\nvia       graph\n");
    expect(JSON.parse((await cos("whoami", "--json")).stdout)).toMatchObject({
      principal: { name: "editor-bot" },
      via: "graph",
    });
  });

  test("somebody of whom nothing is known has no rights", async () => {
    fake.auth.whoAmI = create(WhoAmIResponseSchema, {});
    expect((await cos("whoami")).stdout).toBe("rights  none\n");
  });
});

describe("tokens create", () => {
  test("writes the token alone to standard output, and what is to be known of it beside it", async () => {
    const argv = ["--name", "editor-bot", "--kind", "agent", "--module", "drafts=record", "--module", "*=read"];
    const { exitCode, stdout, stderr } = await tokens("create", ...argv, "--expires", "30d");
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${SECRET}\n` });
    expect(stderr).not.toContain(SECRET);
    expect(stderr).toContain("cos: editor-bot (agent): *=read drafts=record, until 2027-02-14 08:00:00Z\n");
    expect(stderr).toMatch(/it is shown this once.* COS_TOKEN_FILE\n$/);
    expect(fake.auth.createRequests[0]).toMatchObject({
      name: "editor-bot",
      kind: PrincipalKind.AGENT,
      grants: [
        { module: "drafts", verb: Verb.RECORD },
        { module: "*", verb: Verb.READ },
      ],
      expiresIn: { seconds: 2_592_000n },
    });
  });

  test("leaves to the server what is not said", async () => {
    const { stderr } = await tokens("create", "--name", "nell", "--kind", "person");
    expect(stderr).toContain("cos: nell (person): no right yet, until");
    expect(fake.auth.createRequests[0]).toMatchObject({ kind: PrincipalKind.PERSON, grants: [] });
    expect(fake.auth.createRequests[0]?.expiresIn).toBeUndefined();
  });

  test("for programs, the token comes with its description", async () => {
    const { stdout, stderr } = await tokens("create", "--name", "graph", "--kind", "service", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ secret: SECRET, token: { principal: { name: "graph" } } });
    expect(stderr).toBe("");
  });
});

describe("tokens ls", () => {
  test("says that there are none", async () => {
    expect(await tokens("ls")).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: expect.stringContaining("there are none"),
    });
  });

  test("is a table over all pages, without columns that say nothing", async () => {
    fake.auth.know("editor-bot", PrincipalKind.AGENT, [{ module: "drafts", verb: Verb.RECORD }]);
    fake.auth.know("nell", PrincipalKind.PERSON, [], { lastUsedAt: timestampFromMs(1_800_000_060_000) });
    fake.auth.know("owner", PrincipalKind.PERSON, [{ module: "*", verb: Verb.ADMIN }], {
      expiresAt: undefined as never,
    });
    expect((await tokens("ls")).stdout).toBe(
      [
        "NAME        KIND    EXPIRES               LAST USED             MADE BY  RIGHTS         ID",
        "editor-bot  agent   2027-02-14 08:00:00Z                        owner    drafts=record  00000000-0000-7000-8000-000000000001",
        "nell        person  2027-02-14 08:00:00Z  2027-01-15 08:01:00Z  owner    none           00000000-0000-7000-8000-000000000002",
        "owner       person  never                                       owner    *=admin        00000000-0000-7000-8000-000000000003",
        "",
      ].join("\n"),
    );
  });

  test("--all shows how the others ended, --name only one's, --json for programs", async () => {
    fake.auth.know("a", PrincipalKind.AGENT, [], { revokedAt: timestampFromMs(1_800_000_000_000) });
    fake.auth.know("b", PrincipalKind.AGENT, [], { expiresAt: timestampFromMs(1000) });
    fake.auth.know("c", PrincipalKind.AGENT, []);
    const ended = (text: string): string[] =>
      text
        .split("\n")
        .slice(1, -1)
        .map((row) => row.slice(13, 20).trim());
    expect(ended((await tokens("ls", "--all")).stdout)).toEqual(["revoked", "expired", ""]);
    expect((await tokens("ls")).stdout).toMatch(/^NAME .*\nc .*\n$/);
    const json = (await tokens("ls", "--name", "c", "--json")).stdout;
    expect(JSON.parse(json)).toMatchObject({ principal: { name: "c", kind: "PRINCIPAL_KIND_AGENT" } });
  });
});

describe("tokens rotate", () => {
  beforeEach(() => void fake.auth.know("editor-bot", PrincipalKind.AGENT, []));

  test("writes the new token alone, and says when the old ones end", async () => {
    const { stdout, stderr } = await tokens("rotate", "editor-bot", "--overlap", "24h", "--expires", "90d");
    expect(stdout).toBe(`${SECRET}\n`);
    expect(stderr).toContain("cos: the tokens that editor-bot had before end in 1 d at the latest\n");
    expect(fake.auth.rotateRequests[0]).toMatchObject({
      name: "editor-bot",
      overlap: { seconds: 86_400n },
      expiresIn: { seconds: 7_776_000n },
    });
  });

  test("without an overlap they have ended", async () => {
    expect((await tokens("rotate", "editor-bot")).stderr).toContain("had before have ended\n");
    expect((await tokens("rotate", "editor-bot", "--overlap", "0s")).stderr).toContain("had before have ended\n");
    expect((await tokens("rotate", "editor-bot", "--overlap", "90m")).stderr).toContain("end in 90 min at");
    expect((await tokens("rotate", "editor-bot", "--overlap", "90s")).stderr).toContain("end in 90 s at");
    expect(JSON.parse((await tokens("rotate", "editor-bot", "--json")).stdout)).toMatchObject({ secret: SECRET });
  });

  test("somebody unknown is not found", async () => {
    expect(await tokens("rotate", "nobody")).toMatchObject({
      exitCode: 3,
      stdout: "",
      stderr: 'cos: there is no principal "nobody"\n',
    });
  });
});

describe("tokens revoke", () => {
  test("says how many ended, and is safe to repeat", async () => {
    const { id } = fake.auth.know("editor-bot", PrincipalKind.AGENT, []);
    fake.auth.know("editor-bot", PrincipalKind.AGENT, []);
    expect((await tokens("revoke", "editor-bot", "--id", id.toUpperCase())).stdout).toMatch(
      /^revoked 1 token of editor-bot;/,
    );
    fake.auth.know("editor-bot", PrincipalKind.AGENT, []);
    expect((await tokens("revoke", "editor-bot")).stdout).toMatch(
      /^revoked 2 tokens of editor-bot; .* within 5 seconds\n$/,
    );
    expect((await tokens("revoke", "editor-bot")).stdout).toBe("editor-bot had no token that held\n");
    expect(JSON.parse((await tokens("revoke", "editor-bot", "--json")).stdout)).toEqual({});
  });
});

describe("tokens grant", () => {
  test("replaces the rights and says what has changed", async () => {
    fake.auth.know("editor-bot", PrincipalKind.AGENT, [
      { module: "drafts", verb: Verb.RECORD },
      { module: "pepys", verb: Verb.READ },
    ]);
    const given = ["--module", "pepys=record", "--module", "notes=read"];
    expect((await tokens("grant", "editor-bot", ...given)).stdout).toBe(
      "editor-bot: drafts: record -> nothing\neditor-bot: notes: nothing -> read\neditor-bot: pepys: read -> record\n",
    );
    expect((await tokens("grant", "editor-bot", ...given)).stdout).toBe("editor-bot: nothing has changed\n");
    const none = await tokens("grant", "editor-bot", "--none", "--json");
    expect(JSON.parse(none.stdout)).toEqual({ principal: { name: "editor-bot", kind: "PRINCIPAL_KIND_AGENT" } });
  });

  test("somebody unknown is not found", async () => {
    expect((await tokens("grant", "nobody", "--none")).exitCode).toBe(3);
  });

  test("a right of a later version is shown by its number", () => {
    const grant = create(GrantSchema, { module: "a", verb: 9 as Verb });
    expect(describeChanges([], [grant])).toEqual(["a: nothing -> right 9"]);
    expect(formatVerb(Verb.APPROVE)).toBe("approve");
  });
});
