import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import {
  CreateTokenRequestSchema,
  ListAuditRequestSchema,
  RotateTokenRequestSchema,
} from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ListMemoriesRequestSchema, RecordMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { explainField } from "#services/cli/explain-field.ts";
import { checkGrants } from "#services/conductor/domain/check-grants.ts";
import type { CosError } from "#shared/errors/cos-error.ts";
import { faultsOf } from "#shared/rpc/validate-message.ts";

/** What the command says of a request that the contract's own rules refuse. */
function told<D extends DescMessage>(desc: D, init: MessageInitShape<D>): string[] {
  return faultsOf(desc, create(desc, init)).map((fault) => explainField(fault));
}

const NAME =
  "the name must be 1 to 64 small letters and digits, with single dots, hyphens or underscores inside, and neither `local` nor `owner`";
const TYPE =
  "--type must be 1 to 64 small letters and digits, with single dots, hyphens or underscores inside, such as diary.entry";

describe("what the server refuses is told by the name that the command has for it", () => {
  test.each(["Editor Bot", "", "owner", "a".repeat(65)])("a name: %p", (name) => {
    const lines = told(CreateTokenRequestSchema, { name, kind: PrincipalKind.AGENT });
    expect([...new Set(lines)]).toEqual([NAME]);
  });

  test("how long a token lives", () => {
    const lifetime = "--expires must be from 1 minute to 366 days, such as 24h or 30d";
    const [expiresIn, overlap] = [{ seconds: 1n }, { seconds: 99_999_999n }];
    const base = { name: "a", kind: PrincipalKind.AGENT };
    expect(told(CreateTokenRequestSchema, { ...base, expiresIn })).toEqual([lifetime]);
    expect(told(RotateTokenRequestSchema, { name: "a", expiresIn, overlap })).toEqual([
      "--overlap must be at most 30 days",
      lifetime,
    ]);
  });

  test("a right that an agent cannot have, in the command's letters and with one colon at most", () => {
    const grants = [
      { module: "a", verb: Verb.APPROVE },
      { module: "a", verb: Verb.READ },
    ];
    try {
      checkGrants(PrincipalKind.AGENT, grants);
    } catch (error) {
      expect((error as CosError).fields.map((fault) => explainField(fault))).toEqual([
        "--module (number 1) must be read or record; an agent never approves or administers",
        "--module (number 2) must not be named twice",
      ]);
    }
    expect.assertions(1);
  });

  test("a memory", () => {
    const memory = { module: "a", eventType: "A B", source: "", sessionId: "s".repeat(201), tags: ["t\0"], text: "\0" };
    expect(told(RecordMemoryRequestSchema, { memory, idempotencyKey: "k".repeat(201) })).toEqual([
      TYPE,
      "--source must not be empty",
      "the text must not contain a NUL character",
      "--session must be at most 200 characters",
      "--tag (number 1) must not contain a NUL character",
      "--key must be at most 200 characters",
    ]);
    expect(explainField({ field: "memory.module", description: "must be an active module" })).toBe(
      "--module must be an active module",
    );
    expect(explainField({ field: "memory.text", description: "a memory needs a text" })).toBe(
      "the text: a memory needs a text",
    );
  });

  test("filters", () => {
    expect(told(ListMemoriesRequestSchema, { module: "A", filter: { eventTypes: ["A b"], sources: [""] } })).toEqual([
      "--module must be 1 to 40 small letters, digits and single underscores, a letter first",
      `${TYPE.replace("--type", "--type (number 1)")}; \`diary.*\` takes all below`,
      "--source (number 1) must not be empty",
    ]);
    expect(told(ListAuditRequestSchema, { principal: "\0", action: "\0" })).toEqual([
      "--who must not contain a NUL character",
      "--action must not contain a NUL character",
    ]);
  });

  test("what the command has no name for keeps the contract's", () => {
    expect(explainField({ field: "page_token", description: "is not one of this list" })).toBe(
      "page_token: is not one of this list",
    );
  });
});

test("of the graph a name is another thing than a token's, and its fields have the graph's options", () => {
  const graph = (field: string, description: string): string => explainField({ field, description }, "graph");
  const long = "must be at most 200 characters";
  expect(graph("name", long)).toBe(`the name ${long}`);
  expect(graph("node.name", long)).toBe(`--name ${long}`);
  expect(graph("into.name", long)).toBe(`--into ${long}`);
  expect(graph("entities[1].name", long)).toBe(`the name (number 2) ${long}`);
  expect(graph("query", "must have at least one letter or digit")).toMatch(/^what to search for must have/);
  expect(graph("module", "does not match regex pattern `x`")).toMatch(/^--module must be 1 to 40 small letters/);
  expect(graph("kinds[0]", "does not match regex pattern `x`")).toMatch(/^--kind \(number 1\) must be 1 to 40 small/);
  expect(graph("entity.kind", "must be in list [person]")).toBe(
    "what is merged or split must be something that texts name",
  );
  expect(graph("node.properties", "must have at most 32 properties")).toBe(
    "--property must have at most 32 properties",
  );
  expect(graph("depth", "odd")).toBe("depth: odd");
});
