import { CLIENT_SETTINGS } from "#shared/config/client-settings.ts";
import { NEO4J_SETTINGS, neo4jFaults } from "#shared/config/neo4j-settings.ts";
import { listen, text } from "#shared/config/settings.ts";
import { type Environment, migrationUrl, readService, type ServiceSettings } from "#shared/service/read-service.ts";
import {
  healthListen,
  ownPostgresUrl,
  POSTGRES_OWNER_URL,
  SERVICE_SETTINGS,
} from "#shared/service/service-settings.ts";

const { conductorAddress, tlsCa, tlsClientCert, tlsClientKey } = CLIENT_SETTINGS;

/** Every variable that the graph reads. */
export const GRAPH_SETTINGS = {
  listen: listen({
    name: "COS_GRAPH_LISTEN",
    about: "Where the graph listens.",
    fallback: { host: "127.0.0.1", port: 50_052 },
  }),
  healthListen: healthListen({
    name: "COS_GRAPH_HEALTH_LISTEN",
    about: "Where the graph answers health checks without TLS, and nothing else; for orchestrators that speak none.",
  }),
  ownPostgresUrl: ownPostgresUrl(
    "COS_GRAPH_POSTGRES_URL",
    "The PostgreSQL of the graph's schema, if it is another one than `COS_POSTGRES_URL`. Tokens are looked up in the latter.",
  ),
  ...SERVICE_SETTINGS,
  ...NEO4J_SETTINGS,
  conductorAddress: {
    ...conductorAddress,
    about:
      "Where the `cos` command and the graph find the conductor: `host:port`, or `https://host:port`. With a `COS_TLS_CA` or a client certificate it is TLS in either form.",
  },
  tlsCa,
  tlsClientCert,
  tlsClientKey,
  serviceKey: text({
    name: "COS_GRAPH_SERVICE_KEY",
    about:
      "The file of the key (Ed25519, PEM) with which the graph signs its calls of the conductor; the policy knows its other half as the service `graph`. Nobody else may read it. Unset: it calls without a token, and nothing can be made by hand.",
    fallback: undefined,
  }),
} as const;

/** What a migration reads beside: it may run as another role than the graph. */
export const MIGRATION_SETTINGS = {
  ownPostgresUrl: GRAPH_SETTINGS.ownPostgresUrl,
  postgresUrl: GRAPH_SETTINGS.postgresUrl,
  ownerUrl: POSTGRES_OWNER_URL,
} as const;

export type GraphSettings = ServiceSettings<typeof GRAPH_SETTINGS>;

/** The database to migrate, as the role that may. Throws SettingsError. */
export function readMigrationUrl(env: Environment): string {
  return migrationUrl(env, GRAPH_SETTINGS);
}

/** Reads the graph's settings; throws SettingsError with every fault at once. */
export function readGraphSettings(env: Environment): GraphSettings {
  return readService(env, GRAPH_SETTINGS, neo4jFaults);
}
