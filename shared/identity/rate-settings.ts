import { choice, type Setting } from "#shared/config/settings.ts";

/** How often somebody may call. */
export interface Rate {
  /** Calls a second; 0: any number. */
  readonly perSecond: number;
  /** So many more within ten seconds. */
  readonly burst: number;
}

const RATE_MAX = 1_000_000;
const FORM = /^(\d{1,7})(?:\+(\d{1,7}))?$/;

/** `200+2000`: 200 calls a second, and 2,000 more within ten seconds; `0`: no limit. */
function rate(spec: { readonly name: string; readonly about: string; readonly fallback: Rate }): Setting<Rate> {
  return {
    ...spec,
    shown: formatRate(spec.fallback),
    parse(value) {
      const [, perSecond, burst = "0"] = FORM.exec(value) ?? [];
      const found = { perSecond: Number(perSecond), burst: Number(burst) };
      if (perSecond !== undefined && found.perSecond <= RATE_MAX && found.burst <= RATE_MAX) return found;
      throw new Error(
        `must be calls a second and what may come on top, such as 200+2000, each up to ${RATE_MAX}; or 0`,
      );
    },
  };
}

function formatRate({ perSecond, burst }: Rate): string {
  return burst === 0 ? String(perSecond) : `${perSecond}+${burst}`;
}

/**
 * The variables that limit callers. The figures are far above what people and programs do in earnest, and below what would keep others
 * from being served: one process takes some thousands of calls a second. A stream is one call, however much it carries.
 */
export const RATE_SETTINGS = {
  ratePersons: rate({
    name: "COS_RATE_LIMIT_PERSONS",
    about: "How often one person may call: calls a second, and how many more within ten seconds. `0`: no limit.",
    fallback: { perSecond: 1000, burst: 10_000 },
  }),
  rateAgents: rate({
    name: "COS_RATE_LIMIT_AGENTS",
    about: "How often one agent may call, in the same form.",
    fallback: { perSecond: 200, burst: 2000 },
  }),
  rateServices: rate({
    name: "COS_RATE_LIMIT_SERVICES",
    about: "How often one service may call, in the same form.",
    fallback: { perSecond: 5000, burst: 50_000 },
  }),
  rateLocal: rate({
    name: "COS_RATE_LIMIT_LOCAL",
    about: "How often all who call without a token may call together, in the same form.",
    fallback: { perSecond: 0, burst: 0 },
  }),
  rateStore: choice({
    name: "COS_RATE_LIMIT_STORE",
    about:
      "Where calls are counted. `memory`: each process by itself. `redis`: all replicas together; while Redis is away each by itself.",
    fallback: "memory",
    choices: ["memory", "redis"],
  }),
} as const;
