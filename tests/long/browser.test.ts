import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest } from "@jest/globals";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { openLog } from "#shared/log/open-log.ts";
import type { PageReport } from "#tests/support/clients/browser/page.ts";
import { findTool } from "#tests/support/find-tool.ts";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { CLIENTS } from "#tests/support/mesh-clients.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(60_000);

let mesh: Mesh;
let browser: Browser | undefined;
const pages: Server[] = [];
let listed: string;
let stranger: string;
let token: string;

/** Serves one page whose script is the bundled client; answers with its origin. */
async function servePage(script: string): Promise<string> {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<!doctype html><title>COS</title><script type="module">${script}</script>`);
  });
  pages.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  const executablePath = findTool("chromium");
  if (executablePath === undefined) return;
  const entry = join(CLIENTS, "browser", "page.ts");
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: "esm", write: false });
  const script = outputFiles[0]?.text.replaceAll("</script", "<\\/script") ?? "";
  [listed, stranger] = [await servePage(script), await servePage(script)];
  mesh = await openMesh({ env: { COS_ALLOWED_ORIGINS: listed } });
  for (const name of ["by_connect", "by_grpc_web"]) await mesh.client().modules.registerModule({ module: { name } });
  token = makeApiToken(PrincipalKind.PERSON);
  const log = openLog({ service: "test", level: "warn" });
  await ensureOwner({ url: mesh.postgresUrl, hash: hashOfApiToken(token), log });
  // As root, which a container's user is, Chromium has no sandbox.
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
});
afterAll(async () => {
  await browser?.close();
  for (const page of pages) page.close();
  await mesh?.stop();
});

async function visit(origin: string, protocol: string, module: string, shown = token): Promise<PageReport> {
  const page = await (browser as Browser).newPage();
  try {
    await page.goto(origin);
    const call = `recordAndSubscribe(${JSON.stringify(mesh.url)}, "${protocol}", "${module}", "${shown}")`;
    return await page.evaluate<PageReport>(call);
  } finally {
    await page.close();
  }
}

describe("a page in a real browser, of another origin, with nothing in between", () => {
  needs("chromium").each([
    ["connect", "by_connect"],
    ["grpc-web", "by_grpc_web"],
  ])("records and subscribes over %s", async (protocol, module) => {
    const report = await visit(listed, protocol, module);
    expect(report).toEqual({ requestId: expect.stringMatching(/./), heard: [1, 2], refusal: "InvalidArgument" });
  });

  needs("chromium")("is refused without a token, though it runs on this machine", async () => {
    const { error } = await visit(listed, "connect", "by_connect", "nothing");
    expect(error).toMatch(/unauthenticated/);
  });

  needs("chromium")("is refused where its origin is not listed, and nothing is written", async () => {
    const { error } = await visit(stranger, "connect", "cc");
    expect(error).toMatch(/Failed to fetch/);
    const { module } = await mesh.client().modules.getModule({ name: "cc" });
    expect(module?.head?.position).toBe(0n);
  });
});
