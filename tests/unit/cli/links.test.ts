import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { LinkDirection, LinkSchema, type ListLinksRequest } from "#gen/cos/conductor/v1/links_pb.ts";
import { LinkType } from "#gen/cos/memory/v1/memory_pb.ts";
import { FakeConductor } from "./support/fake-conductor.ts";
import { type Ran, type RunOptions, run } from "./support/run.ts";

let fake = new FakeConductor();
beforeEach(() => {
  fake = new FakeConductor();
});

const cos = (argv: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  run(argv, { transport: fake.transport(), ...options });
const end = (module: string, position: number) => ({
  module,
  position: BigInt(position),
  excerpt: `text of ${module}`,
});
const someLink = (fields: MessageInitShape<typeof LinkSchema> = {}) =>
  create(LinkSchema, {
    fromMemory: end("letters", 12),
    toMemory: end("drafts", 7),
    type: LinkType.DEPENDS_ON,
    rationale: "it explains\nthe scene",
    linkedAt: timestampFromMs(0),
    ...fields,
  } as never);

const ID = "019A3F5E-7C1B-7D0E-8C55-0F6B2A9D4E11";

describe("cos link", () => {
  test("links by place or id, with a type and a reason", async () => {
    const asked: unknown[] = [];
    fake.links.linkMemories = async (request) => {
      asked.push(request);
      return { link: someLink() };
    };
    const { exitCode, stdout } = await cos([
      "link",
      "letters/12",
      ID,
      "--type",
      "DEPENDS_ON",
      "--why",
      "x",
      "--key",
      "k",
    ]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "linked  letters/12 DEPENDS_ON drafts/7\n" });
    expect(asked).toMatchObject([
      {
        fromMemory: { module: "letters", position: 12n },
        toMemory: { id: ID.toLowerCase() },
        type: LinkType.DEPENDS_ON,
        rationale: "x",
        idempotencyKey: "k",
      },
    ]);
    expect(JSON.parse((await cos(["link", "a/1", "b/1", "--json"])).stdout)).toMatchObject({
      link: { type: "LINK_TYPE_DEPENDS_ON" },
    });
  });

  test("a link that stands keeps its reason, and says so; one that was taken back is told apart", async () => {
    fake.links.linkMemories = async () => ({ link: someLink(), deduplicated: true });
    const { stdout, stderr } = await cos(["link", "letters/12", "drafts/7", "--why", "another"]);
    expect(stdout).toBe("linked already  letters/12 DEPENDS_ON drafts/7\n");
    expect(stderr).toContain("the link keeps its own reason: it explains the scene");
    fake.links.linkMemories = async () => ({ link: someLink({ ended: true }), deduplicated: true });
    expect((await cos(["link", "letters/12", "drafts/7", "--key", "k"])).stdout).toContain("taken back since");
  });

  test("what names no memory, and a type that is none, are refused before anything is asked", async () => {
    for (const argv of [
      ["link", "letters", "drafts/7"],
      ["link", "a/1", "b/0"],
      ["link", "a/1", "b/1", "--type", "LIKES"],
    ]) {
      const { exitCode, stderr } = await cos(argv);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/neither an id nor a place|DEPENDS_ON/);
    }
  });
});

describe("cos links", () => {
  test("tells which way each goes, seen from the memory, and pages through all", async () => {
    const requests: ListLinksRequest[] = [];
    const incoming = someLink({
      fromMemory: end("notes", 1),
      toMemory: end("letters", 12),
      type: LinkType.RELATES_TO,
    });
    fake.links.listLinks = async (request) => {
      requests.push(structuredClone(request));
      return request.pageToken === "" ? { links: [someLink()], nextPageToken: "2" } : { links: [incoming] };
    };
    const { exitCode, stdout } = await cos(["links", "letters/12"]);
    expect(exitCode).toBe(0);
    expect(stdout.split("\n").slice(1, 3)).toEqual([
      "-> DEPENDS_ON  drafts/7  it explains the scene  text of drafts",
      "<- RELATES_TO  notes/1   it explains the scene  text of notes",
    ]);
    expect(requests).toMatchObject([
      { pageSize: 50, direction: LinkDirection.UNSPECIFIED },
      { pageSize: 49, pageToken: "2" },
    ]);
    const few = await cos(["links", "letters/12", "--limit", "1", "--to", "--type", "RELATES_TO"]);
    expect(few.stderr).toContain("--limit all");
    expect(requests.at(-1)).toMatchObject({
      direction: LinkDirection.INCOMING,
      types: [LinkType.RELATES_TO],
      pageSize: 1,
    });
    expect((await cos(["links", "letters/12", "--from", "--json"])).stdout.split("\n")).toHaveLength(3);
    expect(requests.at(-1)).toMatchObject({ direction: LinkDirection.OUTGOING });
  });

  test("a memory named by its id is seen at its place", async () => {
    const { stdout: recorded } = await cos(["record", "one", "--json"]);
    const { id } = JSON.parse(recorded).memory ?? JSON.parse(recorded);
    fake.links.listLinks = async () => ({ links: [someLink({ fromMemory: end("cc", 1) })] });
    expect((await cos(["links", id])).stdout).toContain("-> DEPENDS_ON  drafts/7");
  });

  test("says when there are none", async () => {
    fake.links.listLinks = async () => ({});
    expect(await cos(["links", "a/1", "--type", "DEPENDS_ON"])).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: "cos: a/1 has no links of type DEPENDS_ON\n",
    });
    expect((await cos(["links", "a/1"])).stderr).toBe("cos: a/1 has no links\n");
  });
});

describe("cos unlink", () => {
  test("takes the link of a type back; one that is not there is not found", async () => {
    const asked: unknown[] = [];
    fake.links.unlinkMemories = async (request) => {
      asked.push(request);
      return { cursor: { module: "letters", position: 14n, epoch: "e" } };
    };
    const { exitCode, stdout } = await cos(["unlink", "letters/12", "drafts/7", "--type", "DEPENDS_ON"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "unlinked  letters/12 DEPENDS_ON drafts/7\n" });
    expect(asked).toMatchObject([{ type: LinkType.DEPENDS_ON, toMemory: { module: "drafts" } }]);
    expect((await cos(["unlink", "letters/12", "drafts/7", "--json"])).stdout).toContain('"position":"14"');
    fake.links.unlinkMemories = async () => {
      throw new ConnectError("there is no link a/1 RELATES_TO b/1", Code.NotFound);
    };
    expect(await cos(["unlink", "a/1", "b/1"])).toMatchObject({ exitCode: 3, stdout: "" });
  });
});
