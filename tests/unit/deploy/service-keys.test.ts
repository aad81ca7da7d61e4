import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { keepServiceKeys } from "#deploy/local/keep-service-keys.ts";
import { LaunchFault } from "#deploy/local/launch-fault.ts";
import { keepServiceKey } from "#deploy/local/service-key-file.ts";
import type { Service } from "#deploy/local/services.ts";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { SettingsError } from "#shared/config/read-settings.ts";
import { readPolicy } from "#shared/identity/read-policy.ts";
import { readServiceKey } from "#shared/identity/read-service-key.ts";
import { FAKE_SERVICE } from "#tests/support/fake-launcher.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

const base = await temporaryFolder();
const newFolder = () => mkdtempSync(join(base, "d"));

const VARIABLE = "COS_GRAPH_SERVICE_KEY";
const conductor: Service = { ...FAKE_SERVICE, name: "conductor" };
const graph: Service = { ...FAKE_SERVICE, name: "graph", keyVariable: VARIABLE };

const jwkOf = (key: KeyObject) => {
  const { kty, crv, x } = (key.type === "public" ? key : createPublicKey(key)).export({ format: "jwk" });
  return { kty, crv, x };
};

function keep(data: string, env: Record<string, string> = {}, services = [conductor, graph]) {
  const paths = { root: data, data, logs: data, run: data };
  return keepServiceKeys({ env, paths }, services);
}

const keyFileIn = (data: string) => join(data, "graph.key");
const policyFileIn = (data: string) => join(data, "auth-policy.json");
const graphIn = (file: string) => readPolicy(file).services.find(({ principal }) => principal.name === "graph");

/** A policy of a person's own, in a folder of theirs. */
function aPolicy(policy: object): string {
  const file = join(newFolder(), "mine.json");
  writeFileSync(file, JSON.stringify(policy));
  return file;
}

function aKey(): { file: string; key: KeyObject } {
  const { privateKey: key } = generateKeyPairSync("ed25519");
  const file = join(newFolder(), "my.key");
  writeFileSync(file, key.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  return { file, key };
}

function faultsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

describe("a service's key in its file", () => {
  test("is made once, for its owner alone, in the form that services read", () => {
    const folder = newFolder();
    const file = join(folder, "graph.key");
    const key = keepServiceKey(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const made = createPrivateKey(readFileSync(file, "utf8"));
    expect(made.export({ format: "pem", type: "pkcs8" })).toBe(readFileSync(file, "utf8"));
    expect(readdirSync(folder)).toEqual(["graph.key"]);
    for (const same of [keepServiceKey(file), readServiceKey(VARIABLE, file)!]) expect(same.equals(key)).toBe(true);
  });

  test.each<[string, (file: string) => void]>([
    ["that others could have read", (file) => chmodSync(file, 0o640)],
    [
      "of another kind",
      (file) => writeFileSync(file, generateKeyPairSync("x25519").privateKey.export({ format: "pem", type: "pkcs8" })),
    ],
    ["that is none", (file) => writeFileSync(file, "-----BEGIN PRIVATE KEY-----")],
  ])("one %s is replaced", (_, spoil) => {
    const file = join(newFolder(), "graph.key");
    const before = keepServiceKey(file);
    spoil(file);
    const after = keepServiceKey(file);
    expect(after.equals(before)).toBe(false);
    expect(createPrivateKey(readFileSync(file)).equals(after)).toBe(true);
  });

  test("is not written where others could replace it", () => {
    const folder = newFolder();
    chmodSync(folder, 0o777);
    expect(() => keepServiceKey(join(folder, "graph.key"))).toThrow(LaunchFault);
  });
});

describe("the services of a start", () => {
  test("all know who signs, by a policy of the data folder; the signer alone is told of its key", () => {
    const data = newFolder();
    const environmentOf = keep(data);
    expect(environmentOf(conductor)).toEqual({ COS_AUTH_POLICY: policyFileIn(data) });
    expect(environmentOf(graph)).toEqual({ COS_AUTH_POLICY: policyFileIn(data), [VARIABLE]: keyFileIn(data) });
    expect(statSync(policyFileIn(data)).mode & 0o777).toBe(0o600);
    const entry = graphIn(policyFileIn(data));
    expect(entry?.principal.grants).toEqual(new Map([["*", Verb.RECORD]]));
    expect(entry?.publicKeys.map(jwkOf)).toEqual([jwkOf(createPrivateKey(readFileSync(keyFileIn(data))))]);
    expect(readFileSync(policyFileIn(data), "utf8")).not.toContain('"d"');
  });

  test("of whom nobody signs need nothing", () => {
    const data = newFolder();
    expect(keep(data, { COS_AUTH_POLICY: "/nowhere" }, [conductor])(conductor)).toEqual({});
    expect(readdirSync(data)).toEqual([]);
  });

  test("keep their key at the next start, and follow a new one", () => {
    const data = newFolder();
    keep(data);
    const before = graphIn(policyFileIn(data))?.publicKeys.map(jwkOf);
    keep(data);
    expect(graphIn(policyFileIn(data))?.publicKeys.map(jwkOf)).toEqual(before);
    writeFileSync(keyFileIn(data), "spoilt");
    keep(data);
    const key = createPrivateKey(readFileSync(keyFileIn(data)));
    expect(graphIn(policyFileIn(data))?.publicKeys.map(jwkOf)).toEqual([jwkOf(key)]);
  });

  test("a policy that is given is kept whole, and left alone", () => {
    const data = newFolder();
    const other = { name: "health", publicKeys: [jwkOf(aKey().key)], grants: { "*": "read" } };
    const mine = {
      certificates: [{ name: "spiffe://cos/import", principal: "import", kind: "service", grants: { cc: "record" } }],
      services: [other],
    };
    const file = aPolicy(mine);
    expect(keep(data, { COS_AUTH_POLICY: file })(graph).COS_AUTH_POLICY).toBe(policyFileIn(data));
    expect(JSON.parse(readFileSync(policyFileIn(data), "utf8"))).toMatchObject({
      certificates: mine.certificates,
      services: [other, { name: "graph", grants: { "*": "record" } }],
    });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(mine);
  });

  test("a policy that names the signer, with its key, is taken as it is", () => {
    const { file: keyFile, key } = aKey();
    const data = newFolder();
    const file = aPolicy({
      services: [{ name: "graph", publicKeys: [jwkOf(aKey().key), jwkOf(key)], grants: { "*": "read" } }],
    });
    const environmentOf = keep(data, { COS_AUTH_POLICY: file, [VARIABLE]: keyFile });
    expect(environmentOf(graph)).toEqual({ COS_AUTH_POLICY: file, [VARIABLE]: keyFile });
    expect(readdirSync(data)).toEqual([]);
  });

  test("a key of one's own, which no policy names, is made known", () => {
    const { file, key } = aKey();
    const data = newFolder();
    expect(keep(data, { [VARIABLE]: file })(graph)).toEqual({ COS_AUTH_POLICY: policyFileIn(data), [VARIABLE]: file });
    expect(graphIn(policyFileIn(data))?.publicKeys.map(jwkOf)).toEqual([jwkOf(key)]);
    expect(existsSync(keyFileIn(data))).toBe(false);
  });
});

describe("what is told instead of started", () => {
  test("a policy that names the signer with another key", () => {
    const file = aPolicy({ services: [{ name: "graph", publicKeys: [jwkOf(aKey().key)], grants: { "*": "read" } }] });
    expect(faultsOf(() => keep(newFolder(), { COS_AUTH_POLICY: file }))).toEqual([
      `COS_AUTH_POLICY names the service graph with another key: set ${VARIABLE} to the file of its private half`,
    ]);
  });

  test("a fault of the given policy, by its own place", () => {
    expect(faultsOf(() => keep(newFolder(), { COS_AUTH_POLICY: aPolicy({ service: [] }) }))).toEqual([
      expect.stringMatching(/^COS_AUTH_POLICY: service is not known here/),
    ]);
    const missing = join(newFolder(), "none.json");
    expect(faultsOf(() => keep(newFolder(), { COS_AUTH_POLICY: missing }))).toEqual([
      `COS_AUTH_POLICY names a file that cannot be read (ENOENT): ${missing}`,
    ]);
  });

  test("a policy that does not go with the entry that is added", () => {
    const agent = { name: "spiffe://cos/graph", principal: "graph", kind: "agent", grants: { cc: "read" } };
    expect(faultsOf(() => keep(newFolder(), { COS_AUTH_POLICY: aPolicy({ certificates: [agent] }) }))).toEqual([
      "COS_AUTH_POLICY: certificates[0].kind: graph is of another kind elsewhere in the file (with the services that npm start adds: graph)",
    ]);
  });

  test("a key file that is none", () => {
    const file = join(newFolder(), "my.key");
    writeFileSync(file, "no key", { mode: 0o600 });
    expect(faultsOf(() => keep(newFolder(), { [VARIABLE]: file }))).toEqual([
      expect.stringMatching(/^COS_GRAPH_SERVICE_KEY names a file without a private key/),
    ]);
  });
});
