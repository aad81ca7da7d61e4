import { execFile } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { SERVICES } from "#deploy/local/services.ts";
import { type ClonedDatabase, cloneDatabase } from "#tests/support/engines.ts";
import { ROOT } from "#tests/support/fake-launcher.ts";
import { freePort } from "#tests/support/private-servers.ts";
import { given, makePlace, startLauncher } from "#tests/support/start-launcher.ts";
import { makeTlsFolder, type TlsFolder } from "#tests/support/tls-folder.ts";

let database: ClonedDatabase;
let folder: TlsFolder;
beforeAll(async () => {
  [database, folder] = await Promise.all([cloneDatabase(), makeTlsFolder()]);
});
afterAll(async () => {
  folder.remove();
  await database.drop();
});

interface Asked {
  readonly origin: string;
  readonly path: string;
  readonly token?: string;
}

/** Asks as a browser or curl would, believing the folder's authority alone. */
function ask({ origin, path, token }: Asked): Promise<{ status: number; body: string }> {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const method = path === "/" ? "GET" : "POST";
  return new Promise((resolve, reject) => {
    const asked = request(
      `${origin}${path}`,
      { method, headers, ca: folder.authority.cert, agent: false },
      (response) => {
        let body = "";
        response.on("data", (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    asked.on("error", reject);
    asked.end(method === "POST" ? "{}" : undefined);
  });
}

/** Types what was printed as the thing to try into another terminal; answers with what that says. */
async function typed(line: string): Promise<string> {
  const command = line.replace(/^.*Try: */, "").replace("npx cos", `"${process.execPath}" services/cli/main.ts`);
  const { stdout } = await promisify(execFile)("sh", ["-c", command], { cwd: ROOT, env: { PATH: process.env.PATH } });
  return stdout;
}

describe("npm start for every address, with TLS and rights", () => {
  test("serves over TLS those who show a token, and prints a link that a browser can open", async () => {
    const { cert, key } = folder.files();
    const [port, healthPort] = [await freePort(), await freePort()];
    const here = await makePlace({
      ...given(),
      COS_POSTGRES_URL: database.url,
      COS_CONDUCTOR_LISTEN: `0.0.0.0:${port}`,
      COS_CONDUCTOR_HEALTH_LISTEN: `127.0.0.1:${healthPort}`,
      COS_AUTH: "required",
      COS_TLS_CERT: cert,
      COS_TLS_KEY: key,
      // What clients and `npm start` read is nobody's slip.
      COS_TLS_CA: folder.path("ca.pem"),
      COS_TOKEN: "cos_agt_somebody's",
    });
    const { said, lines, stop, code } = startLauncher(here, [...SERVICES]);
    await said(/^COS is up/);
    const dataDir = here.env.COS_DATA_DIR as string;
    const token = readFileSync(join(dataDir, "owner-token"), "utf8").trim();
    const origin = `https://127.0.0.1:${port}`;
    expect(lines).toContain("Nobody is let in without a token or a certificate.");
    expect(lines).toContain(`Look, as the owner:  ${origin}/#token=${token}`);
    await expect(ask({ origin, path: "/" })).resolves.toMatchObject({
      status: 200,
      body: expect.stringContaining("<title>COS</title>"),
    });
    expect(lines.find((line) => line.includes(`127.0.0.1:${healthPort}`))).toMatch(/^ {2}health +\S+ +of conductor/);
    const path = "/cos.auth.v1.AuthService/WhoAmI";
    await expect(ask({ origin, path })).resolves.toMatchObject({ status: 401 });
    const { status, body } = await ask({ origin, path, token });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ principal: { name: "owner" } });
    await expect(typed(lines.find((line) => line.startsWith("COS is up. Try:")) ?? "")).resolves.toMatch(
      /^recorded cc\/1 /,
    );
    expect(lines.filter((line) => line.includes("is not known"))).toEqual([]);
    expect(statSync(join(dataDir, "logs", "launcher.log")).mode & 0o777).toBe(0o600);
    stop();
    await expect(code).resolves.toBe(0);
  });
});
