import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { VerifyAuditRequestSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { checkSeals, type KnownSeal, type StoredSeal } from "#services/conductor/domain/check-seals.ts";
import { knownSeal } from "#services/conductor/domain/known-seal.ts";
import { BEFORE_FIRST_SEAL, canonicalForm, type SealedContent, sealOf } from "#services/conductor/domain/seal-of.ts";

const entry: SealedContent = {
  number: "7",
  atUs: "1795000000123456",
  principal: "owner",
  kind: "person",
  credential: "token",
  via: "",
  action: "token.created",
  target: "editor-bot",
  details: { kind: "agent", grants: "drafts=record" },
  requestId: "r1",
};

describe("the canonical form of an entry", () => {
  const text =
    '["cos.audit.1","7","1795000000123456","owner","person","token","","token.created","editor-bot",' +
    '[["grants","drafts=record"],["kind","agent"]],"r1"]';

  test("is this, for ever", () => {
    expect(canonicalForm(entry)).toBe(text);
    const hash = createHash("sha256").update(Buffer.alloc(32)).update(text, "utf8").digest();
    expect(sealOf(BEFORE_FIRST_SEAL, entry)).toEqual(hash);
  });

  test("does not depend on the order of keys, and differs for whatever else differs", () => {
    const words = fc.dictionary(fc.string(), fc.string());
    fc.assert(
      fc.property(words, words, (one, other) => {
        const reversed = Object.fromEntries(Object.entries(one).reverse());
        expect(canonicalForm({ ...entry, details: reversed })).toBe(canonicalForm({ ...entry, details: one }));
        const isSame = canonicalForm({ ...entry, details: one }) === canonicalForm({ ...entry, details: other });
        expect(isSame).toBe(isDeepStrictEqual(new Map(Object.entries(one)), new Map(Object.entries(other))));
      }),
    );
  });

  test("of details that are none of ours is that of no entry of ours", () => {
    const ours = canonicalForm({ ...entry, details: { a: "1" } });
    for (const details of [[["a", "1"]], { a: 1 }, 5, null, "a", { foreign: [["a", "1"]] }]) {
      expect(canonicalForm({ ...entry, details })).not.toBe(ours);
    }
  });
});

/** A chain of so many seals, in batches of three. */
function chain(length: number): StoredSeal[] {
  let before: Buffer = BEFORE_FIRST_SEAL;
  return Array.from({ length }, (_, n) => {
    const content = { ...entry, number: String(n + 11) };
    before = sealOf(before, content);
    return { number: n + 1, hash: before, audit: content.number, entry: content };
  });
}

async function* inBatches(seals: readonly StoredSeal[]): AsyncGenerator<StoredSeal[]> {
  for (let n = 0; n < seals.length; n += 3) yield seals.slice(n, n + 3);
}

const check = (seals: readonly StoredSeal[], known?: KnownSeal, faultsMax = 100) =>
  checkSeals(inBatches(seals), { known, faultsMax });

describe("a chain of seals", () => {
  test("is intact as it was made; without any there is no last", async () => {
    const seals = chain(7);
    const { number, hash } = seals[6]!;
    expect(await check(seals)).toMatchObject({ sealed: 7, faults: [], intact: true, last: { number, hash } });
    expect(await check([])).toMatchObject({ sealed: 0, faults: [], intact: true, last: { number: 0 } });
  });

  test("shows every single change, where it is", async () => {
    const changes: ((seal: StoredSeal) => StoredSeal)[] = [
      (seal) => ({ ...seal, entry: { ...entry, number: seal.audit, target: "x" } }),
      (seal) => ({ ...seal, entry: undefined }),
      (seal) => ({ ...seal, hash: Buffer.alloc(32, 1) }),
    ];
    for (const change of changes) {
      for (let at = 0; at < 7; at++) {
        const { faults, intact } = await check(chain(7).map((seal, n) => (n === at ? change(seal) : seal)));
        expect([intact, faults[0]]).toMatchObject([false, { seal: at + 1, number: String(at + 11) }]);
      }
    }
  });

  test("counts faults beyond the most it tells as faults", async () => {
    const seals = chain(7).map((seal) => ({ ...seal, entry: undefined }));
    expect(await check(seals, undefined, 2)).toMatchObject({ sealed: 0, intact: false, faults: { length: 2 } });
    expect(await check(seals, undefined, 0)).toMatchObject({ intact: false, faults: [] });
  });

  test("is held against a seal that was noted elsewhere", async () => {
    const seals = chain(5);
    const known = { number: 4n, hash: seals[3]!.hash.toString("hex") };
    expect((await check(seals, known)).intact).toBe(true);
    expect((await check(seals.slice(0, 3))).intact).toBe(true);
    expect((await check(seals.slice(0, 3), known)).faults).toEqual([
      { seal: 3, number: "0", description: "the end was cut off: seal 4, which was known, is gone" },
    ]);
    expect((await check(seals, { ...known, hash: "00".repeat(32) })).faults).toMatchObject([{ seal: 4, number: "14" }]);
  });
});

test("a known seal is a number and its hash, or neither", () => {
  const hash = "ab".repeat(32);
  const asked = (knownSealNumber: bigint, knownSealHash: string) =>
    knownSeal(create(VerifyAuditRequestSchema, { knownSealNumber, knownSealHash }));
  expect(asked(0n, "")).toBeUndefined();
  expect(asked(3n, hash)).toEqual({ number: 3n, hash });
  for (const [number, digits, field] of [
    [3n, "", "known_seal_hash"],
    [0n, hash, "known_seal_number"],
  ] as const) {
    const fault = expect.objectContaining({
      reason: ErrorReason.INVALID_FIELD,
      fields: [expect.objectContaining({ field })],
    });
    expect(() => asked(number, digits)).toThrow(fault);
  }
});
