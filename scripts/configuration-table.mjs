// Writes the table of docs/configuration.md from the settings that the processes declare.
// Usage: npm run configuration-table   (the test of the documents says when it has to run)
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "..");
const page = join(root, "docs", "configuration.md");
const borders = ["<!-- table: written by scripts/configuration-table.mjs -->", "<!-- end of table -->"];

const isSetting = (value) => typeof value?.name === "string" && "about" in value && typeof value.parse === "function";

/** The process that a file of settings belongs to, as people call it. */
function processOf(file) {
  if (file.startsWith("deploy/")) return "`npm start`";
  const service = basename(dirname(file));
  return service === "cli" ? "`cos`" : service;
}

/** Every setting that some process declares: `[{ setting, readers }]`, by name. */
export async function collectSettings() {
  const found = new Map();
  for (const file of globSync("{services/*,deploy/local}/{config,settings}.ts", { cwd: root }).toSorted()) {
    const exported = Object.values(await import(pathToFileURL(join(root, file)).href));
    for (const setting of exported.flatMap((spec) => Object.values(spec ?? {})).filter(isSetting)) {
      const entry = found.get(setting.name) ?? { setting, readers: new Set() };
      entry.readers.add(processOf(file));
      // A service's words are the setting's own; the launcher only hands it on.
      if (file.startsWith("services/")) entry.setting = setting;
      found.set(setting.name, entry);
    }
  }
  return [...found.values()].toSorted((a, b) => (a.setting.name < b.setting.name ? -1 : 1));
}

/** The settings as a Markdown table. */
export function configurationTable(settings) {
  const cell = (text) => text.replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ");
  const rows = settings.map(({ setting: { name, shown, about }, readers }) =>
    [`\`${name}\``, shown === "" ? "" : `\`${shown}\``, [...readers].join(", "), about].map(cell),
  );
  const head = [["variable", "default", "read by", "what it decides"], Array(4).fill("---")];
  return [...head, ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** The page with this table in the place of its table. */
export function withTable(text, table) {
  const [start, end] = borders.map((border) => text.indexOf(border));
  if (start < 0 || end < start)
    throw new Error(`docs/configuration.md lost the borders of its table: ${borders.join(" ")}`);
  return `${text.slice(0, start + borders[0].length)}\n\n${table}\n\n${text.slice(end)}`;
}

if (process.argv[1] === import.meta.filename)
  writeFileSync(page, withTable(readFileSync(page, "utf8"), configurationTable(await collectSettings())));
