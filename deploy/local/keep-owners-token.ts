import { join } from "node:path";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { LaunchFault } from "./launch-fault.ts";
import type { Mesh } from "./mesh.ts";
import { readOwnerToken, writeOwnerToken } from "./owner-token-file.ts";
import { jobUrl, withJobLog } from "./service-job.ts";
import type { Service } from "./services.ts";
import type { OwnersWay } from "./tell-addresses.ts";

/**
 * Makes sure that the data folder holds a token which the mesh knows as the owner's: the one that is there, or a new one,
 * with which those before it end. Undefined where no service knows owners. Throws LaunchFault.
 *
 * One data folder keeps one token. Two with one database would take it from each other at every start; where several
 * machines share a database, `cos owner-token` makes it, and `npm start` is not used.
 */
export async function keepOwnersToken(
  mesh: Mesh,
  services: readonly Service[],
  postgresUrl: string,
): Promise<OwnersWay | undefined> {
  const service = services.find(({ ensureOwner }) => ensureOwner !== undefined);
  if (service === undefined) return undefined;
  const file = join(mesh.paths.data, "owner-token");
  const url = jobUrl(mesh, service, postgresUrl);
  const token = await withJobLog(mesh, (log) => {
    const ensure = async (one: string) => service.ensureOwner?.({ url, log, hash: hashOfApiToken(one) });
    return keepToken(file, ensure).catch((cause: Error) => {
      if (cause instanceof LaunchFault) throw cause;
      throw new LaunchFault(`${service.name}: the owner's token could not be made known: ${cause.message}`, { cause });
    });
  });
  return { token, file, service: service.name, auth: service.entrance(mesh.env).auth };
}

async function keepToken(file: string, ensure: (token: string) => Promise<string | undefined>): Promise<string> {
  const held = readOwnerToken(file);
  if (held !== undefined && (await ensure(held)) !== "ended") return held;
  const token = makeApiToken(PrincipalKind.PERSON);
  // First the file: where it cannot be kept, nothing has changed.
  writeOwnerToken(file, token);
  await ensure(token);
  return token;
}
