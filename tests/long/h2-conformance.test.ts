// How well the port keeps HTTP/2's rules, by h2spec: no worse than Node's own server, on which both stacks stand.
import { readFileSync } from "node:fs";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, expect, jest } from "@jest/globals";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { openLog } from "#shared/log/open-log.ts";
import { type BoundService, bindService, type Handlers } from "#shared/rpc/bind-service.ts";
import { openServer } from "#shared/rpc/open-server.ts";
import { findTool } from "#tests/support/find-tool.ts";
import { runCommand } from "#tests/support/mesh-command.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(600_000);

const folder = await temporaryFolder();
const closers: (() => unknown)[] = [];
afterAll(() => Promise.all(closers.map((close) => close())));

needs("h2spec")("the port fails no case of h2spec that Node's own server passes", async () => {
  const port = await startOurs();
  // One after the other: h2spec takes silence for an answer.
  const nodes = await runCases(await startNodes());
  const ours = await runCases(port);
  expect(ours.all.length).toBeGreaterThan(90);
  expect(ours.all).toEqual(nodes.all);
  const worse: string[] = [];
  for (const name of ours.failed.filter((each) => !nodes.failed.includes(each))) {
    if (await failsAgain(port, name)) worse.push(name);
  }
  expect(worse).toEqual([NOT_HTTP2]);
});

/** Some cases race: whether a stream is still open when their frame comes, or answered already. Those pass now and then. */
async function failsAgain(port: number, name: string): Promise<boolean> {
  const section = name.slice(0, name.indexOf(" "));
  for (let again = 0; again < 5; again += 1) {
    if (!(await runCases(port, section)).failed.includes(name)) return false;
  }
  return true;
}

/**
 * The port speaks HTTP/1.1, too: a preface that is none is HTTP/1.1's to answer, which says 400 and cuts the connection. h2spec takes the
 * answer for a frame and goes on waiting. (RFC 9113, 3.4: whoever sends such a preface "is not using HTTP/2".)
 */
const NOT_HTTP2 = "http2/3.5 Sends invalid connection preface";

/** Runs all cases, or a section's, against a port: which there were and which failed, by section and title. */
async function runCases(port: number, section?: string): Promise<{ all: string[]; failed: string[] }> {
  const report = join(folder, "report.xml");
  const args = ["--host", "127.0.0.1", "--port", String(port), "--junit-report", report];
  await runCommand(findTool("h2spec") as string, section === undefined ? args : [section, ...args], {
    limitMs: 280_000,
  });
  const cases = [...readFileSync(report, "utf8").matchAll(CASE)].map(([, area, title, outcome = ""]) => ({
    name: `${area} ${title}`,
    isFailed: /<(?:failure|error)/.test(outcome),
  }));
  const names = (some: typeof cases) => some.map(({ name }) => name);
  return { all: names(cases), failed: names(cases.filter(({ isFailed }) => isFailed)) };
}

const CASE = /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs;

async function startNodes(): Promise<number> {
  const server = createServer((request, response) => {
    request.resume();
    response.end("here");
  });
  server.on("sessionError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function startOurs(): Promise<number> {
  const services: BoundService[] = [bindService(ConductorService, UNASKED)];
  const log = openLog({ service: "test", level: "silent" });
  const listen = { host: "127.0.0.1", port: 0 };
  const server = await openServer({ name: "test", services, listen, log, letIn: () => localAccess() });
  closers.push(() => server.close());
  return server.address.port;
}

/** h2spec asks for `/` alone. */
const unasked = () => {
  throw new Error("nobody asks for this");
};

const UNASKED: Handlers<typeof ConductorService> = {
  recordMemory: unasked,
  batchRecordMemories: unasked,
  recordMemories: unasked,
  getMemory: unasked,
  listMemories: unasked,
  searchMemories: unasked,
  forgetMemories: unasked,
  linkMemories: unasked,
  listLinks: unasked,
  unlinkMemories: unasked,
  getIngestStatus: unasked,
  subscribe: unasked,
};
