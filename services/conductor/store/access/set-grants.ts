import { create } from "@bufbuild/protobuf";
import { type Principal, PrincipalSchema } from "#gen/cos/auth/v1/auth_pb.ts";
import type { SetGrantsRequest } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { checkGrants } from "../../domain/check-grants.ts";
import { type Connection, lockPrincipal, readGrants, replaceGrants, sayGrants } from "./principals.ts";
import { type Actor, writeAudit } from "./write-audit.ts";

/**
 * Replaces a principal's rights, and answers with it as it is then. Runs in a transaction of its caller's; rejects with
 * PRINCIPAL_NOT_FOUND, or with INVALID_FIELD for rights that one of its kind cannot have.
 */
export async function setGrants(client: Connection, actor: Actor, request: SetGrantsRequest): Promise<Principal> {
  const { name, grants } = request;
  const kind = await lockPrincipal(client, name);
  checkGrants(kind, grants);
  const before = await readGrants(client, name);
  await replaceGrants(client, name, grants);
  await writeAudit(client, actor, {
    action: "grants.set",
    target: name,
    details: { grants: sayGrants(grants), before: sayGrants(before) },
  });
  const held = await readGrants(client, name);
  return create(PrincipalSchema, { name, kind, grants: held });
}
