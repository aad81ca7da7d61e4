import { join } from "node:path";
import { readServiceKey } from "#shared/identity/read-service-key.ts";
import type { Mesh } from "./mesh.ts";
import { keepServiceKey } from "./service-key-file.ts";
import { keepServicePolicy } from "./service-policy.ts";
import type { Service } from "./services.ts";

/** What a service's environment has beside the launcher's, by the service's name. */
export type ServiceEnvironments = (service: Service) => Readonly<Record<string, string>>;

/**
 * Makes sure that services which call others have keys, and that all know them: a key that the environment names, or one in the data
 * folder, and a policy with their other halves. Throws SettingsError and LaunchFault.
 */
export function keepServiceKeys(
  { env, paths }: Pick<Mesh, "env" | "paths">,
  services: readonly Service[],
): ServiceEnvironments {
  const keys = services.flatMap(({ name, keyVariable }) => {
    if (keyVariable === undefined) return [];
    const given = env[keyVariable] || undefined;
    const file = given ?? join(paths.data, `${name}.key`);
    return [{ name, variable: keyVariable, file, key: readServiceKey(keyVariable, given) ?? keepServiceKey(file) }];
  });
  if (keys.length === 0) return () => ({});
  const policy = keepServicePolicy(join(paths.data, "auth-policy.json"), env.COS_AUTH_POLICY || undefined, keys);
  return ({ name }) => {
    const own = keys.find((key) => key.name === name);
    return { COS_AUTH_POLICY: policy, ...(own && { [own.variable]: own.file }) };
  };
}
