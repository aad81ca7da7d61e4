import { type Grant, PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import type { Credentials, LetIn } from "#shared/auth/let-in.ts";
import { grantsOf, type Principal } from "#shared/auth/principal.ts";
import { tokenInvalid, tokenMissing } from "#shared/auth/refusals.ts";

/** What a test's callers show; its form is a real one's, so that what looks for tokens finds it. */
export const TOKEN = `cos_agt_${"Ab1".repeat(16)}Z`;

/** Somebody with these rights, as `["pepys", Verb.READ]`. */
export function principalWith(grants: [string, Verb][], kind: PrincipalKind = PrincipalKind.AGENT): Principal {
  const messages = grants.map(([module, verb]) => ({ module, verb }) as Grant);
  return { name: "editor-bot", kind, grants: grantsOf(messages) };
}

/** The access of somebody with these rights. */
export function accessWith(grants: [string, Verb][], kind?: PrincipalKind): Access {
  return new Access({ principal: principalWith(grants, kind), credential: CredentialKind.TOKEN });
}

/** Everything, everywhere. */
export const EVERYTHING: [string, Verb][] = [["*", Verb.ADMIN]];

/** A gate that knows the one token, and keeps what it was shown; `later`: it answers after a look-up. */
export function gateFor(access: Access, later = false): { letIn: LetIn; shown: Credentials[] } {
  const shown: Credentials[] = [];
  const judge = (credentials: Credentials): Access => {
    shown.push(credentials);
    if (credentials.authorization === undefined) throw tokenMissing();
    if (credentials.authorization !== `Bearer ${TOKEN}`) throw tokenInvalid();
    return access;
  };
  const letIn: LetIn = later
    ? async (credentials) => {
        await new Promise((resolve) => setImmediate(resolve));
        return judge(credentials);
      }
    : judge;
  return { letIn, shown };
}

/** What such a caller sends with every call. */
export const WITH_TOKEN = { headers: { authorization: `Bearer ${TOKEN}` } };
