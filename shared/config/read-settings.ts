import leven from "leven";
import type { Setting } from "./settings.ts";

/** The variables that a process reads, by the name its code uses. */
export type Spec = Readonly<Record<string, Setting<unknown>>>;

/** The values of a spec. */
export type Settings<S extends Spec> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/** Every fault of the environment at once; the process prints the lines and exits with 2. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  /** One line a fault, each naming its variable. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join("\n"));
    this.faults = faults;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a spec from the environment into a frozen object. An empty variable counts as unset. */
export function readSettings<S extends Spec>(env: Environment, spec: S): Settings<S> {
  const faults: string[] = [];
  const entries = Object.entries(spec).map(([key, setting]) => {
    const given = env[setting.name];
    if (given === undefined || given === "") return [key, setting.fallback];
    try {
      return [key, setting.parse(given.trim())];
    } catch (error) {
      faults.push(`${setting.name} ${(error as Error).message}`);
      return [key, undefined];
    }
  });
  if (faults.length > 0) throw new SettingsError(faults);
  return Object.freeze(Object.fromEntries(entries)) as Settings<S>;
}

const DISTANCE_MAX = 4;

/**
 * Warnings for `COS_` variables that nobody reads, with the nearest name that somebody does.
 *
 * `known` are the names of all processes, since they share an environment.
 */
export function unknownVariables(env: Environment, known: readonly string[]): string[] {
  const names = new Set(known);
  return Object.keys(env)
    .filter((name) => name.startsWith("COS_") && !name.startsWith("COS_TEST_") && !names.has(name))
    .sort()
    .map((name) => {
      const nearest = closest(name, known);
      return nearest === undefined ? `${name} is not known` : `${name} is not known: did you mean ${nearest}?`;
    });
}

/**
 * Warnings for `COS_` variables that look like a slip of one of `known`, those that a single process reads. What is
 * farther off may be meant for another process.
 */
export function misspeltVariables(env: Environment, known: readonly string[]): string[] {
  return unknownVariables(env, known).filter((warning) => warning.includes("did you mean"));
}

function closest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: leven(name, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= DISTANCE_MAX ? best.candidate : undefined;
}
