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

/** The names of the variables of some specs, each once. */
export function namesOf(...specs: readonly Spec[]): string[] {
  return [...new Set(specs.flatMap((spec) => Object.values(spec).map(({ name }) => name)))];
}

const DISTANCE_MAX = 4;

/** A `COS_` variable that nobody reads. */
export interface UnknownVariable {
  readonly name: string;
  /** The name that was meant, if one is near. */
  readonly meant: string | undefined;
  /** What to say of it. */
  readonly warning: string;
}

/** The `COS_` variables of an environment that are not among the known names. */
export function unknownVariables(env: Environment, known: readonly string[]): UnknownVariable[] {
  const names = new Set(known);
  return Object.keys(env)
    .filter((name) => name.startsWith("COS_") && !name.startsWith("COS_TEST_") && !names.has(name))
    .sort()
    .map((name) => {
      const meant = closest(name, known);
      const warning = `${name} is not known${meant === undefined ? "" : `: did you mean ${meant}?`}`;
      return { name, meant, warning };
    });
}

function closest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: leven(name, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= DISTANCE_MAX ? best.candidate : undefined;
}
