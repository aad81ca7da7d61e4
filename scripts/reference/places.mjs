import { openAnchors } from "./markdown.mjs";
import { linkToForeign, nameOf } from "./name-of-type.mjs";

/** The page of a package. */
export const pageOf = (name) => `${name}.md`;

export const headingOf = (file) => `${file.name.split("/").at(-1)}.proto`;

/** The messages and enums of a file in the order in which they are declared, the nested behind those that hold them. */
export function* typesOf({ messages, enums }) {
  for (const message of messages) {
    if (!message.proto.options?.mapEntry) yield message;
    yield* typesOf({ messages: message.nestedMessages, enums: message.nestedEnums });
  }
  yield* enums;
}

/** Every heading that can be linked to, in the order of the pages, with its page and anchor. */
export function placesOf({ packages }) {
  const places = new Map();
  for (const [name, files] of packages) {
    const anchor = openAnchors();
    const put = (descriptor, heading) => places.set(descriptor, { page: name, anchor: anchor(heading) });
    anchor(name);
    for (const file of files) {
      put(file, headingOf(file));
      for (const service of file.services) {
        put(service, service.name);
        for (const method of service.methods) put(method, nameOf(method));
      }
      for (const type of typesOf(file)) put(type, nameOf(type));
    }
  }
  return places;
}

/** A link to a type, an RPC or a service from the page of a package; `undefined` is the index. */
export function linkFrom(from, places, descriptor) {
  const place = places.get(descriptor);
  if (place === undefined) return linkToForeign(descriptor);
  const name = descriptor.kind === "service" ? descriptor.name : nameOf(descriptor);
  const abroad = descriptor.kind !== "service" && from !== undefined && place.page !== from;
  return `[${abroad ? `${place.page}.` : ""}${name}](${place.page === from ? "" : pageOf(place.page)}#${place.anchor})`;
}
