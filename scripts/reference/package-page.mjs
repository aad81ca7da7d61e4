import { callerWords } from "./caller-words.mjs";
import { firstSentence, paragraphs, prose, table } from "./markdown.mjs";
import { linkToForeign, nameOf, typeOfField } from "./name-of-type.mjs";
import { headingOf, typesOf } from "./places.mjs";
import { fieldWords, messageWords } from "./rule-words.mjs";

const KINDS = {
  unary: "one request, one answer",
  server_streaming: "one request, a stream of answers",
  client_streaming: "a stream of requests, one answer",
  bidi_streaming: "a stream of requests, a stream of answers",
};
/** google.protobuf.MethodOptions.IdempotencyLevel. */
const EFFECTS = ["changes something", "only reads, so it may be asked again", "may be repeated"];

/** The page of one package, file by file. */
export function packagePage(name, files, book) {
  return paragraphs([`# ${name}`, contentsOf(files, book), ...files.map((file) => fileSection(file, book))]);
}

function contentsOf(files, { link, anchorOf }) {
  return files
    .map((file) => {
      const names = [...file.services, ...typesOf(file)].map(link);
      return `- ${[`[${headingOf(file)}](#${anchorOf(file)})`, names.join(", ")].filter(Boolean).join(": ")}`;
    })
    .join("\n");
}

function fileSection(file, book) {
  const source = `[\`proto/${file.name}.proto\`](../../proto/${file.name}.proto)`;
  const parts = file.services.map((service) => serviceSection(service, book));
  const types = [...typesOf(file)].map((type) =>
    type.kind === "enum" ? enumSection(type, book) : messageSection(type, book),
  );
  const extensions = table(
    ["option", "type", "what it says"],
    file.extensions.map((extension) => [
      `\`(${extension.typeName})\` of ${linkToForeign(extension.extendee)}`,
      typeOfField(extension, book.link),
      prose(book.commentOf(extension)),
    ]),
  );
  const head = [`## ${headingOf(file)}`, prose(book.commentOf(file)), `Source: ${source}`];
  return paragraphs([...head, extensions, ...parts, ...types]);
}

function serviceSection(service, book) {
  const rows = service.methods.map((method) => [
    book.link(method).replace(`[${service.name}.`, "["),
    prose(firstSentence(book.commentOf(method))),
  ]);
  const methods = service.methods.map((method) => methodSection(method, book));
  return paragraphs([
    `### ${service.name}`,
    `\`${service.typeName}\`. ${prose(book.commentOf(service))}`,
    table(["RPC", "what it does"], rows),
    ...methods,
  ]);
}

function methodSection(method, { link, commentOf, optionOf }) {
  const level = method.idempotency ?? 0;
  const facts = [
    `Takes ${link(method.input)}, answers ${link(method.output)}: ${KINDS[method.methodKind]}; ${EFFECTS[level]}.`,
    `Asks of its caller: ${callerWords(optionOf(method, "cos.auth.v1.requires"))}.`,
  ];
  return paragraphs([`#### ${nameOf(method)}`, prose(commentOf(method)), facts.map((fact) => `- ${fact}`).join("\n")]);
}

function messageSection(message, book) {
  const rules = messageWords(book.optionOf(message, "buf.validate.message"));
  const rows = message.members.flatMap((member) =>
    member.kind === "oneof" ? oneofRows(member, book) : [fieldRow(member, book)],
  );
  return paragraphs([
    `### ${nameOf(message)}`,
    prose(book.commentOf(message)),
    rules.map((rule) => `- Rule: ${rule}.`).join("\n"),
    table(["field", "type", "what it says"], rows) || "It has no fields.",
  ]);
}

function oneofRows(oneof, book) {
  const { required } = book.optionOf(oneof, "buf.validate.oneof") ?? {};
  const head = [
    `\`${oneof.name}\``,
    required === true ? "one of these" : "one of these, or none",
    prose(book.commentOf(oneof)),
  ];
  return [head, ...oneof.fields.map((field) => fieldRow(field, book, `${oneof.name}: `))];
}

function fieldRow(field, book, lead = "") {
  const show = field.enum === undefined ? undefined : (value) => `\`${nameOfValue(field.enum, value)}\``;
  const rules = fieldWords(book.optionOf(field, "buf.validate.field"), show);
  const notes = [
    ...(field.proto.options?.deprecated === true ? ["deprecated"] : []),
    ...(book.isSet(field, "cos.api.v1.output_only") ? ["output only"] : []),
    ...rules,
  ];
  const about = prose(book.commentOf(field));
  return [
    `${lead}\`${field.name}\` = ${field.number}`,
    typeOfField(field, book.link),
    [about, ...(notes.length === 0 ? [] : [`Rules: ${notes.join("; ")}.`])].filter((part) => part !== "").join("<br>"),
  ];
}

const nameOfValue = (type, value) =>
  type.values.find(({ number, name }) => number === value || name === value)?.name ?? value;

function enumSection(type, { commentOf }) {
  const rows = type.values.map((value) => [`\`${value.name}\` = ${value.number}`, prose(commentOf(value))]);
  return paragraphs([`### ${nameOf(type)}`, prose(commentOf(type)), table(["value", "what it means"], rows)]);
}
