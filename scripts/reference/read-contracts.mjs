import { createFileRegistry, fromBinary, getOption, hasOption, toJson } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** The packages that the reference describes; those of others are described by others. */
const OURS = /^cos\./;

/**
 * The contracts of a set of descriptors with source info (`buf build --as-file-descriptor-set`):
 *
 * - `packages`: what is described, `[name, files]`, both by name;
 * - `commentOf(descriptor)`: its sentences as they were written, without the slashes; of a file, those above `syntax`;
 * - `optionOf(descriptor, extension)`: one of its options as JSON, undefined where it is not set.
 */
export function readContracts(bytes) {
  const set = fromBinary(FileDescriptorSetSchema, bytes);
  const registry = createFileRegistry(set);
  const comments = new Map(set.file.flatMap((file) => [...commentsOf(file)]));
  const ours = [...registry.files]
    .filter(({ proto }) => OURS.test(proto.package))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const packages = new Map();
  for (const file of ours) packages.set(file.proto.package, [...(packages.get(file.proto.package) ?? []), file]);
  return {
    packages: [...packages].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    commentOf: ({ proto }) => comments.get(proto) ?? "",
    optionOf: (descriptor, name) => {
      const extension = registry.getExtension(name);
      if (extension === undefined || !hasOption(descriptor, extension)) return undefined;
      return toJson(extension.message, getOption(descriptor, extension), { registry });
    },
    isSet: (descriptor, name) => {
      const extension = registry.getExtension(name);
      return extension !== undefined && getOption(descriptor, extension) === true;
    },
  };
}

/** What is said of each part of a file, by its descriptor. */
function* commentsOf(file) {
  for (const { path, leadingComments } of file.sourceCodeInfo?.location ?? []) {
    const part = leadingComments === "" ? undefined : partAt(file, path);
    if (part !== undefined) yield [part, plain(leadingComments)];
  }
}

/** The descriptor at a path of field numbers and places in lists, as `SourceCodeInfo` has it; undefined: none that is described. */
function partAt(file, path) {
  if (path.length === 1) return path[0] === FileDescriptorProtoSchema.field.syntax.number ? file : undefined;
  let [part, schema] = [file, FileDescriptorProtoSchema];
  for (let at = 0; at < path.length; at += 2) {
    const field = schema?.fields.find(({ number }) => number === path[at]);
    schema = field?.message;
    part = part?.[field?.localName]?.[path[at + 1]];
  }
  return typeof part === "object" ? part : undefined;
}

/** Without the space that follows the slashes, and without the end of line. */
const plain = (comment) => comment.replaceAll(/^ /gm, "").trim();
