import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { describeError } from "#shared/log/describe-error.ts";
import { openLog } from "#shared/log/open-log.ts";
import { sweep } from "#shared/log/sweep.ts";

const CANARY = "what-the-author-wrote";

function capture() {
  const lines: string[] = [];
  const log = openLog({ service: "test", level: "trace", to: { write: (line) => lines.push(line) } });
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

/** The frame of PEM, not written out: whoever looks for secrets in the repository would find one. */
const dashed = (label: string): string => `-----${label}-----`;

describe("openLog", () => {
  test("listed strings, numbers and booleans are written; everything else is named, not shown", () => {
    const { log, parsed, lines } = capture();
    log.info({ module: "cc", text: CANARY, position: 4, live: true, payload: { a: CANARY }, none: null }, "recorded");
    expect(parsed()[0]).toMatchObject({
      level: "info",
      service: "test",
      module: "cc",
      text: "[unlisted]",
      position: 4,
      live: true,
      payload: "[unlisted]",
      msg: "recorded",
    });
    expect(lines.join("")).not.toContain(CANARY);
  });

  test("what a child log binds is held to the same list", () => {
    const { log, parsed, lines } = capture();
    log.child({ request_id: "r1", query: CANARY }).warn("slow");
    expect(parsed()[0]).toMatchObject({ request_id: "r1", query: "[unlisted]" });
    expect(lines.join("")).not.toContain(CANARY);
  });

  test("an error is described, its message is not written, not even when it is all there is", () => {
    const { log, lines, parsed } = capture();
    log.error(new Error(CANARY));
    log.error({ err: new Error(CANARY, { cause: new TypeError(CANARY) }) }, "failed");
    log.error(new Error(CANARY), "with words");
    expect(lines.join("")).not.toContain(CANARY);
    expect(parsed().map((line) => line.msg)).toEqual(["unexpected error", "failed", "with words"]);
    expect(parsed()[1]).toMatchObject({ err: { type: "Error", cause: { type: "TypeError" } } });
  });

  test("the level is respected and defaults to info on standard output", () => {
    const log = openLog({ service: "test" });
    expect([log.isLevelEnabled("debug"), log.isLevelEnabled("info")]).toEqual([false, true]);
  });
});

describe("describeError", () => {
  test("keeps code, reason and constraint, and drops what drivers say about rows", () => {
    const error = Object.assign(new Error(CANARY), { code: "23505", constraint: "memory_pkey", detail: CANARY });
    const described = describeError(error);
    expect(described).toMatchObject({ type: "Error", code: "23505", constraint: "memory_pkey" });
    expect(JSON.stringify(described)).not.toContain(CANARY);
    expect(describeError(new CosError(ErrorReason.DRAINING, CANARY))).toMatchObject({ reason: "DRAINING" });
  });

  test("what is not an error is told by its type alone", () => {
    expect(describeError(CANARY)).toEqual({ type: "string" });
  });

  test("a chain of causes ends somewhere", () => {
    const loop = new Error("loop");
    loop.cause = loop;
    expect(JSON.stringify(describeError(loop)).match(/"type"/g)).toHaveLength(5);
  });

  test("an error without frames is described all the same", () => {
    const error = new Error("x");
    Reflect.deleteProperty(error, "stack");
    expect(describeError(error)).toEqual({ type: "Error" });
  });
});

describe("sweep", () => {
  test.each([
    ["redis://user:pa55word@host:1/0", "redis://user:[password]@host:1/0"],
    ["postgres://:pa55@h/db and more", "postgres://:[password]@h/db and more"],
    ["Authorization: Bearer abc.def-123", "Authorization: Bearer [token]"],
    [`token cos_agt_${"a1B2".repeat(12)}x end`, "token [token] end"],
    ["http://localhost:50051/path", "http://localhost:50051/path"],
    ["token eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln-_A, refused", "token [token], refused"],
    ["unsigned eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0. too", "unsigned [token] too"],
    ["heyJude.took.it, eyJ alone, eyJ.", "heyJude.took.it, eyJ alone, eyJ."],
    [`key ${dashed("BEGIN PRIVATE KEY")}\nMC4C\n${dashed("END PRIVATE KEY")}\nend`, "key [private key]\nend"],
    [`"${dashed("BEGIN EC PRIVATE KEY")}\\nMHcC\\n${dashed("END EC PRIVATE KEY")}\\n"`, String.raw`"[private key]\n"`],
    ["-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"],
  ])("%s", (line, swept) => expect(sweep(line)).toBe(swept));

  test("a key that is cut off is taken out too, and the line stays JSON", () => {
    const line = JSON.stringify({ name: `${dashed("BEGIN RSA PRIVATE KEY")}\nMIIE`, live: true });
    expect(JSON.parse(sweep(line))).toEqual({ name: "[private key]", live: true });
    expect(sweep(`${dashed("BEGIN PRIVATE KEY")}\nMC4C`)).toBe("[private key]");
  });
});
