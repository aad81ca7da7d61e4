import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { isLoopback } from "#shared/config/listen-of.ts";
import { GRANTS } from "./grants-shape.ts";
import { listOf, mapOf, objectOf, optional, type Shape, textLike, textOf, wordOf } from "./json-shape.ts";
import type { CertificatePolicy, IssuerPolicy, Policy, ServicePolicy } from "./policy.ts";
import { KIND_OF_WORD } from "./policy-words.ts";
import { PUBLIC_KEY } from "./public-key-shape.ts";
import { MESH_ISSUER } from "./service-token.ts";

const NAME = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const RESERVED = new Set(["local", "owner"]);

/** A name of the form that AuthService gives too, of at most so many letters. */
function nameOf(lengthMax: number): Shape<string> {
  const wanted = `must be 1 to ${lengthMax} small letters and digits, with single dots, hyphens or underscores inside, and not local or owner`;
  return textOf(wanted, (name) =>
    name.length <= lengthMax && NAME.test(name) && !RESERVED.has(name) ? name : undefined,
  );
}

const CLAIM = textLike(/^.{1,200}$/s, "must be the name of a claim");
const CLAIM_VALUE = textLike(/^.{1,500}$/s, "must be the value of a claim, of at most 500 characters");

const ISSUER = textOf(
  `must be the issuer as it stands in the tokens, without spaces, and not ${MESH_ISSUER}`,
  (issuer) => (/^[\x21-\x7e]{1,500}$/.test(issuer) && issuer !== MESH_ISSUER ? issuer : undefined),
);

const KEYS_URI = textOf("must be an https:// URL (http:// on loopback alone) without a password", (text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== "" || url.password !== "") return undefined;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname)) ? url.href : undefined;
});

const ISSUER_POLICY: Shape<IssuerPolicy> = objectOf({
  name: nameOf(32),
  issuer: ISSUER,
  audience: textLike(/^[\x21-\x7e]{1,500}$/, "must be the audience as it stands in the tokens, without spaces"),
  jwksUri: KEYS_URI,
  principalClaim: optional(CLAIM, "sub"),
  kindClaim: optional(CLAIM, undefined),
  kinds: optional(mapOf(CLAIM_VALUE, wordOf(KIND_OF_WORD)), new Map()),
  grantsClaim: optional(CLAIM, undefined),
  grants: optional(mapOf(CLAIM_VALUE, GRANTS), new Map()),
  defaultGrants: optional(GRANTS, new Map()),
});

const CERTIFICATE_MEMBERS = objectOf({
  name: textLike(/^spiffe:\/\/[^\s,"]{1,2048}$/, "must be a SPIFFE name: spiffe://cos/graph"),
  principal: nameOf(64),
  kind: wordOf(KIND_OF_WORD),
  grants: GRANTS,
});

const SERVICE_MEMBERS = objectOf({ name: nameOf(64), publicKeys: listOf(PUBLIC_KEY, 1), grants: GRANTS });

/** The file of the policy. What its parts say of each other is `policyContradictions`' to judge. */
export const POLICY: Shape<Policy> = objectOf({
  jwt: optional(listOf(ISSUER_POLICY), []),
  certificates: optional(listOf(shaped(CERTIFICATE_MEMBERS, certificatePolicy)), []),
  services: optional(listOf(shaped(SERVICE_MEMBERS, servicePolicy)), []),
});

function shaped<T, U>(shape: Shape<T>, make: (value: T) => U): Shape<U> {
  return {
    read(value, path, tell) {
      const read = shape.read(value, path, tell) as T | undefined;
      return read === undefined ? (undefined as never) : make(read);
    },
  };
}

type Read<S> = S extends Shape<infer T> ? T : never;

function certificatePolicy({ name, principal, kind, grants }: Read<typeof CERTIFICATE_MEMBERS>): CertificatePolicy {
  return { name, principal: { name: principal, kind, grants } };
}

function servicePolicy({ name, publicKeys, grants }: Read<typeof SERVICE_MEMBERS>): ServicePolicy {
  return { principal: { name, kind: PrincipalKind.SERVICE, grants }, publicKeys };
}
