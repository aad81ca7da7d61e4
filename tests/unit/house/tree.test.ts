import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";

const root = join(import.meta.dirname, "../../..");
const linesMax = 400;

/** What is committed or would be; a file deleted in the working tree is gone. */
const files = String(
  execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    maxBuffer: 64 * 2 ** 20,
  }),
)
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));

/** Vendored contracts, generated code and lists: not written by hand. */
const isWritten = (file: string): boolean =>
  !/^(?:gen\/|proto\/(?:buf|google|grpc)\/|package-lock\.json$|\.oxlintrc\.json$|LICENSE$)/.test(file);
const isCode = (file: string): boolean => isWritten(file) && /\.(?:ts|js|mjs|sql|proto|lua|sh)$|^\.ci\//.test(file);
const isText = (file: string): boolean => !/\.(?:png|jpg|gz|ico|woff2)$/.test(file);

/** `file:line` of every line that says something. */
const linesWith = (wanted: RegExp, among: (file: string) => boolean): string[] =>
  files.filter(among).flatMap((file) =>
    readFileSync(join(root, file), "utf8")
      .split("\n")
      .flatMap((line, index) => (wanted.test(line) ? [`${file}:${index + 1} ${line.trim().slice(0, 100)}`] : [])),
  );

describe("the tree", () => {
  test("names no path of a machine it was written on", () => {
    expect(linesWith(/(?<![\w.~-])[/](?:work|home\/[a-z][\w-]*|root|Users\/[A-Za-z][\w-]*)[/](?!\$)/, isText)).toEqual(
      [],
    );
  });

  test("names no package registry", () => {
    const hosts = /\b(?:registry[.](?:npmjs|yarnpkg)[.]|files[.]pythonhosted[.]|proxy[.]golang[.]|artifactor[y])/;
    expect(linesWith(hosts, isText)).toEqual([]);
    expect(linesWith(/"resolved":/, (file) => file === "package-lock.json")).toEqual([]);
  });

  test("has no drawers: a file is named for what it holds", () => {
    const drawer = /(?:^|\/)(?:utils?|helpers?|commons?|misc|stuff|lib)(?:\.[a-z]+|\/)/;
    expect(files.filter((file) => isWritten(file) && drawer.test(file))).toEqual([]);
  });

  test(`has no file of more than ${linesMax} lines`, () => {
    const length = (file: string) => readFileSync(join(root, file), "utf8").split("\n").length;
    expect(files.filter((file) => isCode(file) && length(file) > linesMax)).toEqual([]);
  });

  test("has no barrels: a name is imported from the file that says it", () => {
    expect(linesWith(/^export \* /, isCode)).toEqual([]);
    expect(files.filter((file) => isCode(file) && /\/index\.[a-z]+$/.test(file))).toEqual([]);
  });

  test("puts nothing off in a comment", () => {
    expect(linesWith(/(?:\/\/|--|#|\*).*\b(?:TO[D]O|FIX[M]E|XX[X]|HAC[K])\b/, isCode)).toEqual([]);
  });

  test("skips no test by hand: what a machine lacks is asked for with needs()", () => {
    const skip = /\b(?:test|it|describe)[.](?:skip|only|todo)\(|\b(?:x|f)(?:it|describe|test)\(/;
    expect(linesWith(skip, (file) => file.endsWith(".test.ts"))).toEqual([]);
  });
});
