import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import type { EpochRecord } from "./log-port.ts";
import { type ResumePlaces, unpackPlaces } from "./resume-places.ts";

/** The places of a token, with the epoch that they were read from. */
export interface TokenPlaces extends ResumePlaces {
  readonly epoch: string;
}

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const PLAIN_VERSION = 1;
const SEALED_VERSION = 2;
const CHECKSUM_BYTES = 4;

/**
 * In clear: version, epoch; then a nonce, the packed places sealed by AES-256-GCM (NIST SP 800-38D) with the epoch's key, and the tag,
 * which covers the clear part too; all of it in base64url.
 *
 * It is sealed because dense module numbers would tell how many modules there are, also to one who may read few of them. It is
 * no right: whoever resumes is judged anew, and a forged token could only name places that cursors could name as well. So a nonce that
 * chance gives twice does no harm worth a longer one.
 */
export function encodeResumeToken({ identity, tokenKey }: EpochRecord, packed: Uint8Array): string {
  const head = headOf(SEALED_VERSION, identity);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, tokenKey, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(head);
  const sealed = cipher.update(packed);
  cipher.final();
  return Buffer.concat([head, nonce, sealed, cipher.getAuthTag()]).toString("base64url");
}

/** Reads a token of one of the epochs; undefined if it is not one, or not as it was given out. */
export function decodeResumeToken(token: string, epochs: readonly EpochRecord[]): TokenPlaces | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(token)) {
    return undefined;
  }
  const bytes = Buffer.from(token, "base64url");
  const bodyAt = 2 + (bytes[1] ?? 0);
  const identity = bytes.toString("latin1", 2, bodyAt);
  const epoch = epochs.find((candidate) => candidate.identity === identity);
  if (epoch === undefined) {
    return undefined;
  }
  const places = bytes[0] === SEALED_VERSION ? openSealed(epoch, bytes, bodyAt) : readPlain(bytes, bodyAt);
  return places && { epoch: identity, known: places.known, places: places.places };
}

function headOf(version: number, identity: string): Buffer {
  return Buffer.concat([Buffer.of(version, identity.length), Buffer.from(identity, "latin1")]);
}

function openSealed({ tokenKey }: EpochRecord, bytes: Buffer, bodyAt: number): ResumePlaces | undefined {
  const sealedAt = bodyAt + NONCE_BYTES;
  const tagAt = bytes.length - TAG_BYTES;
  if (tagAt < sealedAt) {
    return undefined;
  }
  const nonce = bytes.subarray(bodyAt, sealedAt);
  const cipher = createDecipheriv(CIPHER, tokenKey, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(bytes.subarray(0, bodyAt));
  cipher.setAuthTag(bytes.subarray(tagAt));
  const packed = cipher.update(bytes.subarray(sealedAt, tagAt));
  try {
    cipher.final();
  } catch {
    // Cut, changed, or sealed with another key.
    return undefined;
  }
  return unpackPlaces(packed);
}

/** The form that was given out before tokens were sealed: the places without padding, then a CRC-32 of all before it. */
function readPlain(bytes: Buffer, bodyAt: number): ResumePlaces | undefined {
  const length = bytes.length - CHECKSUM_BYTES;
  const isWhole = length >= bodyAt && crc32(bytes.subarray(0, length)) === bytes.readUInt32LE(length);
  if (bytes[0] !== PLAIN_VERSION || !isWhole) {
    return undefined;
  }
  const places = unpackPlaces(bytes.subarray(bodyAt, length));
  return places?.end === length - bodyAt ? places : undefined;
}
