import { createHash } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { decodePageToken, encodePageToken, fingerprintOf } from "#shared/paging/page-token.ts";

const mine = fingerprintOf("memories", "cc");
const any = () => true;

/** A token with a right checksum, made by somebody who has read how. */
const madeUp = (body: string) => {
  const checksum = createHash("sha256").update(body).digest("base64url").slice(0, 8);
  return Buffer.from(checksum + body).toString("base64url");
};

describe("page tokens", () => {
  test("a token gives its key back to the list that it was made for", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (key) => {
        expect(
          decodePageToken(
            mine,
            encodePageToken(mine, key),
            key.map(() => any),
          ),
        ).toEqual(key);
      }),
    );
  });

  test("another list refuses it", () => {
    const token = encodePageToken(mine, ["7"]);
    expect(() => decodePageToken(fingerprintOf("memories", "drafts"), token, [any])).toThrow(
      /another module, filter or order/,
    );
  });

  test("garbage is refused, whatever it is, with the field that it came in", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (garbage) => {
        expect(() => decodePageToken(mine, garbage, [any])).toThrow(
          expect.objectContaining({
            reason: ErrorReason.PAGE_TOKEN_INVALID,
            fields: [expect.objectContaining({ field: "page_token" })],
          }),
        );
      }),
    );
  });

  test("a token that was cut is refused", () => {
    const token = encodePageToken(mine, ["12345678901234567890"]);
    for (let length = 0; length < token.length - 1; length++) {
      expect(() => decodePageToken(mine, token.slice(0, length), [any])).toThrow(/page_token/);
    }
  });

  test.each([
    ["no JSON", "no JSON"],
    ["no list", '{"length":3}'],
    ["no strings", `["1","${mine}",7]`],
    ["a part too few", `["1","${mine}"]`],
    ["a part too many", `["1","${mine}","7","8"]`],
    ["a part of another shape", `["1","${mine}","seven"]`],
  ])("a token that was made up is refused, checksum or not: %s", (_, body) => {
    const isNumber = (part: string) => /^\d+$/.test(part);
    expect(decodePageToken(mine, madeUp(`["1","${mine}","7"]`), [isNumber])).toEqual(["7"]);
    expect(() => decodePageToken(mine, madeUp(body), [isNumber])).toThrow(
      expect.objectContaining({ reason: ErrorReason.PAGE_TOKEN_INVALID }),
    );
  });

  test("parts of a fingerprint do not run into each other", () => {
    expect(fingerprintOf("a", "bc")).not.toBe(fingerprintOf("ab", "c"));
  });
});
