/** What comes before a name and says whose it is, in the centuries that people write about. */
export type TitleSort = "sir" | "mr" | "woman" | "lord" | "lady" | "rank";

export interface Title {
  readonly sort: TitleSort;
  /** As it stands in a name's normal form: `dr.` for `Doctor`. */
  readonly normal: string;
  /** Also takes its name with `of`: `Duke of York`. */
  readonly takesOf: boolean;
  /** Also an ordinary word: `General`, `Master`. Believed where nothing else would write it with a capital. */
  readonly weak: boolean;
}

const table: Record<TitleSort, string> = {
  sir: "sir",
  mr: "mr=mr. mister=mr.",
  woman:
    "mrs=mrs. mistress=mrs. madam=mrs. madame=mrs. mme=mrs. dame miss ms=ms. mademoiselle mlle=mademoiselle frau señora",
  lord: "lord earl* marquess* marquis* viscount* baron*",
  lady: "lady countess* marchioness* viscountess* baroness*",
  rank:
    "captain capt=captain major maj=major colonel col=colonel coll=colonel general~ gen=general " +
    "lieutenant lieut=lieutenant lt=lieutenant admiral adm=admiral commander commodore commissioner sergeant sergt=sergeant " +
    "sgt=sergeant serjeant serjt=serjeant corporal cornet dr=dr. doctor=dr. professor prof=professor " +
    "reverend rev=reverend bishop* archbishop* cardinal pope~* rabbi imam dean~* " +
    "alderman justice~ judge~ president~ senator~ secretary~ chancellor~ minister~ governor~ mayor~ ambassador inspector " +
    "detective officer~ nurse~ monsieur signor señor herr don~ king~* queen~* prince~* princess~* emperor~* " +
    "empress~* sultan~* tsar~* czar~* duke* duchess* saint~ master~ goody goodman uncle aunt parson deacon sheriff~ squire~",
};

/** The titles by their written forms, in small letters and without the full stop that may follow. */
export const TITLES: ReadonlyMap<string, Title> = new Map(
  Object.entries(table).flatMap(([sort, words]) => words.split(" ").map((word) => titleOf(sort as TitleSort, word))),
);

function titleOf(sort: TitleSort, entry: string): [string, Title] {
  const [marked = "", normal] = entry.split("=");
  const written = marked.replace(/[*~]/g, "");
  const takesOf = marked.includes("*") || sort === "lord";
  return [written, { sort, normal: normal ?? written, takesOf, weak: marked.includes("~") }];
}

/** What a Lord may be instead of having a name: my Lord Chancellor is one person, as long as the office is his. */
export const LORDS_OFFICES: ReadonlySet<string> = new Set(
  "Chancellor Chamberlain Treasurer Mayor Keeper Admiral Deputy Lieutenant Protector General Steward Provost Privy High Chief".split(
    " ",
  ),
);

/** The titles that are written short, with a full stop that ends no sentence. */
export const SHORT_TITLES: ReadonlySet<string> = new Set(
  "mr mrs ms mme mlle capt maj col coll gen lieut lt adm sergt sgt serjt dr prof rev".split(" "),
);
