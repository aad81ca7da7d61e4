// The floor of an RPC: a bare grpc-js server that answers every request with the same bytes, undecoded.
//
// Speaks the name of the standard health check, whose messages may be empty. Prints its port to its parent.
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";

const passOn = (bytes: Buffer): Buffer => bytes;

const server = new Server({ "grpc.enable_channelz": 0 });
server.addService(
  {
    check: {
      path: "/grpc.health.v1.Health/Check",
      requestStream: false,
      responseStream: false,
      requestDeserialize: passOn,
      requestSerialize: passOn,
      responseSerialize: passOn,
      responseDeserialize: passOn,
    },
  },
  { check: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => answer(null, call.request) },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.({ port });
});
process.once("disconnect", () => process.exit());
process.once("SIGTERM", () => process.exit());
