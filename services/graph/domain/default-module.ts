const DEFAULT_MODULE = "cc";

/** The module that a request is about: the one it names, else `cc`. */
export function moduleOr(named: string): string {
  return named === "" ? DEFAULT_MODULE : named;
}
