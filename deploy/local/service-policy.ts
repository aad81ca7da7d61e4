import { createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { SettingsError } from "#shared/config/read-settings.ts";
import type { ServicePolicy } from "#shared/identity/policy.ts";
import { readPolicy } from "#shared/identity/read-policy.ts";
import { serviceKeyId } from "#shared/identity/service-key-id.ts";
import { writePrivateFile } from "./private-file.ts";

/** A service that calls others, by the name and the key that their policy has to know. */
export interface Signer {
  readonly name: string;
  /** Where its key is told of, in messages. */
  readonly variable: string;
  readonly key: KeyObject;
}

/** The most that anybody does through a service: it records for those who may. */
const GRANTS = { "*": "record" };

/**
 * The file of a policy that knows all signers: `given`, if it names them itself, else `file`, written anew with all that `given` says
 * and their entries. `given` unset: there is no policy beside. Throws SettingsError for a policy that is wrong or names a signer with
 * other keys, and LaunchFault where the file cannot be kept.
 */
export function keepServicePolicy(file: string, given: string | undefined, signers: readonly Signer[]): string {
  const known = readPolicy(given).services;
  const missing = signers.filter(({ name }) => known.every(({ principal }) => principal.name !== name));
  refuseOtherKeys(known, signers);
  if (given !== undefined && missing.length === 0) return given;
  writePrivateFile(file, `${JSON.stringify(withServices(given, missing), undefined, 2)}\n`);
  refuseContradictions(file, missing);
  return file;
}

/** The tokens of a service whose key is not in the policy would be refused, one after the other. */
function refuseOtherKeys(known: readonly ServicePolicy[], signers: readonly Signer[]): void {
  const faults = signers.flatMap(({ name, variable, key }) => {
    const entry = known.find(({ principal }) => principal.name === name);
    const id = serviceKeyId(createPublicKey(key));
    if (entry === undefined || entry.publicKeys.some((publicKey) => serviceKeyId(publicKey) === id)) return [];
    return [
      `COS_AUTH_POLICY names the service ${name} with another key: set ${variable} to the file of its private half`,
    ];
  });
  if (faults.length > 0) throw new SettingsError(faults);
}

function withServices(given: string | undefined, signers: readonly Signer[]): object {
  const policy = given === undefined ? {} : (JSON.parse(readFileSync(given, "utf8")) as { services?: object[] });
  const entries = signers.map(({ name, key }) => ({ name, publicKeys: [publicJwk(key)], grants: GRANTS }));
  return { ...policy, services: [...(policy.services ?? []), ...entries] };
}

function publicJwk(key: KeyObject): object {
  const { kty, crv, x } = createPublicKey(key).export({ format: "jwk" });
  return { kty, crv, x };
}

/** What was right by itself may not go with an entry that is added: a key that stands there for another service. */
function refuseContradictions(file: string, added: readonly Signer[]): void {
  try {
    readPolicy(file);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const names = added.map(({ name }) => name).join(", ");
    throw new SettingsError(error.faults.map((fault) => `${fault} (with the services that npm start adds: ${names})`));
  }
}
