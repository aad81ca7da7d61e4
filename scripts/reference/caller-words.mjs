/**
 * What an RPC asks of its caller, from its `(cos.auth.v1.requires)` as JSON: `RECORD in the module that memory.module names`.
 *
 * @param {Record<string, any>} [requires]
 */
export function callerWords({ verb = "VERB_UNSPECIFIED", moduleField, anywhere, only = [], servicesOnly } = {}) {
  const words = [rightWords(verb.replace(/^VERB_/, ""), moduleField, anywhere)];
  if (only.length > 0) words.push(`only ${only.map(kindWords).join(" or ")}`);
  if (servicesOnly === true) words.push("only through a service of the mesh");
  return words.join("; ");
}

function rightWords(right, moduleField, anywhere) {
  if (right === "PUBLIC") return "nothing more than being let in";
  if (moduleField !== undefined) return `\`${right}\` in the module that \`${moduleField}\` names`;
  return anywhere === true ? `\`${right}\` in some module; it is about those alone` : `\`${right}\` in all modules`;
}

const kindWords = (kind) => `a ${kind.replace(/^PRINCIPAL_KIND_/, "").toLowerCase()}`;
