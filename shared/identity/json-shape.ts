/**
 * Shapes of values in a JSON file that people write: small readers that compose, and that tell every fault of a file at once,
 * each with its path.
 */

/** Hears of a fault: where it is (`jwt[0].issuer`, empty: the whole), and what is wanted there. */
export type Tell = (path: string, wanted: string) => void;

/** How a value becomes what the code uses. What it gives after it has told of a fault is of no use to anybody. */
export interface Shape<T> {
  read(value: unknown, path: string, tell: Tell): T;
  /** Gives what stands for a member that is missing; absent: the member is required. */
  readonly fallback?: () => T;
}

type Members = Readonly<Record<string, Shape<unknown>>>;
type ObjectOf<M extends Members> = { readonly [K in keyof M]: M[K] extends Shape<infer T> ? T : never };

const nothing = undefined as never;

/** A text that `parse` knows what to do with; undefined: it does not. `wanted` is the rest of a sentence: `must be a URL`. */
export function textOf<T = string>(wanted: string, parse: (text: string) => T | undefined): Shape<T> {
  return {
    read(value, path, tell) {
      const parsed = typeof value === "string" ? parse(value) : undefined;
      if (parsed === undefined) tell(path, wanted);
      return parsed ?? nothing;
    },
  };
}

/** A text of a form. */
export function textLike(form: RegExp, wanted: string): Shape<string> {
  return textOf(wanted, (text) => (form.test(text) ? text : undefined));
}

/** One of a few words, and what it stands for. */
export function wordOf<T>(words: ReadonlyMap<string, T>): Shape<T> {
  return textOf(`must be one of ${[...words.keys()].join(", ")}`, (word) => words.get(word));
}

/** A member that may be missing. */
export function optional<T, F>(shape: Shape<T>, fallback: F): Shape<T | F> {
  return { read: shape.read, fallback: () => fallback };
}

/** A list, of at least so many. */
export function listOf<T>(item: Shape<T>, least = 0): Shape<readonly T[]> {
  return {
    read(value, path, tell) {
      if (!Array.isArray(value) || value.length < least) {
        tell(path, least === 0 ? "must be a list" : `must be a list of at least ${least}`);
        return [];
      }
      return value.map((each, n) => item.read(each, `${path}[${n}]`, tell));
    },
  };
}

/** An object whose keys the writer chooses, as a map. */
export function mapOf<T>(key: Shape<string>, item: Shape<T>): Shape<ReadonlyMap<string, T>> {
  return {
    read(value, path, tell) {
      if (!isObject(value)) {
        tell(path, "must be an object");
        return new Map();
      }
      const entries = Object.entries(value).map(([name, each]) => {
        const at = memberPath(path, name);
        return [key.read(name, at, tell), item.read(each, at, tell)] as const;
      });
      return new Map(entries);
    },
  };
}

/** An object with these members and no others. */
export function objectOf<M extends Members>(members: M): Shape<ObjectOf<M>> {
  return {
    read(value, path, tell) {
      if (!isObject(value)) {
        tell(path, "must be an object");
        return nothing;
      }
      for (const name of Object.keys(value)) {
        if (!Object.hasOwn(members, name)) {
          tell(memberPath(path, name), `is not known here; known are ${Object.keys(members).join(", ")}`);
        }
      }
      const read = Object.entries(members).map(([name, shape]) => {
        if (Object.hasOwn(value, name)) return [name, shape.read(value[name], memberPath(path, name), tell)];
        if (shape.fallback === undefined) tell(memberPath(path, name), "is missing");
        return [name, shape.fallback?.()];
      });
      return Object.fromEntries(read) as ObjectOf<M>;
    },
  };
}

/** Reads a value, or gives the faults, each as a line that begins with its path. */
export function readShape<T>(
  shape: Shape<T>,
  value: unknown,
): { readonly value: T; readonly faults: readonly string[] } {
  const faults: string[] = [];
  const read = shape.read(value, "", (path, wanted) => faults.push(`${path === "" ? "the file" : path} ${wanted}`));
  return { value: read, faults };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function memberPath(path: string, name: string): string {
  if (!/^[\w$]+$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}
