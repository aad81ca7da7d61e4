import { describe, expect, test } from "@jest/globals";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import type { Grants } from "#shared/auth/principal.ts";
import { jwtPrincipal } from "#shared/identity/jwt-principal.ts";
import type { IssuerPolicy } from "#shared/identity/policy.ts";

const grants = (of: Record<string, Verb>): Grants => new Map(Object.entries(of));

const policy: IssuerPolicy = {
  name: "studio",
  issuer: "https://id.example",
  audience: "cos",
  jwksUri: "https://id.example/keys",
  principalClaim: "email",
  kindClaim: "actor",
  kinds: new Map<string, PrincipalKind>([
    ["human", PrincipalKind.PERSON],
    ["job", PrincipalKind.SERVICE],
  ]),
  grantsClaim: "groups",
  grants: new Map([
    ["editors", grants({ drafts: Verb.APPROVE, "*": Verb.READ })],
    ["writers", grants({ drafts: Verb.RECORD, pepys: Verb.RECORD })],
  ]),
  defaultGrants: grants({ cc: Verb.READ }),
};
const ada = { email: "ada@studio.example", actor: "human" };

describe("the principal of a signed token", () => {
  test("has the name of the claim that the policy names, behind the issuer's, which no other token has", () => {
    expect(jwtPrincipal(policy, { ...ada, sub: "eve" })?.name).toBe("studio:ada@studio.example");
    expect(jwtPrincipal(policy, { sub: "eve" })).toBeUndefined();
  });

  test("is of the kind that the policy knows the claim's value to mean", () => {
    expect(jwtPrincipal(policy, ada)?.kind).toBe(PrincipalKind.PERSON);
    expect(jwtPrincipal(policy, { ...ada, actor: "job" })?.kind).toBe(PrincipalKind.SERVICE);
  });

  test.each([["robot"], [undefined], [["human"]], [1], ["Human"], ["__proto__"], ["constructor"]])(
    "is an agent, the least, when the claim says %j",
    (actor) => {
      expect(jwtPrincipal(policy, { ...ada, actor })?.kind).toBe(PrincipalKind.AGENT);
    },
  );

  test("has the rights that the policy gives to the claim's values, of several for one module the greatest", () => {
    for (const groups of [
      ["writers", "editors", "strangers"],
      ["editors", 7, null, "writers"],
    ]) {
      expect(jwtPrincipal(policy, { ...ada, groups })?.grants).toEqual(
        grants({ cc: Verb.READ, drafts: Verb.APPROVE, pepys: Verb.RECORD, "*": Verb.READ }),
      );
    }
  });

  test("has what everybody has, and never what the token itself says", () => {
    for (const groups of [undefined, [], "strangers", "writers editors", { writers: true }, "constructor"]) {
      const claims = { ...ada, groups, grants: { "*": "admin" } };
      expect(jwtPrincipal(policy, claims)?.grants).toEqual(grants({ cc: Verb.READ }));
    }
  });

  test("has the rights of each scope: that claim is a list in one text", () => {
    const byScope = { ...policy, grantsClaim: "scope" };
    expect(jwtPrincipal(byScope, { ...ada, scope: "openid writers" })?.grants).toEqual(
      grants({ cc: Verb.READ, drafts: Verb.RECORD, pepys: Verb.RECORD }),
    );
  });

  test("has no more than RECORD as an agent, whatever its groups have", () => {
    expect(jwtPrincipal(policy, { email: "bot", groups: ["editors"] })?.grants).toEqual(
      grants({ cc: Verb.READ, drafts: Verb.RECORD, "*": Verb.READ }),
    );
  });
});
