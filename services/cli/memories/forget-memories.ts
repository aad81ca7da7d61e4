import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ForgetOptions } from "../commands/memories.ts";
import { type Connection, withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { canAsk, confirm } from "./confirm.ts";
import { type CountedSelection, countSelections, type ForgetTotals } from "./count-selections.ts";
import { type FoundIds, findModules } from "./find-modules.ts";
import { forgetAll } from "./forget-all.ts";
import { readLedger } from "./read-ledger.ts";
import { idSelections, type Selection, wideSelection } from "./selection.ts";
import { showSelections, summaryOf, tellForgotten } from "./tell-forgetting.ts";

/** One forgetting, counted. */
interface Counted {
  readonly cli: Cli;
  readonly connection: Connection;
  readonly options: ForgetOptions;
  readonly selections: readonly Selection[];
  /** Those of the selections in which there is something to forget. */
  readonly counted: readonly CountedSelection[];
  readonly totals: ForgetTotals;
}

/** `cos memories forget`: counts, shows, asks, forgets, and tells what it did. */
export async function forgetMemories(cli: Cli, options: ForgetOptions): Promise<number> {
  const wide = wideSelection(options);
  checkOptions(cli, options, wide);
  const ledger = options.ledger === undefined ? undefined : await readLedger(options.ledger);
  return withConnection(cli, options.address, async (connection) => {
    const found = wide === undefined ? await findIds(cli, connection, options, ledger) : undefined;
    const selections = found === undefined ? [wide as Selection] : idSelections(found.idsByModule);
    const count = await countSelections(connection, selections, options.reason, cli.terminal.signal);
    count.totals.missing += found?.missing ?? 0;
    const forgetting = { cli, connection, options, selections, ...count };
    const isOver = options.dryRun === true || count.totals.found === 0;
    return isOver ? tellCount(forgetting) : askAndForget(forgetting);
  });
}

function checkOptions(cli: Cli, { id, ledger, yes, dryRun }: ForgetOptions, wide: Selection | undefined): void {
  if (wide === undefined && id === undefined && ledger === undefined) {
    throw new CliFailure(EXIT.usage, "say what to forget: --id, --session, --source, --all or --ledger");
  }
  if (yes !== true && dryRun !== true && !canAsk(cli)) {
    throw new CliFailure(EXIT.usage, "there is nobody to ask: --yes forgets without asking, --dry-run only counts");
  }
}

/** What was named one by one, with the modules it is in. */
async function findIds(
  cli: Cli,
  connection: Connection,
  { module, id = [] }: ForgetOptions,
  ledger: Map<string, string[]> | undefined,
): Promise<FoundIds> {
  if (ledger !== undefined) return { idsByModule: ledger, missing: 0 };
  if (module !== undefined) return { idsByModule: new Map([[module, id]]), missing: 0 };
  return findModules(connection, id, cli.terminal.signal);
}

async function tellCount({ cli, connection, options, selections, counted, totals }: Counted): Promise<number> {
  if (options.json === true) await cli.out.line(JSON.stringify(totals));
  else if (totals.found === 0) await cli.out.line(summaryOf(selections, totals));
  else await showSelections(cli, cli.out, connection, counted, totals);
  const neverThere = totals.found + totals.alreadyForgotten === 0 && totals.missing > 0;
  return neverThere ? EXIT.notFound : EXIT.ok;
}

async function askAndForget(forgetting: Counted): Promise<number> {
  const { cli, connection, options, selections, counted, totals } = forgetting;
  if (options.json !== true || options.yes !== true) {
    await showSelections(cli, cli.err, connection, counted, totals);
  }
  if (options.yes !== true && !(await confirm(cli, "Forget them for good?"))) {
    await cli.err.line("cos: nothing was forgotten");
    return EXIT.failed;
  }
  await forgetAll(cli, connection, counted, options.reason, totals);
  if (options.json === true) await cli.out.line(JSON.stringify(totals));
  else await tellForgotten(cli, selections, totals);
  return EXIT.ok;
}
