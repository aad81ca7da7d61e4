import { generateKeyPairSync } from "node:crypto";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { Service } from "#deploy/local/services.ts";
import { SettingsError } from "#shared/config/read-settings.ts";
import { IDENTITY_SETTINGS } from "#shared/identity/identity-settings.ts";
import { readPolicy } from "#shared/identity/read-policy.ts";
import { FAKE_SERVICE } from "#tests/support/fake-launcher.ts";
import { given, makePlace, type Place, servicesOf, startLauncher } from "#tests/support/start-launcher.ts";

const { authPolicy } = IDENTITY_SETTINGS;
const SIGNER: Service = {
  ...FAKE_SERVICE,
  settings: { ...FAKE_SERVICE.settings, authPolicy },
  keyVariable: "COS_FAKE_SERVICE_KEY",
};
const inData = ({ env }: Place, name: string) => join(env.COS_DATA_DIR as string, name);

/** What a process was started with. */
function environmentOf(pid: number): Map<string, string> {
  const entries = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  return new Map(entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]));
}

/** Starts until it is up, looks, and stops. */
async function startOnce(here: Place, services: Service[] = [SIGNER]): Promise<Map<string, string>> {
  const launcher = startLauncher(here, services);
  await launcher.said(/^COS is up/);
  const environment = environmentOf(servicesOf(here).at(-1)!);
  launcher.stop();
  await launcher.code;
  return environment;
}

describe("npm start, with a service that calls others", () => {
  test("gives it a key, and a policy that knows it, both its user's alone; the next start keeps them", async () => {
    const here = await makePlace(given());
    const [key, policy] = [inData(here, "fake.key"), inData(here, "auth-policy.json")];
    const environment = await startOnce(here);
    expect([environment.get("COS_FAKE_SERVICE_KEY"), environment.get("COS_AUTH_POLICY")]).toEqual([key, policy]);
    for (const file of [key, policy]) expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readPolicy(policy).services.map(({ principal }) => principal.name)).toEqual(["fake"]);
    const before = [key, policy].map((file) => readFileSync(file, "utf8"));
    await startOnce(here);
    expect([key, policy].map((file) => readFileSync(file, "utf8"))).toEqual(before);
  });

  test("nothing of the kind where nobody calls", async () => {
    const here = await makePlace(given());
    const environment = await startOnce(here, [FAKE_SERVICE]);
    expect([...environment.keys()]).not.toContain("COS_AUTH_POLICY");
    expect(() => statSync(inData(here, "auth-policy.json"))).toThrow("ENOENT");
  });

  test("a policy of one's own that knows the service by another key is told, exit 2, and no service starts", async () => {
    const { kty, crv, x } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
    const here = await makePlace(given());
    const file = join(here.folder, "policy.json");
    const services = [{ name: "fake", publicKeys: [{ kty, crv, x }], grants: { "*": "read" } }];
    writeFileSync(file, JSON.stringify({ services }));
    chmodSync(file, 0o644);
    const { code, lines } = startLauncher({ env: { ...here.env, COS_AUTH_POLICY: file } }, [SIGNER]);
    await expect(code).resolves.toBe(2);
    expect(lines).toContain(
      "COS_AUTH_POLICY names the service fake with another key: set COS_FAKE_SERVICE_KEY to the file of its private half",
    );
    expect(servicesOf(here)).toEqual([]);
  });

  test("faults of one's own policy are told before anything runs, by its own path", async () => {
    const here = await makePlace(given());
    const missing = join(here.folder, "none.json");
    const checking: Service = {
      ...SIGNER,
      check: ({ COS_AUTH_POLICY }) => void readPolicy(COS_AUTH_POLICY),
    };
    const { code, lines } = startLauncher({ env: { ...here.env, COS_AUTH_POLICY: missing } }, [checking]);
    await expect(code).resolves.toBe(2);
    expect(lines).toEqual([`COS_AUTH_POLICY names a file that cannot be read (ENOENT): ${missing}`]);
    expect(() => readPolicy(missing)).toThrow(SettingsError);
  });
});
