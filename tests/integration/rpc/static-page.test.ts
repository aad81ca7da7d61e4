import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { readStaticPage } from "#shared/rpc/static-page.ts";
import { START_PAGE } from "#tests/support/page-server.ts";
import { closeServed, serve } from "#tests/support/rpc/serve.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

const folder = await temporaryFolder();
afterEach(closeServed);

function pageOf(html: string) {
  const file = join(folder, "page.html");
  writeFileSync(file, html);
  return readStaticPage(pathToFileURL(file));
}

const sha256 = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

function ask(port: number, method: string, path: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
    const request = httpRequest({ port, host: "127.0.0.1", method, path, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    request.on("error", reject);
    request.end();
  });
}

describe("the policy of a page", () => {
  test("lets in the scripts and styles that the file holds, by their hashes, and nothing else", () => {
    const { headers } = pageOf("<style>b{}</style><script>one()</script><p><script>\n two()\n</script>");
    const policy = headers["content-security-policy"];
    expect(policy).toContain(`script-src ${sha256("one()")} ${sha256("\n two()\n")};`);
    expect(policy).toContain(`style-src ${sha256("b{}")};`);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
  });

  test("of a file without scripts lets none in", () => {
    expect(pageOf("<p>still</p>").headers["content-security-policy"]).toContain("script-src 'none'; style-src 'none'");
  });
});

describe("the start page", () => {
  const html = readFileSync(START_PAGE, "utf8");

  test("has one script and one style that the policy sees, no handlers in attributes, and loads nothing", () => {
    const { headers } = readStaticPage(START_PAGE);
    expect(headers["content-security-policy"]?.match(/sha256-/g)).toHaveLength(2);
    expect(html.match(/<(?:script|style)\b/g)).toHaveLength(2);
    expect(html).not.toMatch(/\s(?:on[a-z]+|style|src|href)=/);
    expect(html).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|\beval\b|Storage\b/);
  });

  test("is served at / as what may be neither framed, nor stored, nor named to others", async () => {
    const { port } = await serve({}, { page: readStaticPage(START_PAGE) });
    for (const path of ["/", "/?from=a-bookmark"]) {
      const { status, headers, body } = await ask(port, "GET", path);
      expect({ status, body }).toEqual({ status: 200, body: html });
      expect(headers).toMatchObject({
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "content-security-policy": expect.stringContaining("frame-ancestors 'none'"),
      });
    }
    const { status, headers, body } = await ask(port, "HEAD", "/");
    expect({ status, body }).toEqual({ status: 200, body: "" });
    expect(headers["content-length"]).toBe(String(Buffer.byteLength(html)));
  });

  test("stands behind the gate", async () => {
    const { port } = await serve({}, { page: readStaticPage(START_PAGE) });
    expect(await ask(port, "GET", "/", { host: "evil.example" })).toMatchObject({ status: 421 });
    expect(await ask(port, "GET", "/", { "sec-fetch-site": "cross-site" })).toMatchObject({ status: 403 });
  });

  test("is all there is beside the RPCs", async () => {
    const { port } = await serve({}, { page: readStaticPage(START_PAGE) });
    for (const [method, path] of [
      ["POST", "/"],
      ["GET", "/index.html"],
      ["GET", "//"],
      ["GET", "/../start-page.html"],
    ] as const) {
      expect(await ask(port, method, path)).toMatchObject({ status: 404 });
    }
  });

  test("is not shown by a server that has none", async () => {
    const { port } = await serve();
    expect(await ask(port, "GET", "/")).toMatchObject({ status: 404 });
  });
});
