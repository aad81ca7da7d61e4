import { type AnyDesc, type DescFile, type DescMessage, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/** Where everything is declared that a set of files, and those that they import, declare. */
export interface DescriptorIndex {
  file(name: string): DescFile | undefined;
  /** The file that declares a message, enum, value, extension, service, method, field or oneof of this full name. */
  fileOfSymbol(name: string): DescFile | undefined;
  fileOfExtension(extendee: string, number: number): DescFile | undefined;
  /** The numbers of all extensions of a message; undefined: there is no such message. */
  extensionNumbers(extendee: string): number[] | undefined;
}

/** Indexes files and, through their imports, all that they need. */
export function indexDescriptors(files: readonly DescFile[]): DescriptorIndex {
  const byName = new Map<string, DescFile>();
  const bySymbol = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  for (const file of files.flatMap((each) => withImports(each))) {
    if (!byName.has(file.proto.name)) {
      byName.set(file.proto.name, file);
      for (const desc of declaredIn(file)) {
        bySymbol.set(nameOf(desc), file);
        if (desc.kind === "extension") {
          const known = extensions.get(desc.extendee.typeName) ?? new Map<number, DescFile>();
          extensions.set(desc.extendee.typeName, known.set(desc.number, file));
        }
      }
    }
  }
  return {
    file: (name) => byName.get(name),
    fileOfSymbol: (name) => bySymbol.get(name),
    fileOfExtension: (extendee, number) => extensions.get(extendee)?.get(number),
    extensionNumbers: (extendee) =>
      bySymbol.has(extendee) ? [...(extensions.get(extendee)?.keys() ?? [])].sort((a, b) => a - b) : undefined,
  };
}

/** A file, then all that it imports, each once. (Readers take the first for the one that they asked for.) */
export function withImports(file: DescFile, seen = new Set<DescFile>()): DescFile[] {
  if (seen.has(file)) {
    return [];
  }
  seen.add(file);
  return [file, ...file.dependencies.flatMap((imported) => withImports(imported, seen))];
}

/** A file's descriptor with all its options, custom ones too: protobuf-es keeps those as unknown fields. */
export function descriptorBytes(file: DescFile): Uint8Array {
  return toBinary(FileDescriptorProtoSchema, file.proto);
}

type Declared = Exclude<AnyDesc, DescFile>;

function* declaredIn(file: DescFile): Generator<Declared> {
  yield* file.enums.flatMap((desc) => [desc, ...desc.values]);
  yield* file.extensions;
  yield* file.services.flatMap((service) => [service, ...service.methods]);
  for (const message of file.messages) {
    yield* declaredInMessage(message);
  }
}

function* declaredInMessage(message: DescMessage): Generator<Declared> {
  yield message;
  yield* message.fields;
  yield* message.oneofs;
  yield* message.nestedEnums.flatMap((desc) => [desc, ...desc.values]);
  yield* message.nestedExtensions;
  for (const nested of message.nestedMessages) {
    yield* declaredInMessage(nested);
  }
}

function nameOf(desc: Declared): string {
  switch (desc.kind) {
    case "message":
    case "enum":
    case "service":
    case "extension":
      return desc.typeName;
    case "enum_value":
      // Values stand beside their enum, not in it.
      return `${desc.parent.typeName.slice(0, -desc.parent.name.length)}${desc.name}`;
    default:
      return `${desc.parent.typeName}.${desc.name}`;
  }
}
