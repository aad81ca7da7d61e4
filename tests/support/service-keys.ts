import { createPublicKey, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepServiceKey } from "#deploy/local/service-key-file.ts";
import { keepServicePolicy } from "#deploy/local/service-policy.ts";

/** The graph's key, and a policy that knows it: what `npm start` makes, for meshes of tests. */
export interface ServiceKeys {
  readonly privateKey: KeyObject;
  /** For every process: `COS_AUTH_POLICY`. */
  readonly env: Readonly<Record<string, string>>;
  /** For the graph: `COS_AUTH_POLICY` and `COS_GRAPH_SERVICE_KEY`. */
  readonly graphEnv: Readonly<Record<string, string>>;
  remove(): void;
}

/** Makes them in a folder of their own; `policy` is what else the policy says. */
export function makeServiceKeys(policy?: object): ServiceKeys {
  const folder = mkdtempSync(join(tmpdir(), "cos-keys-"));
  const keyFile = join(folder, "graph.key");
  const privateKey = keepServiceKey(keyFile);
  const given = join(folder, "given.json");
  if (policy !== undefined) writeFileSync(given, JSON.stringify(policy), { mode: 0o600 });
  const graph = { name: "graph", variable: "COS_GRAPH_SERVICE_KEY", key: privateKey };
  const file = keepServicePolicy(join(folder, "auth-policy.json"), policy && given, [graph]);
  const env = { COS_AUTH_POLICY: file };
  return {
    privateKey,
    env,
    graphEnv: { ...env, COS_GRAPH_SERVICE_KEY: keyFile },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** An entry for the `services` of a policy. */
export function serviceEntry(name: string, key: KeyObject, grants: Readonly<Record<string, string>>): object {
  const { kty, crv, x } = createPublicKey(key).export({ format: "jwk" });
  return { name, publicKeys: [{ kty, crv, x }], grants };
}
