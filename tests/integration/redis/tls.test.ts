import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect } from "@jest/globals";
import { findRedis } from "#deploy/local/engines/find-redis.ts";
import { openLog } from "#shared/log/open-log.ts";
import { openRedis, untilReady } from "#shared/redis/open-redis.ts";
import { killWithUs } from "#tests/support/kill-with-us.ts";
import { freePort } from "#tests/support/private-servers.ts";
import { makeTlsFolder, type TlsFolder } from "#tests/support/tls-folder.ts";
import { needs } from "#tests/support/tools.ts";

const CONNECT_MS = 5_000;
/** Long enough for a handshake that is going to be refused, several times over. */
const REFUSAL_MS = 500;

let folder: TlsFolder;
let port = 0;
let stop = async (): Promise<void> => {};
beforeAll(async () => {
  folder = await makeTlsFolder();
  await folder.write("client", await folder.makeClient(["spiffe://cos/conductor"]));
  const command = findRedis();
  if (command !== undefined) ({ port, stop } = await startTlsRedis(command));
});
afterAll(async () => {
  await stop();
  folder.remove();
});

/** A Redis that speaks TLS alone, and asks clients for certificates. */
async function startTlsRedis(command: string) {
  const free = await freePort();
  const settings = {
    bind: "127.0.0.1",
    port: "0",
    "tls-port": String(free),
    "tls-cert-file": folder.path("server.pem"),
    "tls-key-file": folder.path("server.key"),
    "tls-ca-cert-file": folder.path("ca.pem"),
    save: "",
    dir: folder.path(""),
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const redis = spawn(command, args, { stdio: "ignore" });
  const guard = killWithUs(redis.pid as number, folder.path(""));
  const gone = new Promise<void>((resolve) => redis.once("exit", () => resolve()));
  return {
    port: free,
    stop: async () => {
      guard.release();
      redis.kill();
      await gone;
    },
  };
}

/** Whether a client of this URL gets through, and what its log says. */
async function tries(url: string, timeoutMs = REFUSAL_MS) {
  const lines: string[] = [];
  const log = openLog({ service: "test", to: { write: (line: string) => void lines.push(line) } });
  const redis = openRedis({ url, role: "plain", log });
  try {
    return { ready: await untilReady(redis, timeoutMs), lines };
  } finally {
    redis.disconnect();
  }
}

const own = () => `cert=${folder.path("client.pem")}&key=${folder.path("client.key")}`;

describe("a Redis that speaks TLS", () => {
  needs("redis")("is spoken to by rediss:// with its authority and a certificate of one's own", async () => {
    for (const host of ["127.0.0.1", "localhost"]) {
      const url = `rediss://${host}:${port}?ca=${folder.path("ca.pem")}&${own()}`;
      expect(await tries(url, CONNECT_MS)).toMatchObject({ ready: true });
    }
  });

  needs("redis")("is refused where another authority is expected, or none is named", async () => {
    const stranger = await makeTlsFolder();
    expect(await tries(`rediss://127.0.0.1:${port}?ca=${stranger.path("ca.pem")}&${own()}`)).toMatchObject({
      ready: false,
    });
    stranger.remove();
    const { ready, lines } = await tries(`rediss://127.0.0.1:${port}?${own()}`);
    expect(ready).toBe(false);
    expect(lines.join()).toMatch(/"code":"(SELF_SIGNED|UNABLE_TO)/);
  });

  needs("redis")("refuses a client without a certificate, and one without TLS", async () => {
    expect(await tries(`rediss://127.0.0.1:${port}?ca=${folder.path("ca.pem")}`)).toMatchObject({ ready: false });
    expect(await tries(`redis://127.0.0.1:${port}`)).toMatchObject({ ready: false });
  });
});
