import { EventEmitter } from "node:events";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { originOf, reachedFromHere } from "#deploy/local/entrance.ts";
import { followParent } from "#deploy/local/follow-parent.ts";
import { listenToSignals } from "#deploy/local/listen-to-signals.ts";
import { formatLine } from "#deploy/local/logs/format-line.ts";
import { readCommandLine } from "#deploy/local/read-command-line.ts";
import { runCommand } from "#deploy/local/run-command.ts";
import { knownVariables, SERVICES } from "#deploy/local/services.ts";
import { readLauncherSettings } from "#deploy/local/settings.ts";
import { type Address, type OwnersWay, tellAddresses, tellRunning } from "#deploy/local/tell-addresses.ts";
import { makeTlsFolder } from "#tests/support/tls-folder.ts";

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
    expect(readCommandLine([])).toEqual({ mayInstall: true, wantsNeo4j: false });
    expect(readCommandLine(["--no-install"])).toEqual({ mayInstall: false, wantsNeo4j: false });
    expect(readCommandLine(["--neo4j"])).toEqual({ mayInstall: true, wantsNeo4j: true });
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
    expect(() => readLauncherSettings({}, [{ settings: broken, check: () => {} }])).toThrow(new TypeError("a bug"));
  });

  test("every address without rights or TLS is one sentence that says what to set, before anything starts, exit 2", async () => {
    const { code, text } = await ends([], { COS_HOST: "0.0.0.0" });
    expect({ code, lines: text.split("\n").length }).toEqual({ code: 2, lines: 1 });
    expect(text).toMatch(/COS_TLS_CERT/);
  });

  test("how settings go together is judged once each is right by itself", () => {
    const judged = { settings: {}, check: () => void readLauncherSettings({ COS_HOST: "no host" }, []) };
    expect(() => readLauncherSettings({}, [judged])).toThrow(/^COS_HOST must be an address/);
    expect(() => readLauncherSettings({ COS_REDIS_LISTEN: "x" }, [judged])).toThrow(/^COS_REDIS_LISTEN /);
  });

  test("COS_HOST is a setting that the help names", async () => {
    const { text } = await ends(["--help"]);
    expect(text).toMatch(/COS_HOST +.*Default: 127\.0\.0\.1\./);
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

describe("where a service is found from this machine", () => {
  const certificate = (...hosts: string[]) => ({ auth: "required" as const, certificate: { file: "/c.pem", hosts } });
  const plain = { auth: "local" as const, certificate: undefined };

  test("one on every address is on loopback too", () => {
    expect(reachedFromHere({ host: "0.0.0.0", port: 1 })).toBe("127.0.0.1:1");
    expect(reachedFromHere({ host: "::", port: 1 })).toBe("[::1]:1");
    expect(reachedFromHere({ host: "192.0.2.7", port: 1 })).toBe("192.0.2.7:1");
    expect(originOf({ host: "::", port: 1 }, plain)).toBe("http://[::1]:1");
  });

  test("with TLS its link has a name that the certificate is for", () => {
    const everywhere = { host: "0.0.0.0", port: 1 };
    expect(originOf(everywhere, certificate("cos.example", "127.0.0.1"))).toBe("https://127.0.0.1:1");
    expect(originOf(everywhere, certificate("cos.example", "localhost"))).toBe("https://localhost:1");
    expect(originOf({ host: "::1", port: 1 }, certificate("localhost", "[::1]"))).toBe("https://[::1]:1");
    expect(originOf(everywhere, certificate("cos.example"))).toBe("https://cos.example:1");
    expect(originOf(everywhere, certificate())).toBe("https://127.0.0.1:1");
  });

  test("the conductor's is where its settings say, and its certificate that of its settings", async () => {
    const { entrance } = SERVICES[0]!;
    expect(entrance({})).toEqual({ auth: "local", certificate: undefined });
    const folder = await makeTlsFolder();
    const { cert, key } = folder.files();
    const env = { COS_HOST: "0.0.0.0", COS_TLS_CERT: cert, COS_TLS_KEY: key };
    const found = entrance({ ...env, COS_CONDUCTOR_HEALTH_LISTEN: "127.0.0.1:9" });
    folder.remove();
    expect(found).toEqual({
      auth: "required",
      certificate: { file: cert, hosts: ["localhost", "127.0.0.1"] },
      health: { host: "127.0.0.1", port: 9 },
    });
  });
});

describe("the table of addresses", () => {
  const conductor: Address = {
    name: "conductor",
    address: "127.0.0.1:50051",
    about: "records",
    serves: true,
    origin: "http://127.0.0.1:50051",
  };

  function tell(addresses: Address[], owner?: OwnersWay): string {
    const lines: string[] = [];
    const paths = { root: "/r", data: "/r/.cos", logs: "/r/.cos/logs", run: "/r/.cos/run" };
    const say = (line: string) => lines.push(stripVTControlCharacters(line));
    tellAddresses({ say, paths, settings: { dataDir: ".cos" } }, addresses, owner);
    return lines.join("\n");
  }

  const told = (...addresses: Address[]) => tell(addresses);

  test("it says who is let in, where the owner's token is, and the link that carries it", () => {
    const owner = { token: "cos_pat_x", file: "/r/.cos/owner-token", service: "conductor", auth: "local" as const };
    const text = tell([conductor], owner);
    expect(text).toMatch(/\n {2}token {6}\/r\/\.cos\/owner-token {2}the owner's/);
    expect(text).toMatch(/\nWhoever calls from this machine may read and record; /);
    expect(text).toMatch(/\nLook, as the owner: {2}http:\/\/127\.0\.0\.1:50051\/#token=cos_pat_x\n/);
    expect(tell([conductor], { ...owner, auth: "required" })).toMatch(/\nNobody is let in without a token/);
    expect(tell([conductor], { ...owner, auth: "insecure" })).toMatch(/COS_AUTH=insecure/);
    expect(tell([{ ...conductor, name: "graph" }], owner)).not.toContain("#token=");
  });

  test("it ends with one thing to try", () => {
    expect(told(conductor)).toMatch(
      /conductor {2}127\.0\.0\.1:50051 {2}records\n.*COS is up\. Try: {2}npx cos record/s,
    );
  });

  test("the thing to try finds a conductor that listens elsewhere", () => {
    expect(told({ ...conductor, origin: "http://127.0.0.1:6000" })).toMatch(
      /Try: {2}COS_CONDUCTOR_ADDRESS=127\.0\.0\.1:6000 npx/,
    );
    expect(told({ ...conductor, origin: "https://localhost:50051" })).toMatch(
      /Try: {2}COS_CONDUCTOR_ADDRESS=https:\/\/localhost:50051 npx/,
    );
    expect(told({ ...conductor, name: "graph" })).toMatch(/Try: {2}npx/);
  });

  test("a certificate whose authority is not known here is remarked on", () => {
    const served = { ...conductor, origin: "https://cos.example:50051", certificate: "/dev/null/server.pem" };
    expect(told(served)).toMatch(/ npx cos record .*\nCOS_TLS_CA must name the authority of .*\nCtrl-C/);
    expect(told(conductor)).not.toContain("COS_TLS_CA");
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
