// Prints buf/validate/validate.proto from the descriptor that @bufbuild/protovalidate carries, so that the vendored
// file and the rules that run are of one version. Its `(predefined)` options are left out: at run time protovalidate
// reads its own, complete descriptor.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ScalarType } from "@bufbuild/protobuf";
import { FieldDescriptorProto_Label as Label, FieldDescriptorProto_Type as Type } from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "../node_modules/@bufbuild/protovalidate/dist/esm/gen/buf/validate/validate_pb.js";

const target = join(dirname(fileURLToPath(import.meta.url)), "..", "proto", "buf", "validate", "validate.proto");
const lines = [];
const line = (depth, text) => lines.push(`${"  ".repeat(depth)}${text}`);
const LABELS = { [Label.OPTIONAL]: "optional ", [Label.REQUIRED]: "required ", [Label.REPEATED]: "repeated " };
/** The number after `to` in a range whose end the descriptor counts exclusively. */
const lastOf = (range) => (range.end >= 536_870_912 ? "max" : range.end - 1);

function typeOf(field) {
  const named = field.type === Type.MESSAGE || field.type === Type.ENUM || field.type === Type.GROUP;
  return named ? field.typeName : ScalarType[field.type].toLowerCase();
}

function printField(field, depth, label = LABELS[field.label]) {
  const options = [];
  if (field.defaultValue) options.push(`default = ${field.defaultValue}`);
  if (field.options?.deprecated) options.push("deprecated = true");
  const suffix = options.length > 0 ? ` [${options.join(", ")}]` : "";
  line(depth, `${label}${typeOf(field)} ${field.name} = ${field.number}${suffix};`);
}

function printEnum(desc, depth) {
  line(depth, `enum ${desc.name} {`);
  for (const { start, end } of desc.reservedRange) line(depth + 1, `reserved ${start} to ${end};`);
  for (const value of desc.value) line(depth + 1, `${value.name} = ${value.number};`);
  line(depth, "}");
}

function printMessage(desc, depth) {
  line(depth, `message ${desc.name} {`);
  for (const range of desc.reservedRange) line(depth + 1, `reserved ${range.start} to ${lastOf(range)};`);
  for (const name of desc.reservedName) line(depth + 1, `reserved "${name}";`);
  for (const nested of desc.enumType) printEnum(nested, depth + 1);
  for (const nested of desc.nestedType) printMessage(nested, depth + 1);
  const inOneof = (field) => Object.hasOwn(field, "oneofIndex");
  for (const field of desc.field) if (!inOneof(field)) printField(field, depth + 1);
  for (const [index, oneof] of desc.oneofDecl.entries()) {
    line(depth + 1, `oneof ${oneof.name} {`);
    for (const field of desc.field) if (inOneof(field) && field.oneofIndex === index) printField(field, depth + 2, "");
    line(depth + 1, "}");
  }
  for (const range of desc.extensionRange) line(depth + 1, `extensions ${range.start} to ${lastOf(range)};`);
  line(depth, "}");
}

const file = file_buf_validate_validate.proto;
lines.push("// Printed by scripts/vendor-validate.mjs from @bufbuild/protovalidate (Apache-2.0). Do not edit.", "");
lines.push(`syntax = "${file.syntax || "proto2"}";`, "", `package ${file.package};`, "");
for (const name of file.dependency) lines.push(`import "${name}";`);
lines.push("");
for (const desc of file.enumType) printEnum(desc, 0);
for (const desc of file.messageType) printMessage(desc, 0);
for (const extension of file.extension) {
  line(0, `extend ${extension.extendee} {`);
  printField(extension, 1);
  line(0, "}");
}
mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, `${lines.join("\n")}\n`);
