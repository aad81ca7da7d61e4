import { describe, expect, test } from "@jest/globals";
import { namesOf, readSettings, SettingsError, unknownVariables } from "#shared/config/read-settings.ts";
import { choice, durationMs, formatListen, integer, list, listen, text, url } from "#shared/config/settings.ts";

const spec = {
  listen: listen({ name: "COS_LISTEN", about: "where", fallback: { host: "127.0.0.1", port: 50_051 } }),
  pool: integer({ name: "COS_POOL", about: "how many", fallback: 8, min: 1, max: 100 }),
  grace: durationMs({ name: "COS_GRACE", about: "how long", fallback: 10_000, min: 0, max: 3_600_000 }),
  mode: choice({ name: "COS_MODE", about: "how", fallback: "local", choices: ["local", "insecure"] }),
  hosts: list({ name: "COS_HOSTS", about: "who", fallback: [] }),
  redis: url({ name: "COS_REDIS", about: "which", fallback: undefined, schemes: ["redis", "rediss"] }),
  title: text({ name: "COS_TITLE", about: "what", fallback: "" }),
};

test("the names of several specs are told once each", () => {
  const { pool, title } = spec;
  expect(namesOf({ pool, title }, { again: title })).toEqual(["COS_POOL", "COS_TITLE"]);
});

describe("readSettings", () => {
  test("unset and empty variables take the default", () => {
    expect(readSettings({ COS_POOL: "" }, spec)).toEqual({
      listen: { host: "127.0.0.1", port: 50_051 },
      pool: 8,
      grace: 10_000,
      mode: "local",
      hosts: [],
      redis: undefined,
      title: "",
    });
  });

  test("each kind reads its text", () => {
    const env = {
      COS_LISTEN: "[::1]:0",
      COS_POOL: " 12 ",
      COS_GRACE: "2m",
      COS_MODE: "insecure",
      COS_HOSTS: "a.example, b.example,",
      COS_REDIS: "redis://:secret@h1:6379,h2:6380/0",
      COS_TITLE: "x",
    };
    expect(readSettings(env, spec)).toEqual({
      listen: { host: "::1", port: 0 },
      pool: 12,
      grace: 120_000,
      mode: "insecure",
      hosts: ["a.example", "b.example"],
      redis: "redis://:secret@h1:6379,h2:6380/0",
      title: "x",
    });
  });

  test("the values cannot be changed afterwards", () => {
    expect(Object.isFrozen(readSettings({}, spec))).toBe(true);
  });

  test("every fault is told at once, each naming its variable", () => {
    const env = { COS_LISTEN: "nowhere", COS_POOL: "1e9", COS_GRACE: "10", COS_MODE: "Local", COS_REDIS: "http://x" };
    expect(() => readSettings(env, spec)).toThrow(SettingsError);
    try {
      readSettings(env, spec);
    } catch (error) {
      expect((error as SettingsError).faults).toEqual([
        "COS_LISTEN must be host:port, such as 127.0.0.1:50051",
        "COS_POOL must be a whole number from 1 to 100",
        "COS_GRACE must be a duration such as 250ms, 30s, 5m or 1h, from 0ms to 1h",
        "COS_MODE must be one of local, insecure",
        "COS_REDIS must be a URL such as redis://host:port",
      ]);
    }
  });

  test.each(["redis://h:0", "redis://h:65536", "redis://h:12a", "redis://", "redis:/h", "h:6379", "redis://a b"])(
    "the URL %s is refused",
    (value) => expect(() => spec.redis.parse(value)).toThrow("must be a URL such as redis://host:port"),
  );

  test.each(["redis://h", "rediss://[::1]:1/2?x=1", "redis://u:p@h1,h2:2/x"])("the URL %s is taken", (value) =>
    expect(spec.redis.parse(value)).toBe(value),
  );

  test.each(["127.0.0.1:65536", "127.0.0.1", ":50051", "::1:50051", "http://h:1"])(
    "the listener %s is refused",
    (value) => expect(() => spec.listen.parse(value)).toThrow("must be host:port"),
  );

  test("defaults are shown as people would write them", () => {
    expect(Object.values(spec).map((setting) => setting.shown)).toEqual([
      "127.0.0.1:50051",
      "8",
      "10s",
      "local",
      "",
      "",
      "",
    ]);
    expect(formatListen({ host: "::1", port: 1 })).toBe("[::1]:1");
    expect(durationMs({ name: "X", about: "", fallback: 1500, min: 0, max: 9e9 }).shown).toBe("1500ms");
    expect(text({ name: "X", about: "", fallback: undefined }).shown).toBe("");
  });
});

describe("unknownVariables", () => {
  test("a misspelt variable is told with the name that was meant, a strange one without", () => {
    const env = { COS_REDIS_ULR: "x", COS_SOMETHING_ELSE: "y", PATH: "z", COS_TEST_REDIS_URL: "t", COS_REDIS_URL: "u" };
    expect(unknownVariables(env, ["COS_REDIS_URL", "COS_POSTGRES_URL"])).toEqual([
      {
        name: "COS_REDIS_ULR",
        meant: "COS_REDIS_URL",
        warning: "COS_REDIS_ULR is not known: did you mean COS_REDIS_URL?",
      },
      { name: "COS_SOMETHING_ELSE", meant: undefined, warning: "COS_SOMETHING_ELSE is not known" },
    ]);
  });

  test("with no names at all there is nothing to suggest", () => {
    expect(unknownVariables({ COS_X: "1" }, [])).toMatchObject([{ meant: undefined }]);
  });
});
