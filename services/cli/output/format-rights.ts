import { create } from "@bufbuild/protobuf";
import { type Grant, GrantSchema, type PrincipalKind, PrincipalKindSchema, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import type { GivenGrant, Right } from "../options/parse-grant.ts";

const VERBS: Readonly<Record<Right, Verb>> = {
  read: Verb.READ,
  record: Verb.RECORD,
  approve: Verb.APPROVE,
  admin: Verb.ADMIN,
};

/** Rights as the contract has them. */
export function grantsOf(given: readonly GivenGrant[]): Grant[] {
  return given.map(({ module, right }) => create(GrantSchema, { module, verb: VERBS[right] }));
}

/** A right as people write it; one that this version does not know, by its number. */
export function formatVerb(verb: Verb): string {
  const known = Object.entries(VERBS).find(([, value]) => value === verb);
  return known === undefined ? `right ${verb}` : known[0];
}

/** Rights as `--module` takes them, by module and `*` first: `*=read drafts=record`. */
export function formatGrants(grants: readonly Grant[]): string {
  const words = grants.map(({ module, verb }) => `${module}=${formatVerb(verb)}`);
  return words.toSorted().join(" ");
}

/** A kind as people write it: `agent`. */
export function formatKind(kind: PrincipalKind): string {
  return PrincipalKindSchema.value[kind]?.localName.toLowerCase() ?? "";
}
