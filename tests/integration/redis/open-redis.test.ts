import { type AddressInfo, createServer } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { Cluster, type Redis } from "ioredis";
import { pino } from "pino";
import { nodeOptions, openRedis, parseRedisUrl, untilReady } from "#shared/redis/open-redis.ts";

/** A log whose lines can be looked at. */
function openLines() {
  const lines: string[] = [];
  return { lines, log: pino({ level: "debug" }, { write: (line: string) => void lines.push(line) }) };
}

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("a Redis URL", () => {
  test("names one server", () => {
    expect(parseRedisUrl("redis://localhost")).toMatchObject({
      kind: "standalone",
      nodes: [{ host: "localhost", port: 6379 }],
      db: 0,
      tls: false,
    });
    expect(parseRedisUrl("rediss://me:p%40ss@[::1]:7000/3")).toMatchObject({
      nodes: [{ host: "::1", port: 7000 }],
      db: 3,
      tls: true,
      username: "me",
      password: "p@ss",
    });
  });

  test("names Sentinels and the master they watch", () => {
    expect(parseRedisUrl("redis+sentinel://:secret@a:26380,b/main?db=2")).toMatchObject({
      kind: "sentinel",
      nodes: [
        { host: "a", port: 26380 },
        { host: "b", port: 26379 },
      ],
      name: "main",
      password: "secret",
      db: 2,
    });
  });

  test("names nodes of a Cluster", () => {
    expect(parseRedisUrl("rediss+cluster://a:1,b:2")).toMatchObject({
      kind: "cluster",
      nodes: [
        { host: "a", port: 1 },
        { host: "b", port: 2 },
      ],
      tls: true,
    });
  });

  test("names the files of its TLS", () => {
    expect(parseRedisUrl("rediss://a/2?ca=/ca.pem&cert=/c.pem&key=/c.key")).toMatchObject({
      db: 2,
      tlsFiles: { ca: "/ca.pem", cert: "/c.pem", key: "/c.key" },
    });
    expect(parseRedisUrl("rediss+sentinel://a/main?db=2&ca=/ca.pem")).toMatchObject({
      db: 2,
      tlsFiles: { ca: "/ca.pem" },
    });
    expect(parseRedisUrl("rediss://a").tlsFiles).toEqual({});
  });

  test("a file that cannot be read is told by its parameter", () => {
    expect(() => nodeOptions(parseRedisUrl("rediss://:hunter2@a?ca=/not/there"), "plain")).toThrow(
      expect.objectContaining({ message: "ca cannot be read: ENOENT" }),
    );
  });

  test.each([
    "",
    "http://a",
    "redis://",
    "redis://a:0",
    "redis://a:99999",
    "redis://a:b:c",
    "redis://a/x",
    "redis+sentinel://a:1",
    "redis+ring://a",
    "redis://a?ca=/ca.pem",
    "rediss://a?cert=/c.pem",
    "rediss://a?key=/c.key",
  ])("is refused without being repeated: %p", (url) => {
    expect(() => parseRedisUrl(url)).toThrow(TypeError);
    expect(() => parseRedisUrl(`${url}#hunter2`)).not.toThrow(/hunter2/);
  });
});

describe("a Redis client", () => {
  test("is opened without a server, refuses commands at once, and says once that it cannot connect", async () => {
    const { lines, log } = openLines();
    const redis = openRedis({ url: `redis://127.0.0.1:${await closedPort()}`, role: "publisher", log });
    await expect(redis.get("x")).rejects.toThrow();
    expect(await untilReady(redis, 120)).toBe(false);
    redis.disconnect();
    expect(lines.filter((line) => line.includes("redis connection failed"))).toHaveLength(1);
  });

  test("says that the connection is back", async () => {
    const port = await closedPort();
    const { lines, log } = openLines();
    const redis = openRedis({ url: `redis://127.0.0.1:${port}`, role: "plain", log });
    expect(await untilReady(redis, 30)).toBe(false);
    const server = createServer((socket) =>
      socket.on("error", () => {}).on("data", () => socket.write("+OK\r\n".repeat(4))),
    ).listen(port, "127.0.0.1");
    expect(await untilReady(redis, 5_000)).toBe(true);
    redis.disconnect();
    await new Promise((resolve) => server.close(resolve));
    expect(lines.at(-1)).toContain("redis connected");
  });

  test("asks Sentinels for the master, where its URL says so", () => {
    const options = nodeOptions(parseRedisUrl("rediss+sentinel://:pw@a:1,b/main?db=2"), "reader");
    expect(options).toMatchObject({
      sentinels: [{ host: "a", port: 1 }, { host: "b" }],
      name: "main",
      db: 2,
      password: "pw",
    });
    expect(options).toMatchObject({ tls: {}, enableTLSForSentinelMode: true, enableOfflineQueue: false });
    // A Sentinel that anybody can pass for would name anybody as master.
    expect(options.sentinelTLS).toEqual({});
    expect(nodeOptions(parseRedisUrl("redis+sentinel://a/main"), "reader").sentinelTLS).toBeUndefined();
    // The blocking reader times its own commands.
    expect(options.commandTimeout).toBeUndefined();
  });

  test("speaks to a Cluster, where its URL says so", () => {
    const { log } = openLines();
    const cluster = openRedis({ url: "redis+cluster://127.0.0.1:1", role: "publisher", log });
    expect(cluster).toBeInstanceOf(Cluster);
    cluster.disconnect();
  });

  test("connects anew where a server has become a replica", () => {
    const { log } = openLines();
    const redis = openRedis({ url: "redis://127.0.0.1:1", role: "plain", log }) as Redis;
    expect(redis.options.reconnectOnError?.(new Error("READONLY You can't write against a read only replica."))).toBe(
      true,
    );
    expect(redis.options.reconnectOnError?.(new Error("ERR syntax"))).toBe(false);
    expect(redis.options.retryStrategy?.(1)).toBe(20);
    expect(redis.options.retryStrategy?.(50)).toBe(1_000);
    redis.disconnect();
  });
});
