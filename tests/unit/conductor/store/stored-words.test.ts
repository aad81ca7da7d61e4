import { expect, test } from "@jest/globals";
import { PrincipalKind, PrincipalKindSchema } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind, CredentialKindSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import {
  credentialOfWord,
  kindOfWord,
  wordOfCredential,
  wordOfKind,
} from "#services/conductor/store/access/stored-words.ts";

test("every kind there is has a word and comes back from it; what is not known has none", () => {
  for (const { number } of PrincipalKindSchema.values.slice(1)) {
    expect(kindOfWord(wordOfKind(number as PrincipalKind))).toBe(number);
  }
  for (const { number } of CredentialKindSchema.values.slice(1)) {
    expect(credentialOfWord(wordOfCredential(number as CredentialKind))).toBe(number);
  }
  expect(() => wordOfKind(PrincipalKind.UNSPECIFIED)).toThrow("no word");
  expect(() => wordOfCredential(CredentialKind.UNSPECIFIED)).toThrow("no word");
  expect([kindOfWord("ghost"), credentialOfWord("ghost")]).toEqual([0, 0]);
});
