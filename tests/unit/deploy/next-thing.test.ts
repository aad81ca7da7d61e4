import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { findAuthority } from "#deploy/local/find-authority.ts";
import { nextThing, type Surroundings } from "#deploy/local/next-thing.ts";
import { makeAuthority } from "#services/cli/dev-certs/make-certificates.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { makeTlsFolder, validFor } from "#tests/support/tls-folder.ts";

const tls = await makeTlsFolder();
afterAll(() => tls.remove());
const base = await temporaryFolder();
const server = tls.path("server.pem");

/** A folder with a copy of the server's certificate, and these files beside it. */
function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(base, "d"));
  copyFileSync(server, join(folder, "server.pem"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return join(folder, "server.pem");
}

describe("who vouches for a certificate", () => {
  test("the ca.pem beside it that signed it, as an absolute path", () => {
    expect(findAuthority(server)).toBe(tls.path("ca.pem"));
    expect(findAuthority(relative(process.cwd(), server))).toBe(tls.path("ca.pem"));
  });

  test("one among several in that file", async () => {
    const other = await makeAuthority(validFor(1), "another");
    const file = folderWith({ "ca.pem": `${other.cert}\n${tls.authority.cert}` });
    expect(findAuthority(file)).toBe(join(file, "../ca.pem"));
  });

  test("the file itself, where its chain ends in one that signed itself", () => {
    const chain = `${readFileSync(server, "utf8")}\n${tls.authority.cert}`;
    const file = folderWith({ "chain.pem": chain }).replace("server.pem", "chain.pem");
    expect(findAuthority(file)).toBe(file);
    expect(findAuthority(tls.path("ca.pem"))).toBe(tls.path("ca.pem"));
  });

  test("nobody: no file beside it, one of the same name with another key, one that is no authority", async () => {
    expect(findAuthority(folderWith({}))).toBeUndefined();
    const namesake = await makeAuthority(validFor(1));
    expect(findAuthority(folderWith({ "ca.pem": namesake.cert }))).toBeUndefined();
    expect(findAuthority(folderWith({ "ca.pem": readFileSync(server, "utf8") }))).toBeUndefined();
    expect(findAuthority(folderWith({ "ca.pem": "notes" }))).toBeUndefined();
    expect(findAuthority("/dev/null/server.pem")).toBeUndefined();
  });
});

describe("the thing to try has what the command cannot find", () => {
  const usual: Surroundings = {
    origin: "http://127.0.0.1:50051",
    certificate: undefined,
    ownerFile: "/r/.cos/owner-token",
    dataDir: ".cos",
    data: "/r/.cos",
  };
  const variables = (more: Partial<Surroundings>): string =>
    nextThing({ ...usual, ...more }).command.replace(/npx cos record .*/, "");

  test("nothing, where everything is where it usually is", () => {
    expect(variables({})).toBe("");
    expect(variables({ origin: undefined })).toBe("");
  });

  test("the authority of the listener's certificate", () => {
    const { command, remark } = nextThing({ ...usual, origin: "https://127.0.0.1:1", certificate: server });
    expect(command).toMatch(
      new RegExp(`^COS_CONDUCTOR_ADDRESS=https://127.0.0.1:1 COS_TLS_CA=${tls.path("ca.pem")} npx cos record `),
    );
    expect(remark).toBeUndefined();
  });

  test("the data folder with the owner's token", () => {
    expect(variables({ dataDir: "/srv/my cos's", data: "/srv/my cos's" })).toBe("COS_DATA_DIR='/srv/my cos'\\''s' ");
  });

  test("the owner's token itself, where the address is not loopback's, but never without TLS", () => {
    const elsewhere = { dataDir: "d", data: "/r/d", ownerFile: "/r/d/owner-token" };
    expect(variables({ ...elsewhere, origin: "https://cos.example:1", certificate: server })).toMatch(
      / COS_TOKEN_FILE=\/r\/d\/owner-token $/,
    );
    expect(variables({ ...elsewhere, origin: "http://192.0.2.7:1" })).toBe("COS_CONDUCTOR_ADDRESS=192.0.2.7:1 ");
    expect(variables({ ...elsewhere, origin: "http://[::1]:1" })).toBe(
      "COS_CONDUCTOR_ADDRESS=[::1]:1 COS_DATA_DIR=/r/d ",
    );
  });
});
