import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { LaunchFault } from "#deploy/local/launch-fault.ts";
import { readOwnerToken, writeOwnerToken } from "#deploy/local/owner-token-file.ts";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { makeApiToken } from "#shared/auth/api-token.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

const base = await temporaryFolder();
const newFile = () => join(mkdtempSync(join(base, "d")), "owner-token");
const newToken = () => makeApiToken(PrincipalKind.PERSON);

describe("the owner's token in its file", () => {
  test("is written for its owner alone, whatever was there, and leaves no draft", () => {
    const file = newFile();
    writeFileSync(file, "something else", { mode: 0o644 });
    const token = newToken();
    writeOwnerToken(file, token);
    expect(readFileSync(file, "utf8")).toBe(`${token}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(file, ".."))).toEqual(["owner-token"]);
    expect(readOwnerToken(file)).toBe(token);
  });

  test("takes the place of a link, and leaves alone what it led to", () => {
    const [file, elsewhere] = [newFile(), newFile()];
    writeFileSync(elsewhere, "mine");
    symlinkSync(elsewhere, file);
    writeOwnerToken(file, newToken());
    expect(readFileSync(elsewhere, "utf8")).toBe("mine");
  });

  test("a draft that an earlier start left is in nobody's way", () => {
    const file = newFile();
    writeFileSync(`${file}.${process.pid}`, "half");
    const token = newToken();
    writeOwnerToken(file, token);
    expect(readOwnerToken(file)).toBe(token);
  });

  test("is not written where others could replace it", () => {
    const file = newFile();
    const folder = join(file, "..");
    chmodSync(folder, 0o775);
    expect(() => writeOwnerToken(file, newToken())).toThrow(
      new LaunchFault(`COS_DATA_DIR: others may write to ${folder}: chmod go-w ${folder}`),
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test("is not written into somebody else's folder", () => {
    const { geteuid } = process;
    process.geteuid = () => 4_294_967;
    try {
      expect(() => writeOwnerToken(newFile(), newToken())).toThrow(/belongs to somebody else/);
    } finally {
      process.geteuid = geteuid!;
    }
  });
});

describe("a token is not taken from", () => {
  const token = newToken();

  test("a file that is not there, or a folder", () => {
    const file = newFile();
    expect(readOwnerToken(file)).toBeUndefined();
    mkdirSync(file);
    expect(readOwnerToken(file)).toBeUndefined();
  });

  test.each(["640", "604", "620"])("a file of mode %s, which others may read or write", (mode) => {
    const file = newFile();
    writeFileSync(file, token);
    chmodSync(file, mode);
    expect(readOwnerToken(file)).toBeUndefined();
  });

  test("a link", () => {
    const [file, elsewhere] = [newFile(), newFile()];
    writeOwnerToken(elsewhere, token);
    symlinkSync(elsewhere, file);
    expect(readOwnerToken(file)).toBeUndefined();
  });

  test("a file that holds something else", () => {
    const file = newFile();
    writeOwnerToken(file, `${token}x`);
    expect(readOwnerToken(file)).toBeUndefined();
  });
});
