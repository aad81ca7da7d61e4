import { clone, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { decodePageToken, fingerprintOf, type KeyShape } from "#shared/paging/page-token.ts";

/** What a request of a list has that may change from page to page, as every such request of the graph spells it. */
interface Paged {
  pageSize: number;
  pageToken: string;
  atLeast?: unknown;
}

/** Which list a request asks for: what has the same fingerprint shares tokens. */
export function listOf<Desc extends DescMessage>(desc: Desc, request: MessageShape<Desc> & Paged): string {
  const list = clone(desc, request) as MessageShape<Desc> & Paged;
  list.pageSize = 0;
  list.pageToken = "";
  list.atLeast = undefined;
  return fingerprintOf(desc.typeName, toBinary(desc, list));
}

/** The key after which a page begins; undefined: it is the first. Throws PAGE_TOKEN_INVALID. */
export function keyAfter(list: string, token: string, shape: KeyShape): string[] | undefined {
  return token === "" ? undefined : decodePageToken(list, token, shape);
}

/** Parts of keys. What no engine could hold was given by nobody. */
export const isCount = (part: string): boolean => /^\d{1,10}$/.test(part) && Number(part) < 2 ** 31;
export const isPosition = (part: string): boolean => /^\d{1,15}$/.test(part);
export const isId = (part: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(part);
export const isWeight = (part: string): boolean => /^-?\d(?:\.\d+)?(?:e-\d+)?$/.test(part);
