import { type Listen, listen, type Setting } from "./settings.ts";

/** A listener that only this machine can reach. */
function loopback(spec: { name: string; about: string; fallback: Listen }): Setting<Listen> {
  const setting = listen(spec);
  return {
    ...setting,
    parse(value) {
      const parsed = setting.parse(value);
      if (parsed.port !== 0 && /^(127\.0\.0\.1|localhost)$/.test(parsed.host)) return parsed;
      throw new Error("must be 127.0.0.1:port: this engine is for this machine alone");
    },
  };
}

/** Where the engines listen that `npm start` brings. It alone reads these, and hands them on with the rest of its environment. */
export const ENGINE_LISTENERS = {
  postgresListen: loopback({
    name: "COS_POSTGRES_LISTEN",
    about: "Where the PostgreSQL that `npm start` brings listens, on 127.0.0.1.",
    fallback: { host: "127.0.0.1", port: 50_432 },
  }),
  redisListen: loopback({
    name: "COS_REDIS_LISTEN",
    about: "Where the Redis that `npm start` brings listens, on 127.0.0.1.",
    fallback: { host: "127.0.0.1", port: 50_379 },
  }),
  neo4jListen: loopback({
    name: "COS_NEO4J_LISTEN",
    about: "Where the Neo4j that `npm start -- --neo4j` brings listens, on 127.0.0.1.",
    fallback: { host: "127.0.0.1", port: 50_687 },
  }),
} as const;
