import { accessSync, constants } from "node:fs";

/** Whether a path is a program that this process may run. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
