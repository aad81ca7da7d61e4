import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";

/** How `cos_auth` spells the kinds of principals. */
const KINDS: readonly (readonly [string, PrincipalKind])[] = [
  ["person", PrincipalKind.PERSON],
  ["agent", PrincipalKind.AGENT],
  ["service", PrincipalKind.SERVICE],
];

/** How the audit spells the ways of showing who one is. */
const CREDENTIALS: readonly (readonly [string, CredentialKind])[] = [
  ["local", CredentialKind.LOCAL],
  ["token", CredentialKind.TOKEN],
  ["jwt", CredentialKind.JWT],
  ["certificate", CredentialKind.CERTIFICATE],
  ["service", CredentialKind.SERVICE],
];

export function wordOfKind(kind: PrincipalKind): string {
  return wordOf(KINDS, kind);
}

export function kindOfWord(word: string): PrincipalKind {
  return KINDS.find(([stored]) => stored === word)?.[1] ?? PrincipalKind.UNSPECIFIED;
}

export function wordOfCredential(credential: CredentialKind): string {
  return wordOf(CREDENTIALS, credential);
}

export function credentialOfWord(word: string): CredentialKind {
  return CREDENTIALS.find(([stored]) => stored === word)?.[1] ?? CredentialKind.UNSPECIFIED;
}

function wordOf<T>(words: readonly (readonly [string, T])[], value: T): string {
  const found = words.find(([, meant]) => meant === value);
  if (found === undefined) throw new TypeError(`${String(value)} has no word in cos_auth`);
  return found[0];
}
