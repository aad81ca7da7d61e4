import { Metadata } from "@grpc/grpc-js";

/** What Connect's clients give as headers. */
export type HeadersGiven = ConstructorParameters<typeof Headers>[0];

/** Connect's headers as gRPC metadata; keys that end in `-bin` hold base64. */
export function toMetadata(headers: HeadersGiven): Metadata {
  const metadata = new Metadata();
  new Headers(headers).forEach((value, key) => {
    if (key.endsWith("-bin")) {
      metadata.set(key, Buffer.from(value, "base64"));
    } else {
      metadata.set(key, value);
    }
  });
  return metadata;
}

/** gRPC metadata as Connect's headers. */
export function toHeaders(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const key of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(key)) {
      headers.append(key, typeof value === "string" ? value : value.toString("base64"));
    }
  }
  return headers;
}
