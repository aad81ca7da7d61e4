import { chmodSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { readSettings, SettingsError } from "#shared/config/read-settings.ts";
import { readCertificates } from "#shared/rpc/tls-certificates.ts";
import { readTls, TLS_SETTINGS } from "#shared/rpc/tls-settings.ts";
import { makeTlsFolder, type TlsFolder } from "#tests/support/tls-folder.ts";

let folder: TlsFolder;
beforeAll(async () => {
  folder = await makeTlsFolder();
});
afterAll(() => folder.remove());

function read(env: Record<string, string>) {
  return readTls(readSettings(env, TLS_SETTINGS));
}

/** The faults that a reading ends with. */
function faultsOf(action: () => unknown): readonly string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  throw new Error("there was no fault");
}

const own = () => ({ COS_TLS_CERT: folder.path("server.pem"), COS_TLS_KEY: folder.path("server.key") });

describe("COS_TLS", () => {
  test("is on where a certificate and its key are set", () => {
    expect(read(own())).toEqual(folder.files());
    expect(read({ ...own(), COS_TLS_CLIENT_CA: folder.path("ca.pem") })).toEqual(folder.files(true));
  });

  test("is off where nothing is set, where it is off, and where something before does it", () => {
    expect(read({})).toBeUndefined();
    expect(read({ ...own(), COS_TLS: "off" })).toBeUndefined();
    expect(read({ COS_TLS: "upstream" })).toBeUndefined();
  });

  test("upstream and certificates contradict each other", () => {
    expect(faultsOf(() => read({ ...own(), COS_TLS: "upstream" }))).toEqual([
      "COS_TLS=upstream says that these listeners speak no TLS: unset COS_TLS_CERT and COS_TLS_KEY",
    ]);
  });

  test.each([
    ["COS_TLS_CERT", "COS_TLS_KEY"],
    ["COS_TLS_KEY", "COS_TLS_CERT"],
    ["COS_TLS_CLIENT_CA", "COS_TLS_CERT and COS_TLS_KEY"],
  ])("%s alone does not do", (given, missing) => {
    expect(faultsOf(() => read({ [given]: "/x" }))).toEqual([`${given} asks for TLS: set ${missing} too`]);
  });

  test("of two the sentence is in the plural", () => {
    expect(faultsOf(() => read({ COS_TLS_CERT: "/x", COS_TLS_CLIENT_CA: "/y" }))).toEqual([
      "COS_TLS_CERT and COS_TLS_CLIENT_CA ask for TLS: set COS_TLS_KEY too",
    ]);
  });

  test("an unknown word is refused", () => {
    expect(() => read({ COS_TLS: "on" })).toThrow("COS_TLS must be one of auto, off, upstream");
  });
});

describe("certificates", () => {
  test("say for which hosts they are, without wildcards, and when they end", async () => {
    await folder.write("many", await folder.makeServer(["A.example", "*.b.example", "127.0.0.1", "::1"]));
    const { hosts, expiresMs } = readCertificates({
      cert: folder.path("many.pem"),
      key: folder.path("many.key"),
      clientCa: undefined,
    });
    expect(hosts).toEqual(["a.example", "127.0.0.1", "[::1]"]);
    expect(expiresMs).toBeGreaterThan(Date.now());
  });

  test("a certificate without names, or with one that is written as two, is for no host that we allow", async () => {
    const { authority } = folder;
    await folder.write("nameless", authority);
    await folder.write("sly", await folder.makeServer(["a.example, DNS:evil.example"]));
    for (const name of ["nameless", "sly"]) {
      const files = { cert: folder.path(`${name}.pem`), key: folder.path(`${name}.key`), clientCa: undefined };
      expect(readCertificates(files).hosts).toEqual([]);
    }
  });

  test("every fault is told at once, and nothing of what the files say", () => {
    writeFileSync(folder.path("junk.pem"), "hunter2");
    const faults = faultsOf(() =>
      readCertificates({
        cert: folder.path("missing.pem"),
        key: folder.path("junk.pem"),
        clientCa: folder.path("junk.pem"),
      }),
    );
    expect(faults).toHaveLength(3);
    expect(faults[0]).toBe(`COS_TLS_CERT names a file that is not there: ${folder.path("missing.pem")}`);
    // What others may read is refused before it is looked at.
    expect(faults[1]).toMatch(/^COS_TLS_KEY can be read or written by everybody on this machine: chmod o-rw /);
    expect(faults[2]).toBe("COS_TLS_CLIENT_CA holds no certificate in PEM");
    expect(faults.join()).not.toContain("hunter2");
  });

  test("a key that its group may read is taken, one that everybody may read is not", () => {
    chmodSync(folder.path("server.key"), 0o640);
    readCertificates(folder.files());
    chmodSync(folder.path("server.key"), 0o644);
    expect(faultsOf(() => readCertificates(folder.files()))).toHaveLength(1);
    chmodSync(folder.path("server.key"), 0o600);
  });

  test("a key of another certificate, one that is none, and a folder are refused", async () => {
    await folder.write("other", await folder.makeServer());
    const files = folder.files();
    expect(faultsOf(() => readCertificates({ ...files, key: folder.path("other.key") }))).toEqual([
      "COS_TLS_KEY is not the key of COS_TLS_CERT",
    ]);
    writeFileSync(folder.path("none.key"), "x", { mode: 0o600 });
    expect(faultsOf(() => readCertificates({ ...files, key: folder.path("none.key") }))[0]).toMatch(
      /^COS_TLS_KEY names a file that is not fit: /,
    );
    expect(faultsOf(() => readCertificates({ ...files, cert: folder.path("") }))).toEqual([
      "COS_TLS_CERT names a folder, not a file",
    ]);
  });

  test("what may sign nothing is nobody's authority", () => {
    const faults = faultsOf(() => readCertificates({ ...folder.files(), clientCa: folder.path("server.pem") }));
    expect(faults).toEqual(["COS_TLS_CLIENT_CA holds a certificate that may sign none (no CA)"]);
  });
});
