import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { decodePageToken, encodePageToken, fingerprintOf } from "#services/conductor/store/page-token.ts";

const mine = fingerprintOf("memories", "cc");

describe("page tokens", () => {
  test("a token gives its key back to the list that it was made for", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (key) => {
        expect(decodePageToken(mine, encodePageToken(mine, key))).toEqual(key);
      }),
    );
  });

  test("another list refuses it", () => {
    const token = encodePageToken(mine, ["7"]);
    expect(() => decodePageToken(fingerprintOf("memories", "drafts"), token)).toThrow(
      /another module, filter or order/,
    );
  });

  test("garbage is refused, whatever it is, with the field that it came in", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (garbage) => {
        expect(() => decodePageToken(mine, garbage)).toThrow(
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
      expect(() => decodePageToken(mine, token.slice(0, length))).toThrow(/page_token/);
    }
  });

  test("parts of a fingerprint do not run into each other", () => {
    expect(fingerprintOf("a", "bc")).not.toBe(fingerprintOf("ab", "c"));
  });
});
