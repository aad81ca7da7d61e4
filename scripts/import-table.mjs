// Who may import whom: the one table behind the linter's overrides (scripts/lint-config.mjs).
//
// The arrows point one way, so that a folder can be read, tested and replaced with what it names here and nothing else.
// What a folder may not import reaches it as a function, handed over by the service's main.ts. `gen` imports nothing of
// ours and is generated; `deploy`, `tests` and `scripts` may import everything.

/** The services there are. A new one is added here first (CONTRIBUTING, "Add a service"). */
const services = ["conductor", "graph"];

const foundation = ["shared/config", "shared/errors", "shared/log"];
const engines = ["shared/postgres", "shared/redis", "shared/highway"];
/** The files beside routes.ts, which put a process together. */
const wiring = ["conductor", "config", "highway", "main", "migrate", "owner-token"];
const handling = ["shared/auth", "shared/errors", "shared/paging", "shared/fields"];
const inner = ["store", "projection", "search", "delivery", "probes"];

/** Library folders, and what each may import beside itself and npm packages. */
const libraries = {
  "shared/config": ["gen"],
  "shared/errors": ["gen"],
  "shared/log": ["gen"],
  "shared/auth": ["gen", ...foundation],
  // What a field may hold, where several services say so of the same.
  "shared/fields": ["gen", "shared/errors"],
  // Pages of lists, for stores and handlers of any service.
  "shared/paging": ["gen", "shared/errors"],
  // How what is found is ordered: pure, so that it can be measured apart from any engine.
  "shared/ranking": [],
  "shared/lifecycle": ["gen", ...foundation],
  "shared/postgres": ["gen", ...foundation],
  "shared/redis": ["gen", ...foundation],
  // Who is calling: it reads cos_auth, and hears of its changes through Redis.
  "shared/identity": ["gen", ...foundation, "shared/auth", "shared/postgres", "shared/redis"],
  "shared/rpc": ["gen", ...foundation, "shared/auth"],
  // What every process that serves reads and opens in the same way.
  "shared/service": [
    "gen",
    ...foundation,
    "shared/auth",
    "shared/identity",
    "shared/lifecycle",
    "shared/postgres",
    "shared/redis",
    "shared/rpc",
  ],
  "shared/highway": ["gen", "shared/auth", "shared/errors", "shared/log", "shared/redis", "shared/rpc"],
  // The command is one folder: it talks to services as any client does.
  "services/cli": ["gen", "shared/config", "shared/errors", "shared/highway", "shared/rpc"],
};

/** How deep folders may be nested; a test finds files that lie deeper. */
const depthMax = 3;

/**
 * The rows of a folder, one for each depth: how many `../` leave it depends on the depth alone.
 *
 * @param {string} folder
 * @param {string[]} may the folders it may import, itself left out
 */
function folderRows(folder, may) {
  const parent = `${folder.slice(0, folder.lastIndexOf("/"))}/`;
  // Inside one service a neighbour may be named by its relative path too; between libraries, by its # name alone.
  const neighbours = parent === "shared/" ? [] : may.filter((name) => name.startsWith(parent));
  return Array.from({ length: depthMax + 1 }, (_, depth) => {
    const out = "../".repeat(depth + 1);
    return {
      files: `${folder}/${"*/".repeat(depth)}*.ts`,
      folders: [folder, ...may],
      refusedPaths: `${out}**`,
      allowedPaths: neighbours.map((name) => `${out}${name.slice(parent.length)}/**`),
    };
  });
}

/** The rows of a service that serves: its way inwards is routes -> handlers -> domain and store. */
function serviceRows(service) {
  const own = (folder) => `services/${service}/${folder}`;
  const engineRoom = [
    own("domain"),
    "gen",
    "shared/auth",
    "shared/errors",
    "shared/fields",
    "shared/log",
    "shared/paging",
    ...engines,
  ];
  return [
    ...folderRows(own("domain"), ["gen", "shared/errors", "shared/auth", "shared/fields", "shared/ranking"]),
    ...inner.flatMap((folder) =>
      folderRows(own(folder), folder === "search" ? [...engineRoom, "shared/ranking"] : engineRoom),
    ),
    ...folderRows(own("handlers"), [own("domain"), ...inner.map(own), "gen", ...handling]).map(
      // The signature that the RPC edge gives a handler.
      (row) => ({ ...row, types: ["#shared/rpc"] }),
    ),
    {
      files: own("routes.ts"),
      folders: [own("handlers"), "gen", "shared/auth", "shared/rpc"],
      // What routes pass from main to the handlers, they name and never call.
      types: ["#shared/errors", ...inner.flatMap((folder) => [`#${own(folder)}`, `./${folder}`])],
      refusedPaths: ".*/**",
      allowedPaths: ["./handlers/**"],
    },
    {
      files: own(`{${wiring.join(",")}}.ts`),
      folders: [`services/${service}`, "gen", "shared"],
      refusedPaths: "../**",
      allowedPaths: [],
    },
  ];
}

/**
 * The table's rows. `files` is a glob, and no file matches two of them: of two oxlint overrides that match one file the
 * later replaces the earlier without a word. `folders` are what those files may import by # name, `types` (paths) what they
 * may import types from; of the relative paths `refusedPaths` are refused, less `allowedPaths`.
 */
export const rows = [
  ...Object.entries(libraries).flatMap(([folder, may]) => folderRows(folder, may)),
  ...services.flatMap(serviceRows),
  // What a stranger could write: it knows the contracts, and nothing of ours.
  { files: "examples/**", folders: ["examples"], refusedPaths: "../**", allowedPaths: [] },
];

/**
 * A row as the options of the linter's `no-restricted-imports`: all of ours is refused, then the row's share let in. The
 * order counts: a path that a pattern lets in by `!` is not looked at by those after it.
 */
export function restriction({ files, folders, types = [], refusedPaths, allowedPaths }) {
  const message = `${files} may import ${folders.join(", ")} (scripts/import-table.mjs). What else it needs is handed to it.`;
  const inside = (paths) => paths.map((path) => `${path}/**`);
  const letIn = (paths) => paths.map((path) => `!${path}`);
  const named = folders.map((folder) => `#${folder}`);
  return {
    patterns: [
      // Expressions, because a group before another group is overruled by its `!`.
      ...types.map((path) => ({
        regex: `^${path.replaceAll(".", "[.]")}/`,
        allowTypeImports: true,
        message: `Types only. ${message}`,
      })),
      { group: ["#*/**", ...letIn(inside([...named, ...types.filter((path) => path.startsWith("#"))]))], message },
      {
        group: [refusedPaths, ...letIn([...allowedPaths, ...inside(types.filter((path) => path.startsWith(".")))])],
        message,
      },
    ],
  };
}
