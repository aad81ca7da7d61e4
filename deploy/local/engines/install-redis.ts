import { type Machine, thisMachine } from "./machine.ts";

/** How a package manager is asked for Redis: one command after the other. */
interface PackageManager {
  readonly program: string;
  readonly commands: readonly (readonly string[])[];
  /** Homebrew refuses root; the others need it. */
  readonly asUser?: boolean;
}

const PACKAGE_MANAGERS: readonly PackageManager[] = [
  {
    program: "apt-get",
    commands: [
      ["apt-get", "update", "-q"],
      ["apt-get", "install", "-y", "-q", "--no-install-recommends", "redis-server"],
    ],
  },
  { program: "dnf", commands: [["dnf", "install", "-y", "redis"]] },
  { program: "yum", commands: [["yum", "install", "-y", "redis"]] },
  { program: "apk", commands: [["apk", "add", "redis"]] },
  { program: "pacman", commands: [["pacman", "-S", "--noconfirm", "valkey"]] },
  { program: "zypper", commands: [["zypper", "--non-interactive", "install", "redis"]] },
  { program: "brew", commands: [["brew", "install", "redis"]], asUser: true },
];

interface InstallOptions {
  readonly logFile: string;
  readonly say: (line: string) => void;
  readonly machine?: Machine;
}

/**
 * Installs Redis with the system's package manager.
 *
 * Answers with the program's path, or says exactly what to type and answers with undefined: COS runs without, too.
 */
export async function installRedis(options: InstallOptions): Promise<string | undefined> {
  const { logFile, say, machine = thisMachine } = options;
  const manager = PACKAGE_MANAGERS.find(({ program }) => machine.has(program));
  if (manager === undefined) {
    say("Redis is missing, and no package manager that COS knows is here: install redis-server, then start again");
    return undefined;
  }
  const prefix = commandPrefix(manager, machine);
  if (prefix === undefined) {
    say(`Redis is missing, and installing it needs an administrator. Type: ${typed(manager)}`);
    return undefined;
  }
  for (const command of manager.commands) {
    say(`Redis is missing; installing it: ${command.join(" ")}`);
    const code = await machine.run([...prefix, ...command], logFile);
    if (code !== 0) say(`${command.join(" ")} ended with ${code}, see ${logFile}`);
  }
  const found = machine.findRedis();
  if (found === undefined) say(`Redis could not be installed. Type: ${typed(manager)}`);
  return found;
}

/** What has to stand before the command; undefined when we may not run it at all. */
function commandPrefix(manager: PackageManager, machine: Machine): string[] | undefined {
  if (manager.asUser) return machine.isRoot() ? undefined : [];
  if (machine.isRoot()) return [];
  return machine.maySudo() ? ["sudo", "-n"] : undefined;
}

function typed({ commands, asUser }: PackageManager): string {
  return commands.map((command) => `${asUser ? "" : "sudo "}${command.join(" ")}`).join(" && ");
}
