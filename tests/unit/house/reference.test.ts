import { create, createRegistry, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_timestamp,
} from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { describe, expect, test } from "@jest/globals";
import { file_cos_api_v1_annotations } from "#gen/cos/api/v1/annotations_pb.ts";
import { file_cos_auth_v1_auth } from "#gen/cos/auth/v1/auth_pb.ts";
import { callerWords } from "../../../scripts/reference/caller-words.mjs";
import { firstSentence, openAnchors, prose, table } from "../../../scripts/reference/markdown.mjs";
import { readContracts } from "../../../scripts/reference/read-contracts.mjs";
import { fieldWords, messageWords } from "../../../scripts/reference/rule-words.mjs";
import { writePages } from "../../../scripts/reference/write-pages.mjs";

const FILES = [
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_timestamp,
  file_buf_validate_validate,
  file_cos_api_v1_annotations,
  file_cos_auth_v1_auth,
];

/** A contract with one of everything, as buf would describe it; the paths are those of google.protobuf.SourceCodeInfo. */
const DIARY: JsonObject = {
  name: "cos/diary/v1/diary.proto",
  package: "cos.diary.v1",
  syntax: "proto3",
  dependency: FILES.slice(2).map(({ proto }) => proto.name),
  messageType: [
    {
      name: "Day",
      field: [
        {
          name: "title",
          number: 1,
          label: "LABEL_OPTIONAL",
          type: "TYPE_STRING",
          options: {
            "[buf.validate.field]": {
              string: { minLen: "1", maxLen: "40", pattern: "^(a|b)$" },
              ignore: "IGNORE_IF_ZERO_VALUE",
            },
          },
        },
        {
          name: "written",
          number: 2,
          label: "LABEL_OPTIONAL",
          type: "TYPE_MESSAGE",
          typeName: ".google.protobuf.Timestamp",
          options: { "[cos.api.v1.output_only]": true },
        },
        {
          name: "moods",
          number: 3,
          label: "LABEL_REPEATED",
          type: "TYPE_ENUM",
          typeName: ".cos.diary.v1.Day.Mood",
          options: { "[buf.validate.field]": { repeated: { items: { enum: { in: [1] } } } } },
        },
        {
          name: "may",
          number: 4,
          label: "LABEL_REPEATED",
          type: "TYPE_ENUM",
          typeName: ".cos.auth.v1.Verb",
          options: { deprecated: true },
        },
        {
          name: "marks",
          number: 5,
          label: "LABEL_REPEATED",
          type: "TYPE_MESSAGE",
          typeName: ".cos.diary.v1.Day.MarksEntry",
        },
        { name: "shown", number: 6, label: "LABEL_OPTIONAL", type: "TYPE_BOOL", oneofIndex: 0 },
      ],
      oneofDecl: [{ name: "form" }],
      nestedType: [
        {
          name: "MarksEntry",
          field: [
            { name: "key", number: 1, label: "LABEL_OPTIONAL", type: "TYPE_STRING" },
            { name: "value", number: 2, label: "LABEL_OPTIONAL", type: "TYPE_INT32" },
          ],
          options: { mapEntry: true },
        },
      ],
      enumType: [
        {
          name: "Mood",
          value: [
            { name: "MOOD_UNSPECIFIED", number: 0 },
            { name: "MOOD_MERRY", number: 1 },
          ],
        },
      ],
      options: {
        "[buf.validate.message]": { cel: [{ id: "day.one", message: "give a title or a mood", expression: "true" }] },
      },
    },
    { name: "Night" },
  ],
  service: [
    {
      name: "DiaryService",
      method: [
        {
          name: "Open",
          inputType: ".cos.diary.v1.Day",
          outputType: ".cos.diary.v1.Night",
          serverStreaming: true,
          options: {
            idempotencyLevel: "NO_SIDE_EFFECTS",
            "[cos.auth.v1.requires]": { verb: "VERB_READ", moduleField: "day.module" },
          },
        },
      ],
    },
  ],
  sourceCodeInfo: {
    location: [
      { path: [12], span: [0, 0, 1], leadingComments: " What a diary\n is made of.\n" },
      { path: [4, 0], span: [0, 0, 1], leadingComments: " One day.\n\n  1. Its < title.\n" },
      { path: [4, 0, 2, 0], span: [0, 0, 1], leadingComments: " What it is | was called.\n\n Unset: nothing.\n" },
      { path: [4, 0, 8, 0], span: [0, 0, 1], leadingComments: " How it is shown.\n" },
      { path: [4, 0, 4, 0, 2, 1], span: [0, 0, 1], leadingComments: " Good cheer.\n" },
      { path: [6, 0], span: [0, 0, 1], leadingComments: " Keeps days.\n" },
      { path: [6, 0, 2, 0], span: [0, 0, 1], leadingComments: " Opens it: now. And shows it.\n" },
      { path: [4, 0, 4, 0], span: [0, 0, 1] },
      { path: [99, 7], span: [0, 0, 1], leadingComments: " Of a part that no descriptor has.\n" },
    ],
  },
};

const diary = (() => {
  const registry = createRegistry(...FILES);
  const own = fromJson(FileDescriptorProtoSchema, DIARY, { registry });
  const set = create(FileDescriptorSetSchema, { file: [...FILES.map(({ proto }) => proto), own] });
  return readContracts(toBinary(FileDescriptorSetSchema, set));
})();
const pages = writePages(diary);
const page = pages.get("cos.diary.v1.md") ?? "";
/** The row of a field, cell by cell. */
const row = (name: string): string[] =>
  page
    .split("\n")
    .filter((line) => line.includes(`\`${name}\``))
    .flatMap((line) => line.split(" | "))
    .map((cell) => cell.replaceAll(/^\| | \|$/g, ""));

describe("the pages of the reference", () => {
  test("are one a package, and an index; what is not ours is left to others", () => {
    expect([...pages.keys()]).toEqual(["README.md", "cos.api.v1.md", "cos.auth.v1.md", "cos.diary.v1.md"]);
    expect(pages.get("README.md")).toContain("| [Open](");
    expect(pages.get("README.md")).toContain(
      "](cos.diary.v1.md#diaryserviceopen) | `READ` in the module that `day.module` names |",
    );
  });

  test("have the sentences of the contract, as they were written", () => {
    expect(page).toContain("## diary.proto\n\nWhat a diary\nis made of.\n");
    expect(page).toContain("### Day\n\nOne day.\n\n 1. Its &lt; title.\n");
    expect(page).not.toContain("no descriptor has");
  });

  test("say of an RPC what it takes, how often, and what it asks of its caller", () => {
    expect(page).toContain("#### DiaryService.Open\n\nOpens it: now. And shows it.\n\n");
    expect(page).toContain(
      "- Takes [Day](#day), answers [Night](#night): one request, a stream of answers; only reads, so it may be asked again.\n" +
        "- Asks of its caller: `READ` in the module that `day.module` names.",
    );
    expect(page).toContain("| [Open](#diaryserviceopen) | Opens it. |");
  });

  test("say of a field its number, type, sentence and rules", () => {
    expect(row("title")).toEqual([
      "`title` = 1",
      "string",
      "What it is \\| was called.<br><br>Unset: nothing.<br>Rules: 1 to 40 characters; fits `^(a\\|b)$`; or unset.",
    ]);
    expect(row("written").slice(1)).toEqual([
      "[Timestamp](https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp)",
      "Rules: output only.",
    ]);
    expect(row("moods").slice(1)).toEqual(["repeated [Day.Mood](#daymood)", "Rules: each one of `MOOD_MERRY`."]);
    expect(row("may").slice(1)).toEqual(["repeated [cos.auth.v1.Verb](cos.auth.v1.md#verb)", "Rules: deprecated."]);
    expect(row("marks")[1]).toBe("map of string to int32");
  });

  test("show a choice before what may be chosen", () => {
    expect(row("form")).toEqual(["`form`", "one of these, or none", "How it is shown."]);
    expect(row("shown").slice(0, 2)).toEqual(["form: `shown` = 6", "bool"]);
  });

  test("show enums, rules of a whole message, and a message without fields", () => {
    expect(page).toContain("### Day.Mood\n\n| value | what it means |");
    expect(page).toContain("| `MOOD_MERRY` = 1 | Good cheer. |");
    expect(page).toContain("- Rule: give a title or a mood.");
    expect(page).toContain("### Night\n\nIt has no fields.");
    expect(page).not.toContain("MarksEntry");
  });

  test("show an option with what it is an option of", () => {
    expect(pages.get("cos.api.v1.md")).toContain(
      "| `(cos.api.v1.output_only)` of `google.protobuf.FieldOptions` | bool |",
    );
  });

  test("lead nowhere that is not there", () => {
    for (const [name, text] of pages) {
      for (const [, file, anchor] of text.matchAll(/\]\(([\w.]*\.md)?#([\w-]+)\)/g)) {
        const target = pages.get(file ?? name) ?? "";
        const anchorOf = openAnchors();
        const anchors = [...target.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading));
        expect(anchors).toContain(anchor);
      }
    }
  });
});

describe("rules in words", () => {
  test.each([
    [{ required: true }, ["required"]],
    [{ string: { maxLen: "4096" } }, ["at most 4,096 characters"]],
    [{ string: { minLen: "2", notContains: "\0" } }, ["at least 2 characters", "without NUL"]],
    [
      { string: { maxBytes: "10", notContains: "x", prefix: "a", suffix: "b", len: "3" } },
      ["at most 10 bytes", "without `x`", "begins with `a`", "ends with `b`", "exactly 3 characters"],
    ],
    [{ bytes: { minBytes: "1", maxBytes: "2" } }, ["1 to 2 bytes"]],
    [{ int32: { gte: 0 } }, ["0 or more"]],
    [{ int64: { gt: "0", lt: "1000000" } }, ["above 0, below 1,000,000"]],
    [{ int64: { lte: "-5" } }, ["-5 or less"]],
    [{ duration: { gte: "5s", lte: "60s" } }, ["from 5s to 60s"]],
    [{ bool: { const: true } }, ["exactly `true`"]],
    [{ string: { uuid: true, email: false }, ignore: "IGNORE_IF_ZERO_VALUE" }, ["a UUID", "or unset"]],
    [{ string: { in: ["a", "b"], notIn: ["c"] } }, ["one of `a`, `b`", "none of `c`"]],
    [
      { repeated: { minItems: "1", maxItems: "7", unique: true, items: { string: { maxLen: "4" } } } },
      ["1 to 7 of them", "none twice", "each at most 4 characters"],
    ],
    [
      { repeated: { maxItems: "7", items: { ignore: "IGNORE_ALWAYS" } } },
      ["at most 7 of them", "each not checked with the rest"],
    ],
    [
      { map: { minPairs: "1", maxPairs: "2", keys: { string: { minLen: "1" } }, values: { int32: { gt: 0 } } } },
      ["1 to 2 entries", "each key at least 1 characters", "each value above 0"],
    ],
    [{ map: { maxPairs: "2" } }, ["at most 2 entries"]],
    [{ enum: { definedOnly: true } }, ["a value that is defined"]],
    [{ cel: [{ id: "x", expression: "y" }, { expression: "z" }], celExpression: ["w"] }, ["x", "`z`", "`w`"]],
    [{ string: { hostname: true } }, ["hostname `true`"]],
    [undefined, []],
  ])("%j", (rules, words) => {
    expect(fieldWords(rules)).toEqual(words);
  });

  test("of a message as a whole", () => {
    const oneof = [{ fields: ["a", "b"], required: true }, { fields: ["c"] }];
    expect(messageWords({ cel: [{ expression: "x" }], celExpression: ["y"], oneof })).toEqual([
      "`x`",
      "`y`",
      "exactly one of `a`, `b`",
      "at most one of `c`",
    ]);
    expect(messageWords()).toEqual([]);
  });
});

test("what is asked of a caller, in words", () => {
  expect(callerWords({ verb: "VERB_PUBLIC" })).toBe("nothing more than being let in");
  expect(callerWords({ verb: "VERB_READ", anywhere: true })).toBe("`READ` in some module; it is about those alone");
  expect(callerWords({ verb: "VERB_ADMIN" })).toBe("`ADMIN` in all modules");
  expect(callerWords({ verb: "VERB_RECORD", moduleField: "module", servicesOnly: true })).toBe(
    "`RECORD` in the module that `module` names; only through a service of the mesh",
  );
  expect(callerWords({ verb: "VERB_APPROVE", only: ["PRINCIPAL_KIND_PERSON", "PRINCIPAL_KIND_SERVICE"] })).toMatch(
    /; only a person or a service$/,
  );
});

test("Markdown: anchors, tables, and texts that look like HTML", () => {
  const anchor = openAnchors();
  expect(["`a_b.proto`", "Day", "day", "A B"].map(anchor)).toEqual(["a_bproto", "day", "day-1", "a-b"]);
  expect(prose("a <b> `<c>`")).toBe("a &lt;b> `<c>`");
  expect(table(["a"], [])).toBe("");
  expect(firstSentence("Without an end")).toBe("Without an end");
  expect(firstSentence("Port 5.1 is\nit. More.")).toBe("Port 5.1 is it.");
});
