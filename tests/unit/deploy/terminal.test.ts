import { EventEmitter } from "node:events";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { followParent } from "#deploy/local/follow-parent.ts";
import { listenToSignals } from "#deploy/local/listen-to-signals.ts";
import { formatLine } from "#deploy/local/logs/format-line.ts";
import { readCommandLine } from "#deploy/local/read-command-line.ts";
import { runCommand } from "#deploy/local/run-command.ts";
import { knownVariables, SERVICES } from "#deploy/local/services.ts";
import { readLauncherSettings } from "#deploy/local/settings.ts";
import { tellAddresses, tellRunning } from "#deploy/local/tell-addresses.ts";

const plain = (line: string | undefined) => line && stripVTControlCharacters(line);

describe("what the terminal shows of a log", () => {
  test("information stays in the file", () => {
    expect(formatLine("conductor", '{"level":"info","msg":"serving"}')).toBeUndefined();
  });

  test("a warning is shown with its cause and its fields, without what every line has", () => {
    const line =
      '{"level":"warn","time":"now","pid":1,"service":"conductor","msg":"breaker open","err":{"code":"ECONNREFUSED"},"failures":3,"engine":"redis"}';
    expect(plain(formatLine("conductor", line))).toBe(
      "conductor  warn  breaker open (ECONNREFUSED, failures=3, engine=redis)",
    );
  });

  test("an error without a code is named by its reason or its kind", () => {
    expect(plain(formatLine("x", '{"level":"error","msg":"m","err":{"reason":"INTERNAL"}}'))).toBe(
      "x  error  m (INTERNAL)",
    );
    expect(plain(formatLine("x", '{"level":"fatal","msg":"m","err":{"name":"TypeError"}}'))).toBe(
      "x  fatal  m (TypeError)",
    );
    expect(plain(formatLine("x", '{"level":"error","msg":"m","err":{}}'))).toBe("x  error  m");
    expect(plain(formatLine("x", '{"level":"error","msg":"m"}'))).toBe("x  error  m");
  });

  test("what is not a log line is shown as it is, without the frames of a stack and without the name twice", () => {
    expect(formatLine("x", "TypeError: no")).toBe("x: TypeError: no");
    expect(formatLine("x", "x: COS_X must be a number")).toBe("x: COS_X must be a number");
    expect(formatLine("x", "{ broken")).toBe("x: { broken");
    expect(formatLine("x", '{"other":"json"}')).toBe('x: {"other":"json"}');
    expect(formatLine("x", "    at run (file.ts:1:1)")).toBeUndefined();
    expect(formatLine("x", "")).toBeUndefined();
  });
});

describe("the signals", () => {
  function pressed(...times: number[]) {
    const from = new EventEmitter();
    let now = 0;
    const { stop, force } = listenToSignals(from, () => now);
    for (const time of times) {
      now = time;
      from.emit("SIGINT");
    }
    return [stop.aborted, force.aborted];
  }

  test("the first one stops, a later one forces", () => {
    expect(pressed()).toEqual([false, false]);
    expect(pressed(0)).toEqual([true, false]);
    expect(pressed(0, 501)).toEqual([true, true]);
  });

  test("the same key press, handed on by npm, counts once", () => {
    expect(pressed(0, 3, 500)).toEqual([true, false]);
  });

  test("without a clock of its own it takes the machine's", () => {
    const from = new EventEmitter();
    const { stop, force } = listenToSignals(from);
    from.emit("SIGHUP");
    expect([stop.aborted, force.aborted]).toEqual([true, false]);
  });
});

test("when npm is gone, the launcher hears of it once", async () => {
  const host = { ppid: 7 };
  let heard = 0;
  const gone = new Promise<void>((resolve) => {
    followParent(
      host,
      () => {
        heard += 1;
        resolve();
      },
      1,
    );
  });
  const timer = setInterval(() => {}, 1_000);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(heard).toBe(0);
  host.ppid = 1;
  await gone;
  await new Promise((resolve) => setTimeout(resolve, 5));
  clearInterval(timer);
  expect(heard).toBe(1);
});

describe("the command line and the settings", () => {
  async function ends(args: string[], env: Record<string, string> = {}) {
    const lines: string[] = [];
    const never = new AbortController().signal;
    const code = await runCommand(args, {
      env,
      root: "/nowhere",
      say: (line) => lines.push(line),
      stop: never,
      force: never,
    });
    return { code, text: lines.join("\n") };
  }

  test("--help names every option and every setting with its default", async () => {
    const { code, text } = await ends(["--help"]);
    expect(code).toBe(0);
    expect(text).toMatch(/--no-install/);
    expect(text).toMatch(/COS_POSTGRES_LISTEN +.*Default: 127\.0\.0\.1:50432\./);
  });

  test("an unknown option is one line that points to the help, exit 2", async () => {
    await expect(ends(["--hepl"])).resolves.toEqual({
      code: 2,
      text: "Unknown option '--hepl'. See: npm start -- --help",
    });
  });

  test("what is nobody's fault but ours is not dressed up as a line", async () => {
    const never = new AbortController().signal;
    const say = () => {
      throw new TypeError("a bug");
    };
    const host = { env: {}, root: "/nowhere", say, stop: never, force: never };
    await expect(runCommand(["--help"], host)).rejects.toThrow(new TypeError("a bug"));
  });

  test("--no-install leaves a missing Redis missing", () => {
    expect(readCommandLine([])).toEqual({ mayInstall: true });
    expect(readCommandLine(["--no-install"])).toEqual({ mayInstall: false });
  });

  test("every fault of every process is told at once, each once, before anything starts, exit 2", async () => {
    const { code, text } = await ends([], {
      COS_POSTGRES_LISTEN: "0.0.0.0:1",
      COS_REDIS_LISTEN: "127.0.0.1:0",
      COS_POSTGRES_URL: "http://x",
      COS_CONDUCTOR_LISTEN: "nonsense",
    });
    expect(code).toBe(2);
    const lines = text.split("\n");
    expect(lines).toHaveLength(4);
    expect(new Set(lines.map((line) => line.split(" ")[0]))).toEqual(
      new Set(["COS_CONDUCTOR_LISTEN", "COS_POSTGRES_LISTEN", "COS_POSTGRES_URL", "COS_REDIS_LISTEN"]),
    );
  });

  test("an engine's listener is accepted on loopback", () => {
    const { redisListen } = readLauncherSettings({ COS_REDIS_LISTEN: "localhost:7000" }, []);
    expect(redisListen).toEqual({ host: "localhost", port: 7000 });
  });

  test("what is not a fault of a setting is not taken for one", () => {
    const broken = {
      x: {
        name: "COS_X",
        about: "",
        shown: "",
        get fallback(): never {
          throw new TypeError("a bug");
        },
        parse: () => 0,
      },
    };
    expect(() => readLauncherSettings({}, [broken])).toThrow(new TypeError("a bug"));
  });

  test("the variables of all processes are known, so that a misspelt one is found", () => {
    expect(knownVariables(SERVICES)).toEqual(
      expect.arrayContaining(["COS_DATA_DIR", "COS_CONDUCTOR_LISTEN", "COS_CONDUCTOR_ADDRESS", "COS_POSTGRES_URL"]),
    );
  });

  test("a service is given the time that its own drain takes", () => {
    expect(SERVICES[0]!.drainMs({ COS_DRAIN_GRACE: "3s", COS_DRAIN_LEAVE_BALANCER: "2s" })).toBe(5_000);
  });
});

describe("the table of addresses", () => {
  const conductor = { name: "conductor", address: "127.0.0.1:50051", about: "records", serves: true };

  function told(...addresses: (typeof conductor)[]): string {
    const lines: string[] = [];
    const paths = { root: "/r", data: "/r/.cos", logs: "/r/.cos/logs", run: "/r/.cos/run" };
    tellAddresses({ say: (line) => lines.push(stripVTControlCharacters(line)), paths }, addresses);
    return lines.join("\n");
  }

  test("it ends with one thing to try", () => {
    expect(told(conductor)).toMatch(
      /conductor {2}127\.0\.0\.1:50051 {2}records\n.*COS is up\. Try: {2}npx cos record/s,
    );
  });

  test("the thing to try finds a conductor that listens elsewhere", () => {
    expect(told({ ...conductor, address: "127.0.0.1:6000" })).toMatch(
      /Try: {2}COS_CONDUCTOR_ADDRESS=127\.0\.0\.1:6000 npx/,
    );
    expect(told({ ...conductor, name: "graph" })).toMatch(/Try: {2}npx/);
  });

  test("it does not call up what does not serve", () => {
    expect(told({ ...conductor, serves: false })).toMatch(/not all up yet/);
  });

  test("a second start is told where the first one listens", () => {
    const lines: string[] = [];
    tellRunning({ pid: 7, command: "", addresses: [["conductor", "127.0.0.1:50051"]] }, (line) => lines.push(line));
    tellRunning({ pid: 7, command: "", addresses: [] }, (line) => lines.push(line));
    expect(lines).toEqual([
      "COS runs already (process 7):",
      "  conductor  127.0.0.1:50051",
      "COS runs already (process 7); it is just starting or stopping.",
    ]);
  });
});
