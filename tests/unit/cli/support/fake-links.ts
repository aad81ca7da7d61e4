import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { GetIngestStatusRequest, GetIngestStatusResponseSchema } from "#gen/cos/conductor/v1/ingest_pb.ts";
import type {
  LinkMemoriesRequest,
  LinkMemoriesResponseSchema,
  ListLinksRequest,
  ListLinksResponseSchema,
  UnlinkMemoriesRequest,
  UnlinkMemoriesResponseSchema,
} from "#gen/cos/conductor/v1/links_pb.ts";

/** What a test lets a fake conductor answer about links, and about how far memories have come. */
export interface LinkHandlers {
  linkMemories(request: LinkMemoriesRequest): Promise<MessageInitShape<typeof LinkMemoriesResponseSchema>>;
  listLinks(request: ListLinksRequest): Promise<MessageInitShape<typeof ListLinksResponseSchema>>;
  unlinkMemories(request: UnlinkMemoriesRequest): Promise<MessageInitShape<typeof UnlinkMemoriesResponseSchema>>;
  getIngestStatus(request: GetIngestStatusRequest): Promise<MessageInitShape<typeof GetIngestStatusResponseSchema>>;
}

/** Refuses all of it. */
export function unlinked(): LinkHandlers {
  const refuse = async (): Promise<never> => {
    throw new ConnectError("not in this fake", Code.Unimplemented);
  };
  return { linkMemories: refuse, listLinks: refuse, unlinkMemories: refuse, getIngestStatus: refuse };
}
