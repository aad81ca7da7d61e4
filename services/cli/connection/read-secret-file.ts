import { open } from "node:fs/promises";

export interface SecretFile {
  readonly text: string;
  /** Whether others on this machine may read it too. */
  readonly isShared: boolean;
}

/** Reads a file that should be its owner's alone. Throws what `node:fs` throws. */
export async function readSecretFile(path: string): Promise<SecretFile> {
  const file = await open(path);
  try {
    const { mode } = await file.stat();
    return { text: await file.readFile("utf8"), isShared: (mode & 0o077) !== 0 };
  } finally {
    await file.close();
  }
}

/** What to say of such a file that others may read. */
export function sharedWarning(path: string): string {
  return `${path} can be read by others: \`chmod 600 ${path}\` keeps it to yourself`;
}
