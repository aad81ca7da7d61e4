import { hash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 62^43 is more than 2^256. */
const SECRET_DIGITS = 43;
const CHECK_DIGITS = 6;
const TOKEN = /^cos_(?:pat|agt|svc|ses)_[0-9A-Za-z]{49}$/;

const MARKS: Readonly<Partial<Record<PrincipalKind, string>>> = {
  [PrincipalKind.PERSON]: "pat",
  [PrincipalKind.AGENT]: "agt",
  [PrincipalKind.SERVICE]: "svc",
};

/**
 * A new token, `cos_agt_` and 49 digits: 256 bits of chance and their checksum, so that a mistyped or made-up one is refused
 * without a look-up, and secret scanners know ours from others.
 */
export function makeApiToken(kind: PrincipalKind): string {
  const mark = MARKS[kind];
  if (mark === undefined) throw new TypeError("a token is made for a person, an agent or a service");
  const body = `cos_${mark}_${digitsOf(BigInt(`0x${randomBytes(32).toString("hex")}`), SECRET_DIGITS)}`;
  return body + checkDigits(body);
}

/** Whether a text is a token in form, its checksum included; says nothing of whether it is known. */
export function isApiToken(text: string): boolean {
  return TOKEN.test(text) && checkDigits(text.slice(0, -CHECK_DIGITS)) === text.slice(-CHECK_DIGITS);
}

/** What is stored of a token: its SHA-256. A secret of 256 bits needs no slow hash. */
export function hashOfApiToken(token: string): Buffer {
  return hash("sha256", token, "buffer");
}

function checkDigits(body: string): string {
  return digitsOf(BigInt(crc32(body)), CHECK_DIGITS);
}

function digitsOf(value: bigint, count: number): string {
  let digits = "";
  for (let left = value; digits.length < count; left /= 62n) digits = DIGITS[Number(left % 62n)] + digits;
  return digits;
}
