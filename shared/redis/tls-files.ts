import { readFileSync } from "node:fs";

/** Whom the server's certificate must come from (unset: whomever Node trusts), and the client's own with its key. */
export type RedisTlsFiles = Partial<Readonly<Record<"ca" | "cert" | "key", string>>>;

/** Reads a URL's `ca`, `cert` and `key`; throws a TypeError. */
export function parseTlsFiles(parameters: URLSearchParams, isTls: boolean): RedisTlsFiles {
  const known = ["ca", "cert", "key"] as const;
  const files = known.flatMap((name) => {
    const path = parameters.get(name);
    return path === null ? [] : [[name, path] as const];
  });
  const given: RedisTlsFiles = Object.fromEntries(files);
  if (!isTls && files.length > 0) {
    throw new TypeError(`${files.map(([name]) => name).join(", ")} in a Redis URL need TLS: an \`s\` after \`redis\``);
  }
  if ((given.cert === undefined) !== (given.key === undefined)) {
    throw new TypeError("cert and key of a Redis URL go together");
  }
  return given;
}

/** Reads the files; throws a TypeError that names the parameter. */
export function readTlsFiles(files: RedisTlsFiles): Record<string, string> {
  const contents = Object.entries(files).map(([name, path]) => {
    try {
      return [name, readFileSync(path, "utf8")];
    } catch (error) {
      throw new TypeError(`${name} cannot be read: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
    }
  });
  return Object.fromEntries(contents) as Record<string, string>;
}
