import { ListAliasesRequestSchema } from "#gen/cos/graph/v1/aliases_pb.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { encodePageToken } from "#shared/paging/page-token.ts";
import { aliasesOf, compareAliases, nameKeyOfId } from "../domain/aliases-of.ts";
import { moduleOr } from "../domain/default-module.ts";
import type { NameKey } from "../domain/mention.ts";
import { nameId } from "../domain/naming.ts";
import { keyAfter, listOf } from "./list-page.ts";
import { type Graph, type GraphReadNeeds, requireModule } from "./read-needs.ts";

export function listAliases({ store, awaitPlace }: GraphReadNeeds): Graph["listAliases"] {
  return async (request, call) => {
    const list = listOf(ListAliasesRequestSchema, request);
    const [name, entity] = (keyAfter(list, request.pageToken, [isName, isName]) ?? []).map(nameKeyOfId);
    await awaitPlace(request.atLeast, call);
    const module = moduleOr(request.module);
    const aliases = aliasesOf(await store.namingOf(call.scope, module, call.signal));
    if (aliases.length === 0) await requireModule(store, call, module);
    const after = name && entity && { name, entity };
    const rest = after === undefined ? aliases : aliases.filter((alias) => compareAliases(alias, after) > 0);
    const page = rest.slice(0, pageSizeOf(request.pageSize));
    const last = page.at(-1);
    const more = last !== undefined && rest.length > page.length;
    return {
      aliases: page.map((alias) => ({ name: wordsOf(alias.name), entity: wordsOf(alias.entity) })),
      nextPageToken: more ? encodePageToken(list, [nameId(last.name), nameId(last.entity)]) : "",
    };
  };
}

const isName = (part: string): boolean => part.includes(":");

const wordsOf = ({ kind, key }: NameKey) => ({ kind, name: key });
