import { integer, listen } from "#shared/config/settings.ts";
import { type Environment, migrationUrl, readService, type ServiceSettings } from "#shared/service/read-service.ts";
import {
  healthListen,
  ownPostgresUrl,
  POSTGRES_OWNER_URL,
  SERVICE_SETTINGS,
} from "#shared/service/service-settings.ts";

const MIB = 1024 * 1024;

/** Every variable that the conductor reads. */
export const CONDUCTOR_SETTINGS = {
  listen: listen({
    name: "COS_CONDUCTOR_LISTEN",
    about: "Where the conductor listens.",
    fallback: { host: "127.0.0.1", port: 50_051 },
  }),
  healthListen: healthListen({
    name: "COS_CONDUCTOR_HEALTH_LISTEN",
    about:
      "Where the conductor answers health checks without TLS, and nothing else; for orchestrators that speak none.",
  }),
  ownPostgresUrl: ownPostgresUrl(
    "COS_CONDUCTOR_POSTGRES_URL",
    "The PostgreSQL of the conductor's schema, if it is another one than `COS_POSTGRES_URL`.",
  ),
  ...SERVICE_SETTINGS,
  highwayEntriesMax: integer({
    name: "COS_HIGHWAY_ENTRIES_MAX",
    about: "How many events Redis keeps of a module.",
    fallback: 20_000,
    min: 100,
    max: 1_000_000,
  }),
  highwayModuleBytesMax: integer({
    name: "COS_HIGHWAY_MODULE_BYTES_MAX",
    about: "How many bytes of events Redis keeps of a module.",
    fallback: 16 * MIB,
    min: MIB,
    max: 4096 * MIB,
  }),
  highwayBytesMax: integer({
    name: "COS_HIGHWAY_BYTES_MAX",
    about: "How many bytes of events Redis keeps in all.",
    fallback: 256 * MIB,
    min: MIB,
    max: 65_536 * MIB,
  }),
} as const;

/** What a migration reads beside: it may run as another role than the conductor. */
export const MIGRATION_SETTINGS = {
  ownPostgresUrl: CONDUCTOR_SETTINGS.ownPostgresUrl,
  postgresUrl: CONDUCTOR_SETTINGS.postgresUrl,
  ownerUrl: POSTGRES_OWNER_URL,
} as const;

export type ConductorSettings = ServiceSettings<typeof CONDUCTOR_SETTINGS>;

/** The database to migrate, as the role that may. Throws SettingsError. */
export function readMigrationUrl(env: Environment): string {
  return migrationUrl(env, CONDUCTOR_SETTINGS);
}

/** Reads the conductor's settings; throws SettingsError with every fault at once. */
export function readConductorSettings(env: Environment): ConductorSettings {
  return readService(env, CONDUCTOR_SETTINGS);
}
