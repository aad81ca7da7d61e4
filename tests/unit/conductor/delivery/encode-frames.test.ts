import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { ConsumeResponseSchema, ConsumeServerResponseSchema } from "#gen/cos/highway/v1/consuming_pb.ts";
import { EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { encodeDeliveries } from "#services/conductor/delivery/encode-frames.ts";
import { eventBytes } from "#shared/highway/shared-event.ts";
import { eventOf } from "./given-events.ts";

test("deliveries are byte for byte what protobuf-es writes, in both streams", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ text: fc.string({ maxLength: 300 }), attempt: fc.integer({ min: 1, max: 2000 }) }), {
        minLength: 1,
        maxLength: 5,
      }),
      fc.integer({ min: 1, max: 2 ** 40 }),
      (rows, generation) => {
        const given = rows.map(({ text, attempt }, n) => ({ event: eventOf(n + 1, text), attempt }));
        const [frame, ...more] = encodeDeliveries(given, generation);
        expect(more).toEqual([]);
        const deliveries = given.map(({ event, attempt }) => ({
          event: fromBinary(EventSchema, eventBytes(event)),
          attempt,
        }));
        const value = { deliveries, generation: BigInt(generation) };
        const message = create(ConsumeResponseSchema, { frame: { case: "deliveries", value } });
        expect(Buffer.from(frame!.encoded).equals(toBinary(ConsumeResponseSchema, message))).toBe(true);
        expect(fromBinary(ConsumeServerResponseSchema, frame!.encoded).frame.case).toBe("deliveries");
      },
    ),
  );
});

test("a frame ends at about 1 MiB, with at least one event", () => {
  const large = "x".repeat(600 * 1024);
  const given = [1, 2, 3].map((position) => ({ event: eventOf(position, large), attempt: 1 }));
  const frames = encodeDeliveries(given, 1).map(({ encoded }) => fromBinary(ConsumeResponseSchema, encoded).frame);
  const positions = frames.map((frame) =>
    frame.case === "deliveries" ? frame.value.deliveries.map(({ event }) => Number(event!.body.value!.position)) : [],
  );
  expect(positions).toEqual([[1], [2], [3]]);
  expect(encodeDeliveries([], 1)).toEqual([]);
});
