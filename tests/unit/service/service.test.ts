import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { SettingsError } from "#shared/config/read-settings.ts";
import { listening } from "#shared/service/listening.ts";
import { readClientTls } from "#shared/service/read-client-tls.ts";

const folder = mkdtempSync(join(tmpdir(), "cos-service-"));
afterAll(() => rmSync(folder, { recursive: true }));

const none = { tlsCa: undefined, tlsClientCert: undefined, tlsClientKey: undefined };

function faultsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    return (error as SettingsError).faults;
  }
  return [];
}

describe("what a service shows and believes when it calls another one", () => {
  test("is what the files hold; without any there is none", () => {
    const [ca, cert, key] = ["ca", "cert", "key"].map((name) => {
      const file = join(folder, name);
      writeFileSync(file, `the ${name}`);
      return file;
    });
    expect(readClientTls(none)).toBeUndefined();
    expect(readClientTls({ ...none, tlsCa: ca })).toEqual({ ca: "the ca" });
    expect(readClientTls({ tlsCa: ca, tlsClientCert: cert, tlsClientKey: key })).toEqual({
      ca: "the ca",
      cert: "the cert",
      key: "the key",
    });
    expect(readClientTls({ ...none, tlsClientCert: cert, tlsClientKey: key })).toEqual({
      cert: "the cert",
      key: "the key",
    });
  });

  test("is refused with every fault at once", () => {
    const faults = faultsOf(() => readClientTls({ ...none, tlsCa: "/nowhere.pem", tlsClientKey: "/nowhere.key" }));
    expect(faults).toEqual([
      expect.stringMatching(/go together/),
      "COS_TLS_CA /nowhere.pem cannot be read: ENOENT",
      "COS_TLS_CLIENT_KEY /nowhere.key cannot be read: ENOENT",
    ]);
  });
});

describe("listening", () => {
  const main = { variable: "COS_X_LISTEN", at: { host: "127.0.0.1", port: 7 } };
  const health = { variable: "COS_X_HEALTH_LISTEN", at: { host: "127.0.0.1", port: 8 } };
  const failing = (error: object) => async () => {
    throw Object.assign(new Error("no"), error);
  };

  test("gives what was opened", async () => {
    await expect(listening({ main, health: undefined }, async () => 1)).resolves.toBe(1);
  });

  test.each([
    [
      { code: "EADDRINUSE", port: 7 },
      "COS_X_LISTEN 127.0.0.1:7 is in use: stop what listens there, or choose another port",
    ],
    [{ code: "EACCES", port: 8 }, "COS_X_HEALTH_LISTEN 127.0.0.1:8 needs more rights: choose a port above 1023"],
  ])("names the variable of an address that cannot be had: %j", async (error, fault) => {
    await expect(listening({ main, health }, failing(error))).rejects.toEqual(new SettingsError([fault]));
  });

  test("passes on whatever else is wrong", async () => {
    await expect(listening({ main, health: undefined }, failing({ code: "EIO" }))).rejects.toMatchObject({
      code: "EIO",
    });
    await expect(listening({ main, health: undefined }, failing({}))).rejects.toThrow("no");
  });
});
