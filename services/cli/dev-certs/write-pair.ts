import { randomBytes } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CertificatePair } from "./make-certificates.ts";

/** Writes `<name>.pem` and `<name>.key` whole, over what may be there; the key is its owner's alone from its first moment. */
export async function writePair(folder: string, name: string, { cert, key }: CertificatePair): Promise<void> {
  await replaceFile(join(folder, `${name}.key`), key, 0o600);
  await replaceFile(join(folder, `${name}.pem`), cert, 0o644);
}

async function replaceFile(path: string, content: string, mode: number): Promise<void> {
  const fresh = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(fresh, content, { mode, flag: "wx" });
  await rename(fresh, path);
}
