import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, jest } from "@jest/globals";
import { type Browser, chromium, type Page } from "playwright-core";
import { findTool } from "#tests/support/find-tool.ts";
import { HOSTILE, openPageServer, type PageServer } from "#tests/support/page-server.ts";
import { makeTlsFolder } from "#tests/support/tls-folder.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(60_000);

/** A name of somebody else's that leads to this machine: what DNS rebinding does. */
const REBOUND = "evil.example";
const LIST_MODULES = "/cos.conductor.v1.ModuleService/ListModules";
const RECORD = "/cos.conductor.v1.ConductorService/RecordMemory";
const GET = `${LIST_MODULES}?connect=v1&encoding=json&message=%7B%7D`;

let cos: PageServer;
let browser: Browser;
let stranger: Server;
const pages: Page[] = [];

const origin = () => `http://127.0.0.1:${cos.port}`;
const link = () => `${origin()}/#token=${cos.token}`;

beforeAll(async () => {
  const executablePath = findTool("chromium");
  if (executablePath === undefined) return;
  cos = await openPageServer();
  stranger = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>stranger</title>");
  });
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  // As root, which a container's user is, Chromium has no sandbox.
  const args = ["--no-sandbox", `--host-resolver-rules=MAP ${REBOUND} 127.0.0.1`];
  browser = await chromium.launch({ executablePath, args });
});
beforeEach(async () => {
  for (const page of pages.splice(0)) await page.close();
  cos?.answered.splice(0);
});
afterAll(async () => {
  await browser?.close();
  stranger?.close();
  await cos?.close();
});

async function openPage(url: string): Promise<Page> {
  const page = await browser.newPage();
  pages.push(page);
  await page.goto(url);
  return page;
}

/** A page of another origin: another port of this machine, or the rebound name. */
const openStranger = (host = "127.0.0.1") => openPage(`http://${host}:${(stranger.address() as AddressInfo).port}/`);

const stateOf = (page: Page) => page.locator("#state");

/** What a page gets for a request to COS: the status, or why there is none. */
function ask(page: Page, url: string, init: Record<string, unknown>): Promise<string> {
  const script = `fetch(${JSON.stringify(url)}, ${JSON.stringify(init)}).then(
    async (answer) => answer.status + " " + (await answer.text()),
    (error) => error.message,
  )`;
  return page.evaluate<string>(script);
}

const post = (headers: Record<string, string> = {}) => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: "{}",
});

describe("the link", () => {
  needs("chromium")("shows who one is, the modules and the latest memories", async () => {
    const page = await openPage(link());
    await page.locator("li").first().waitFor();
    await expect(stateOf(page).textContent()).resolves.toBe("You are owner (person).");
    await expect(page.locator("#rights").textContent()).resolves.toBe("Your rights: admin in all modules.");
    await expect(page.locator("#modules tr").allTextContents()).resolves.toEqual([
      expect.stringMatching(/^ccThe creative corpus.*3$/),
      "empty0",
    ]);
    await expect(page.locator("li").allTextContents()).resolves.toEqual([
      expect.stringMatching(/^3 · note · /),
      expect.stringMatching(/^2 · diary\.entry · .*\(forgotten\)$/),
      expect.stringMatching(/^1 · diary\.entry · Samuel Pepys · .*Up betimes\.$/),
    ]);
    await page.locator("button", { hasText: "empty" }).click();
    await page.locator("text=Nothing is recorded here yet.").waitFor();
    await expect(page.locator("#further").textContent()).resolves.toContain("npx cos tail --module empty");
    expect(cos.answered).toEqual(["WhoAmI", "ListModules", "ListMemories", "ListMemories"]);
  });

  needs("chromium")("loses its token at once: it stays in neither the address nor what a page may keep", async () => {
    const page = await openPage(link());
    await page.locator("li").first().waitFor();
    expect(page.url()).toBe(`${origin()}/`);
    const kept =
      "JSON.stringify([history.length, history.state, {...localStorage}, {...sessionStorage}, document.cookie])";
    await expect(page.evaluate(kept)).resolves.not.toContain(cos.token);
    await page.reload();
    await page.locator("text=Open the link that npm start printed").waitFor();
    // Opened again in the tab that shows the page, only its fragment changes.
    await page.goto(link());
    await page.locator("li").first().waitFor();
    expect(page.url()).toBe(`${origin()}/`);
  });

  needs("chromium")("works over TLS as well", async () => {
    const folder = await makeTlsFolder();
    const secure = await openPageServer(folder.files());
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    pages.push(page);
    await page.goto(`https://localhost:${secure.port}/#token=${secure.token}`);
    await page.locator("li").first().waitFor();
    expect(secure.answered).toEqual(["WhoAmI", "ListModules", "ListMemories"]);
    await page.close();
    await secure.close();
    folder.remove();
  });

  needs("chromium")("with another token shows nothing and says where one that holds is had", async () => {
    const page = await openPage(`${origin()}/#token=cos_pat_of_somebody`);
    await page.locator("text=npm start prints a link that holds").waitFor();
    await expect(page.locator("#found").isHidden()).resolves.toBe(true);
    expect(cos.answered).toEqual([]);
  });

  needs("chromium")("shows markup that was recorded as the text that it is", async () => {
    const page = await openPage(link());
    await page.locator("li").first().waitFor();
    await expect(page.locator("li .text").first().textContent()).resolves.toBe(HOSTILE);
    await expect(page.locator("img, li script").count()).resolves.toBe(0);
    await expect(page.title()).resolves.toBe("COS");
  });

  needs("chromium")("runs and loads nothing but what the page brought, even if markup got into it", async () => {
    const page = await openPage(link());
    await page.locator("li").first().waitFor();
    // As a script of the page would do it. Evaluating is DevTools' right, so the markup goes in by an API of its own.
    const put = `new Promise((resolve) => {
      const blocked = [];
      document.addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
      const image = document.createElement("img");
      image.src = "/x.png";
      const script = document.createElement("script");
      script.append("document.title = 'owned'");
      document.body.append(image, script);
      let refused = "";
      try { document.body.innerHTML = "<b>x</b>"; } catch (error) { refused = error.name; }
      setTimeout(() => resolve({ blocked: [...new Set(blocked)].sort(), refused }), 100);
    })`;
    await expect(page.evaluate(put)).resolves.toMatchObject({
      blocked: expect.arrayContaining(["img-src", "require-trusted-types-for"]),
      refused: "TypeError",
    });
    await expect(page.title()).resolves.toBe("COS");
  });
});

describe("the page's own origin", () => {
  needs("chromium")("is not let in without a token, on this machine neither", async () => {
    const page = await openPage(`${origin()}/`);
    await page.locator("text=Open the link that npm start printed").waitFor();
    await expect(ask(page, LIST_MODULES, post())).resolves.toMatch(/^401 .*"unauthenticated"/);
    expect(cos.answered).toEqual([]);
  });
});

describe("pages of other origins", () => {
  const token = () => ({ authorization: `Bearer ${cos.token}` });

  needs("chromium").each(["127.0.0.1", REBOUND])("of %s read nothing, with a token neither", async (host) => {
    const page = await openStranger(host);
    await expect(ask(page, `${origin()}${LIST_MODULES}`, post())).resolves.toMatch(/Failed to fetch/);
    await expect(ask(page, `${origin()}${LIST_MODULES}`, post(token()))).resolves.toMatch(/Failed to fetch/);
    await expect(ask(page, `${origin()}${GET}`, {})).resolves.toMatch(/Failed to fetch/);
    await expect(ask(page, `${origin()}/`, {})).resolves.toMatch(/Failed to fetch/);
    expect(cos.answered).toEqual([]);
  });

  needs("chromium")("do nothing: not by requests that need no preflight, forms, images or frames", async () => {
    const page = await openStranger();
    // Without CORS the answer cannot be read; what counts is that no handler was reached.
    await ask(page, `${origin()}${RECORD}`, { method: "POST", mode: "no-cors", body: "{}" });
    await ask(page, `${origin()}${GET}`, { mode: "no-cors" });
    await page.evaluate(`new Promise((resolve) => {
      const image = new Image();
      image.onerror = image.onload = resolve;
      image.src = ${JSON.stringify(`${origin()}${GET}`)};
    })`);
    const framed = page.waitForResponse(`${origin()}/`);
    await page.evaluate(`(() => {
      const frame = document.createElement("iframe");
      frame.src = ${JSON.stringify(`${origin()}/`)};
      document.body.append(frame);
    })()`);
    expect((await framed).status()).toBe(403);
    const submitted = page.waitForResponse((answer) => answer.url().endsWith(RECORD));
    await page.evaluate(`(() => {
      const form = document.createElement("form");
      form.method = "POST";
      form.enctype = "text/plain";
      form.action = ${JSON.stringify(`${origin()}${RECORD}`)};
      document.body.append(form);
      form.submit();
    })()`);
    expect((await submitted).status()).toBe(403);
    expect(cos.answered).toEqual([]);
  });
});

describe("a name that was rebound to this machine", () => {
  needs("chromium")("is answered 421, so that its page never becomes our origin", async () => {
    const page = await browser.newPage();
    pages.push(page);
    const answer = await page.goto(`http://${REBOUND}:${cos.port}/#token=${cos.token}`);
    expect(answer?.status()).toBe(421);
    await expect(ask(page, LIST_MODULES, post({ authorization: `Bearer ${cos.token}` }))).resolves.toMatch(/^421 /);
    await expect(ask(page, GET, {})).resolves.toMatch(/^421 /);
    expect(cos.answered).toEqual([]);
  });
});
