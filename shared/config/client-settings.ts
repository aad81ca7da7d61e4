import { type Setting, text } from "./settings.ts";

const ADDRESS = /^(?:https?:\/\/|dns:\/{2,3})?(?:\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):(\d{1,5})$/;

/** `host:port`, the same behind `https://`, or a target that gRPC resolves by itself, such as `dns:///conductor.cos:50051`. */
export function parseServerAddress(value: string): string {
  const [, port] = ADDRESS.exec(value) ?? [];
  if (Number(port) >= 1 && Number(port) <= 65_535) return value;
  throw new Error("must be host:port, such as 127.0.0.1:50051, or https://host:port");
}

/** A token as a header carries it. Throws without repeating it. */
export function parseToken(value: string): string {
  if (/^[\x21-\x7e]{1,8192}$/.test(value)) return value;
  throw new Error("must be a token alone: visible characters without spaces");
}

const conductorAddress: Setting<string> = {
  name: "COS_CONDUCTOR_ADDRESS",
  about:
    "Where the `cos` command finds the conductor: `host:port`, or `https://host:port`. With a `COS_TLS_CA` or a client certificate it is TLS in either form.",
  shown: "127.0.0.1:50051",
  fallback: "127.0.0.1:50051",
  parse: parseServerAddress,
};

const graphAddress: Setting<string> = {
  name: "COS_GRAPH_ADDRESS",
  about: "Where the `cos` command finds the graph, in the same form as `COS_CONDUCTOR_ADDRESS`.",
  shown: "127.0.0.1:50052",
  fallback: "127.0.0.1:50052",
  parse: parseServerAddress,
};

const token: Setting<string | undefined> = {
  name: "COS_TOKEN",
  about:
    "The token that the `cos` command shows. Unset: the one in `COS_TOKEN_FILE`; else, on this machine, the owner's, which `npm start` keeps in `owner-token` of `COS_DATA_DIR`; else none.",
  shown: "",
  fallback: undefined,
  parse: parseToken,
};

/** What a caller of the mesh reads. Every process knows the names, since one environment often serves them all. */
export const CLIENT_SETTINGS = {
  conductorAddress,
  graphAddress,
  token,
  tokenFile: text({
    name: "COS_TOKEN_FILE",
    about: "A file that holds the token which the `cos` command shows; nobody else should be able to read it.",
    fallback: undefined,
  }),
  tlsCa: text({
    name: "COS_TLS_CA",
    about:
      "A file of certificates (PEM): the `cos` command believes a conductor that one of them vouches for. Unset: the system's.",
    fallback: undefined,
  }),
  tlsClientCert: text({
    name: "COS_TLS_CLIENT_CERT",
    about: "A file with the certificate (PEM) that the `cos` command shows; goes with `COS_TLS_CLIENT_KEY`.",
    fallback: undefined,
  }),
  tlsClientKey: text({
    name: "COS_TLS_CLIENT_KEY",
    about: "A file with the key (PEM) of `COS_TLS_CLIENT_CERT`; nobody else should be able to read it.",
    fallback: undefined,
  }),
  dataDir: text({
    name: "COS_DATA_DIR",
    about:
      "Where `npm start` keeps its engines' data, its logs and the owner's token, relative to the repository; the `cos` command finds the token there.",
    fallback: ".cos",
  }),
} as const;
