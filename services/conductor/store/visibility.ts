import type { Scope } from "#shared/auth/scope.ts";

/** The scope as a parameter: null for all modules. `($n::text[] is null or module = any($n))` is its condition. */
export function scopeParameter(scope: Scope): string[] | null {
  return scope.modules === "all" ? null : [...scope.modules];
}
