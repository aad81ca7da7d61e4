import { hash } from "node:crypto";

/**
 * A UUID that follows from its parts (RFC 9562, version 8): the first 122 bits of their SHA-256, with the version and variant set. Parts
 * may hold anything: each is preceded by its length.
 */
export function idOf(...parts: readonly string[]): string {
  const digest = hash("sha256", parts.map((part) => `${part.length}:${part}`).join(""), "hex");
  const variant = ((Number.parseInt(digest[16] as string, 16) & 0x3) | 0x8).toString(16);
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}
