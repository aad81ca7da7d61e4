import { indexPage } from "./index-page.mjs";
import { packagePage } from "./package-page.mjs";
import { linkFrom, pageOf, placesOf } from "./places.mjs";

const WRITTEN =
  "<!-- Written by scripts/reference.mjs from the contracts in proto/: change those, then `npm run proto`. -->";

/** The pages of the reference, by file name: an index, and one for each package. */
export function writePages(contracts) {
  const places = placesOf(contracts);
  const bookOf = (name) => ({
    ...contracts,
    link: (type) => linkFrom(name, places, type),
    anchorOf: (file) => places.get(file).anchor,
  });
  const pages = contracts.packages.map(([name, files]) => [pageOf(name), packagePage(name, files, bookOf(name))]);
  const all = [["README.md", indexPage(contracts, places)], ...pages];
  return new Map(all.map(([page, text]) => [page, `${WRITTEN}\n\n${text}\n`]));
}
