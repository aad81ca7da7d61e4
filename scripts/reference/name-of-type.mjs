import { ScalarType } from "@bufbuild/protobuf";

/** Where the types that protobuf brings are described; the options of its descriptors are not. */
const WELL_KNOWN = "https://protobuf.dev/reference/protobuf/google.protobuf/";

/** A field's type as a reader of contracts writes it, with links: `repeated [Event](...)`, `map<string, string>`. */
export function typeOfField(field, link) {
  if (field.fieldKind === "list") return `repeated ${typeOf(field.listKind, field, link)}`;
  if (field.fieldKind !== "map") return typeOf(field.fieldKind, field, link);
  return `map of ${ScalarType[field.mapKey].toLowerCase()} to ${typeOf(field.mapKind, field, link)}`;
}

function typeOf(kind, field, link) {
  return kind === "scalar" ? ScalarType[field.scalar].toLowerCase() : link(field.message ?? field.enum);
}

/** A type's name within its package: `FellBehind.Reason`. */
export function nameOf({ kind, typeName, name, file, parent }) {
  if (kind === "rpc") return `${parent.name}.${name}`;
  return typeName.slice(file.proto.package === "" ? 0 : file.proto.package.length + 1);
}

/** A link to a type that is not described here. */
export function linkToForeign({ typeName }) {
  const known = /^google\.protobuf\.(\w+)(?<!Options)$/.exec(typeName);
  return known === null ? `\`${typeName}\`` : `[${known[1]}](${WELL_KNOWN}#${known[1].toLowerCase()})`;
}
