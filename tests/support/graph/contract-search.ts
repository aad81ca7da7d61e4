import { describe, expect, test } from "@jest/globals";
import type { SearchQuery } from "#services/graph/domain/graph-store.ts";
import { searchWords } from "#services/graph/domain/search-words.ts";
import { byId, type GraphCase, type OpenGraph, sharedGraph } from "./contract-case.ts";
import { at } from "./rows.ts";

/** How names are searched (G6). */
export function searchContract(open: OpenGraph): void {
  describe("searching", () => {
    const fresh = sharedGraph(open);
    const searching =
      ({ store, module, scope }: GraphCase) =>
      async (text: string, query: Partial<SearchQuery> = {}) => {
        const words = searchWords(text);
        const found = await store.search(scope, { words, module, labels: [], limit: 100, ...query });
        return found.map(({ name }) => name);
      };

    test("each word begins one of the words of the name, in any order", async () => {
      const given = fresh();
      const { rows, write } = given;
      const batten = rows.entity("w. batten");
      await write({ addNodes: [batten], addNames: [rows.name(batten, "Sir William Batten")] });
      const search = searching(given);
      for (const text of ["batten", "bat", "b", "sir will", "batten sir", "SIR WILLIAM BATTEN", "sir sir s"])
        expect(await search(text)).toEqual(["Sir William Batten"]);
      for (const text of ["atten", "battens", "batten penn", "sirwilliam", "williams"])
        expect(await search(text)).toEqual([]);
    });

    test("the answer is the node, whole, with the name that was found", async () => {
      const { store, module, scope, rows, write } = fresh();
      const batten = rows.entity("w. batten", { name: "Sir W. Batten", count: 3 });
      await write({
        addNodes: [batten],
        addNames: [rows.name(batten, "Sir W. Batten", 2), rows.name(batten, "Batten")],
      });
      const found = await store.search(scope, { words: ["batten"], module, labels: [], limit: 9 });
      expect(found).toEqual([{ node: at(batten, 1), name: "Sir W. Batten" }]);
    });

    test("case and accents do not matter, in names and queries", async () => {
      const given = fresh();
      const { rows, write } = given;
      const names = ["Café Ærø", "ÉMILIE DU CHÂTELET", "İstanbul", "Straße", "Ångström", "ΟΔΥΣΣΕΥΣ", "ﬁle №5"];
      await write({ putNodes: names.map((name) => rows.hand(name)) });
      const search = searching(given);
      for (const name of names) {
        expect(await search(name)).toEqual([name]);
        expect(await search(name.normalize("NFD"))).toEqual([name]);
      }
      expect(await search("cafe")).toEqual(["Café Ærø"]);
      expect(await search("emilie chatelet")).toEqual(["ÉMILIE DU CHÂTELET"]);
      expect(await search("angstrom")).toEqual(["Ångström"]);
      expect(await search("file")).toEqual(["ﬁle №5"]);
    });

    test("letters and digits of all scripts are words; anything else parts them", async () => {
      const given = fresh();
      const { rows, write } = given;
      const names = ["王小波", "Пепис", "R2-D2", "O'Brien & Sons", "a_b.c@d", "\u{20000}\u{20001}", "1665/06"];
      await write({ putNodes: names.map((name) => rows.hand(name)) });
      const search = searching(given);
      expect(await search("王")).toEqual(["王小波"]);
      expect(await search("小波")).toEqual([]);
      expect(await search("пеп")).toEqual(["Пепис"]);
      expect(await search("d2")).toEqual(["R2-D2"]);
      expect(await search("brien sons")).toEqual(["O'Brien & Sons"]);
      expect(await search("b d")).toEqual(["a_b.c@d"]);
      expect(await search("\u{20000}")).toEqual(["\u{20000}\u{20001}"]);
      expect(await search("06 1665")).toEqual(["1665/06"]);
    });

    test("an entity of several names comes once, with the name of the greatest count that fits, then by form", async () => {
      const given = fresh();
      const { rows, write } = given;
      const batten = rows.entity("batten", { name: "Sir W. Batten" });
      await write({
        addNodes: [batten],
        addNames: [
          rows.name(batten, "Sir W. Batten", 2),
          rows.name(batten, "Batten", 2),
          rows.name(batten, "my enemy", 9),
          rows.name(batten, "Sir William", 1),
        ],
      });
      const search = searching(given);
      expect(await search("batten")).toEqual(["Batten"]);
      expect(await search("sir")).toEqual(["Sir W. Batten"]);
      expect(await search("sir william")).toEqual(["Sir William"]);
      expect(await search("enemy")).toEqual(["my enemy"]);
      expect(await search("enemy batten")).toEqual([]);
    });

    test("a node is found by the names that memories have for it, and by its own, which comes last", async () => {
      const given = fresh();
      const { rows, write } = given;
      const batten = rows.entity("batten", { name: "The Surveyor" });
      await write({
        addNodes: [batten, rows.node("Session", "surveying")],
        addNames: [rows.name(batten, "Batten")],
        putNodes: [rows.memory(1, { name: "Up, and to the surveyor" })],
      });
      const search = searching(given);
      const found = ["The Surveyor", "Up, and to the surveyor"];
      expect((await search("surveyor")).sort()).toEqual(found);
      expect(await search("batten")).toEqual(["Batten"]);
      await write({ addNames: [rows.name(batten, "A Surveyor")] });
      expect((await search("surveyor")).sort()).toEqual(["A Surveyor", "Up, and to the surveyor"]);
      await write({ addNames: [rows.name(batten, "Batten", -1), rows.name(batten, "A Surveyor", -1)] });
      expect((await search("surveyor")).sort()).toEqual(found);
      expect(await search("batten")).toEqual([]);
    });

    test("a node without names of memories that is renamed or put anew is found by its new name alone", async () => {
      const given = fresh();
      const { rows, write } = given;
      const ship = rows.hand("Naseby");
      await write({ putNodes: [ship], addNodes: [rows.node("Source", "naseby papers")] });
      await write({ renameNodes: [{ id: rows.node("Source", "naseby papers").id, name: "old papers" }] });
      await write({ putNodes: [{ ...ship, name: "Royal Charles" }] });
      const search = searching(given);
      expect(await search("naseby")).toEqual([]);
      expect(await search("papers")).toEqual(["old papers"]);
      expect(await search("charles")).toEqual(["Royal Charles"]);
      await write({ deleteNodes: [ship.id] });
      expect(await search("charles")).toEqual([]);
    });

    test("names whose count came to 0, and names of nodes that are gone, are not found", async () => {
      const given = fresh();
      const { rows, write } = given;
      const [batten, penn] = [rows.entity("batten"), rows.entity("penn")];
      await write({
        addNodes: [batten, penn],
        addNames: [rows.name(batten, "Batten"), rows.name(batten, "Surveyor"), rows.name(penn, "Penn")],
      });
      await write({ addNames: [rows.name(batten, "Surveyor", -1)], addNodes: [{ ...penn, count: -1 }] });
      const search = searching(given);
      expect(await search("surveyor")).toEqual([]);
      expect(await search("penn")).toEqual([]);
      expect(await search("batten")).toEqual(["Batten"]);
    });

    test("labels narrow it, and the limit counts what is left", async () => {
      const given = fresh();
      const { rows, write } = given;
      await write({
        addNodes: [
          rows.entity("tea", { kind: "concept", count: 4 }),
          rows.entity("tea", { count: 5, name: "tea person" }),
          rows.node("Session", "tea time", { count: 9 }),
        ],
      });
      const search = searching(given);
      expect(await search("tea")).toEqual(["tea time", "tea person", "tea"]);
      expect(await search("tea", { labels: ["Concept", "Entity"] })).toEqual(["tea person", "tea"]);
      expect(await search("tea", { labels: ["Concept"], limit: 1 })).toEqual(["tea"]);
      expect(await search("tea", { labels: ["Source"] })).toEqual([]);
    });

    test("G6: those of the greatest count come first, then by id, up to the limit", async () => {
      const { store, module, scope, rows, write } = fresh();
      const tied = Array.from({ length: 9 }, (_, n) => rows.entity(`smith ${n}`, { count: 2 }));
      const most = rows.entity("smith the great", { count: 3 });
      const named = [...tied.slice(0, 4), most].map((node) => rows.name(node, `Smith ${node.key}`));
      await write({ addNodes: [...tied, most], addNames: named });
      const found = await store.search(scope, { words: ["smith"], module, labels: [], limit: 6 });
      expect(found.map(({ node }) => node.id)).toEqual([most, ...byId(tied).slice(0, 5)].map(({ id }) => id));
    });

    test("nodes with no name, or a name without words, are never found", async () => {
      const given = fresh();
      const { rows, write } = given;
      await write({
        putNodes: [rows.memory(1, { name: "", forgotten: true }), rows.hand("?!"), rows.hand("\u{1f600}")],
      });
      expect(await searching(given)("a")).toEqual([]);
    });

    test("a name is found by its first 64 words, and a long word by its first 40 characters", async () => {
      const given = fresh();
      const { rows, write } = given;
      const many = Array.from({ length: 100 }, (_, n) => `w${n}x`).join(" ");
      const long = `${"q".repeat(39)}zzz`;
      await write({ putNodes: [rows.hand(many), rows.hand(long)] });
      const search = searching(given);
      expect(await search("w0x w63x")).toEqual([many]);
      expect(await search("w64x")).toEqual([]);
      expect(await search(long)).toEqual([long]);
      expect(await search(`${"q".repeat(39)}z`)).toEqual([long]);
    });

    test("16 words are searched for at once", async () => {
      const given = fresh();
      const { rows, write } = given;
      const name = Array.from({ length: 16 }, (_, n) => `word${String.fromCodePoint(97 + n)}`).join(" ");
      await write({ putNodes: [rows.hand(name)] });
      expect(await searching(given)(name)).toEqual([name]);
      expect(await searching(given)(name.replace("wordp", "wordz"))).toEqual([]);
    });

    test("words that mean something to an engine are words here", async () => {
      const given = fresh();
      const { rows, write } = given;
      await write({ putNodes: ["and", "or not", "the of a", "null"].map((name) => rows.hand(name)) });
      const search = searching(given);
      for (const name of ["and", "or not", "the of a", "null"]) expect(await search(name)).toEqual([name]);
      expect(await search("the")).toEqual(["the of a"]);
      expect(await search("not")).toEqual(["or not"]);
    });
  });
}
