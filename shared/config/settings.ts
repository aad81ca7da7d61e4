/** One variable of the environment: how its text becomes a value, and what people are told about it. */
export interface Setting<T> {
  /** The variable, `COS_CONDUCTOR_LISTEN`. */
  readonly name: string;
  /** What it decides, with its unit; shown in docs/configuration.md. */
  readonly about: string;
  /** The default as people would write it; shown in docs/configuration.md. Empty: none. */
  readonly shown: string;
  /** The value when the variable is unset or empty. */
  readonly fallback: T;
  /** The value of a text. Throws an Error whose message says what is wanted. */
  parse(text: string): T;
}

interface Described<T> {
  readonly name: string;
  readonly about: string;
  readonly fallback: T;
}

/** Any text. */
export function text<T extends string | undefined>(spec: Described<T>): Setting<T | string> {
  return { ...spec, shown: spec.fallback ?? "", parse: (value) => value };
}

/** A whole number within bounds. */
export function integer(spec: Described<number> & { min: number; max: number }): Setting<number> {
  return {
    ...spec,
    shown: String(spec.fallback),
    parse(value) {
      const number = Number(value);
      if (/^-?\d+$/.test(value) && number >= spec.min && number <= spec.max) return number;
      throw new Error(`must be a whole number from ${spec.min} to ${spec.max}`);
    },
  };
}

const DURATION_UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A length of time such as `250ms`, `30s`, `5m`, `1h`; the value is in milliseconds. */
export function durationMs(spec: Described<number> & { min: number; max: number }): Setting<number> {
  return {
    ...spec,
    shown: formatDuration(spec.fallback),
    parse(value) {
      const match = /^(\d+)(ms|s|m|h|d)$/.exec(value);
      const ms = match ? Number(match[1]) * DURATION_UNITS_MS[match[2] as keyof typeof DURATION_UNITS_MS] : Number.NaN;
      if (ms >= spec.min && ms <= spec.max) return ms;
      const range = `from ${formatDuration(spec.min)} to ${formatDuration(spec.max)}`;
      throw new Error(`must be a duration such as 250ms, 30s, 5m or 1h, ${range}`);
    },
  };
}

function formatDuration(ms: number): string {
  for (const unit of ["d", "h", "m", "s"] as const) {
    const size = DURATION_UNITS_MS[unit];
    if (ms > 0 && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/** One of a few words. */
export function choice<const T extends string>(
  spec: Described<NoInfer<T>> & { readonly choices: readonly T[] },
): Setting<T> {
  return {
    ...spec,
    shown: spec.fallback,
    parse(value) {
      const found = spec.choices.find((candidate) => candidate === value);
      if (found !== undefined) return found;
      throw new Error(`must be one of ${spec.choices.join(", ")}`);
    },
  };
}

/** Words separated by commas. */
export function list(spec: Described<readonly string[]>): Setting<readonly string[]> {
  return {
    ...spec,
    shown: spec.fallback.join(","),
    parse: (value) =>
      value
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== ""),
  };
}

/** A URL of one of the schemes; several hosts, as PostgreSQL, Sentinel and Cluster take them, are allowed. */
export function url<T extends string | undefined>(
  spec: Described<T> & { readonly schemes: readonly string[] },
): Setting<T | string> {
  const shape = /^([a-z][a-z0-9+.-]*):\/\/(?:[^\s/?#@]*@)?([^\s/?#@]+)(?:[/?#]\S*)?$/;
  return {
    ...spec,
    shown: spec.fallback ?? "",
    parse(value) {
      const [, scheme, hosts] = shape.exec(value) ?? [];
      const wanted = `must be a URL such as ${spec.schemes[0]}://host:port`;
      if (scheme === undefined || hosts === undefined || !spec.schemes.includes(scheme)) throw new Error(wanted);
      if (hosts.split(",").every(isHost)) return value;
      throw new Error(`${wanted}; a port is from 1 to 65535`);
    },
  };
}

function isHost(value: string): boolean {
  const [, port] = /^(?:\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(\d+))?$/.exec(value) ?? ["", "0"];
  return port === undefined || isPort(Number(port));
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/** Where a server listens. */
export interface Listen {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** `host:port`, with IPv6 addresses in brackets; port 0 is any free one. */
export function listen(spec: Described<Listen>): Setting<Listen> {
  return {
    ...spec,
    shown: formatListen(spec.fallback),
    parse(value) {
      const [, ipv6, name, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(value) ?? [];
      const host = ipv6 ?? name;
      const port = Number(digits);
      if (host !== undefined && (port === 0 || isPort(port))) return { host, port };
      throw new Error("must be host:port, such as 127.0.0.1:50051");
    },
  };
}

/** `host:port` as people write it. */
export function formatListen({ host, port }: Listen): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
