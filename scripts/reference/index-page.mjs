import { callerWords } from "./caller-words.mjs";
import { firstSentence, paragraphs, prose, table } from "./markdown.mjs";
import { headingOf, linkFrom, pageOf } from "./places.mjs";

/** The page that the reference begins with: what holds everywhere, the packages, and every RPC. */
export function indexPage(contracts, places) {
  const { packages, commentOf, optionOf } = contracts;
  const link = (descriptor) => linkFrom(undefined, places, descriptor);
  const services = packages.flatMap(([, files]) => files.flatMap((file) => file.services));
  const list = packages.map(([name, files]) => [
    `[${name}](${pageOf(name)})`,
    files.map((file) => `[${headingOf(file)}](${pageOf(name)}#${places.get(file).anchor})`).join(", "),
  ]);
  const sections = services.map((service) => {
    const rows = service.methods.map((method) => [
      link(method).replace(`[${service.name}.`, "["),
      callerWords(optionOf(method, "cos.auth.v1.requires")),
      prose(firstSentence(commentOf(method))),
    ]);
    return `### ${service.name}\n\n${prose(commentOf(service))}\n\n${table(["RPC", "asks of its caller", "what it does"], rows)}`;
  });
  return paragraphs([
    "# The contracts",
    INTRODUCTION,
    "## Packages",
    table(["package", "files"], list),
    "## Every RPC",
    ...sections,
  ]);
}

const INTRODUCTION = `Everything that the mesh can be asked, as [\`proto/\`](../../proto) has it: each service, RPC, message, field and enum with its sentence and
the rules that the server checks. gRPC, gRPC-Web and Connect serve all of it at the same port, reflection describes it to tools, and no
released contract is ever broken.

- In **JSON** a field's name is in camel case (\`event_type\` is \`eventType\`), 64-bit numbers are strings, times are RFC 3339, durations are
  seconds (\`"2.5s"\`), and an enum's value is its name.
- **Unset** is the same as the zero of a type: \`""\`, 0, false, an empty list. What that means is said with each field.
- A field that is **output only** is set by the server; what a caller sends there is cleared.
- A **rule** that is not kept is INVALID_ARGUMENT, and the answer names the field ([errors](../errors.md)).
- Of the **rights** \`READ\`, \`RECORD\`, \`APPROVE\` and \`ADMIN\` each includes those before it ([security](../security.md)).`;
