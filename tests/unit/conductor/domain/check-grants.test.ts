import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { checkGrants } from "#services/conductor/domain/check-grants.ts";

describe("rights that are given", () => {
  test("may be any for persons and services", () => {
    const grants = [Verb.READ, Verb.RECORD, Verb.APPROVE, Verb.ADMIN].map((verb, n) => ({ module: `m${n}`, verb }));
    for (const kind of [PrincipalKind.PERSON, PrincipalKind.SERVICE]) expect(checkGrants(kind, grants)).toBeUndefined();
    expect(checkGrants(PrincipalKind.AGENT, grants.slice(0, 2))).toBeUndefined();
    expect(checkGrants(PrincipalKind.AGENT, [])).toBeUndefined();
  });

  test("never let an agent approve or administer, nor name a module twice; every fault is told", () => {
    const refused = () =>
      checkGrants(PrincipalKind.AGENT, [
        { module: "cc", verb: Verb.READ },
        { module: "cc", verb: Verb.RECORD },
        { module: "drafts", verb: Verb.APPROVE },
        { module: "*", verb: Verb.ADMIN },
      ]);
    expect(refused).toThrow(
      expect.objectContaining({
        reason: ErrorReason.INVALID_FIELD,
        message: expect.stringMatching(/^grants\[1\][.]module: /),
        fields: [
          { field: "grants[1].module", description: "must not be named twice" },
          { field: "grants[2].verb", description: expect.stringContaining("READ or RECORD") },
          { field: "grants[3].verb", description: expect.stringContaining("READ or RECORD") },
        ],
      }),
    );
  });
});
