import { choice, type Setting, text } from "#shared/config/settings.ts";
import { AUTH_MODES, type AuthMode } from "./auth-mode.ts";
import { RATE_SETTINGS } from "./rate-settings.ts";

const AUTH: Setting<AuthMode | undefined> = {
  ...choice({
    name: "COS_AUTH",
    about:
      "Who is let in without a token. `local`: whoever is on this machine, to read and record. `required`: nobody, but for health checks. `insecure`: as `local` on any address, with a warning. `local` and `COS_TLS=upstream` exclude each other.",
    fallback: "required",
    choices: AUTH_MODES,
  }),
  // What it is depends on where the listeners are: authModeOf.
  shown: "local on loopback with nothing before it, else required",
  fallback: undefined,
};

/** The variables that say who is let in, and how often. */
export const IDENTITY_SETTINGS = {
  auth: AUTH,
  authPolicy: text({
    name: "COS_AUTH_POLICY",
    about:
      "The file (JSON) that names the issuers of JWTs, the client certificates and the services that are believed, with what each may do. Unset: none.",
    fallback: undefined,
  }),
  ...RATE_SETTINGS,
} as const;
