import { delimiter, join } from "node:path";
import { isExecutable } from "./is-executable.ts";

/** What distributions call it: Redis itself, Amazon Linux's package of it, and the fork that speaks the same. */
const NAMES = ["redis-server", "redis6-server", "valkey-server"];

/** Homebrew's folders are often missing from the PATH of programs that no shell started. */
const FURTHER_FOLDERS = ["/usr/local/bin", "/opt/homebrew/bin", "/usr/sbin", "/usr/local/sbin"];

/** The full path of a Redis server on this machine, or undefined. */
export function findRedis(path: string = process.env.PATH ?? ""): string | undefined {
  const folders = [...path.split(delimiter).filter((folder) => folder !== ""), ...FURTHER_FOLDERS];
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}
