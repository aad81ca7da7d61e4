import { create, createFileRegistry, type DescMethod, type MessageInitShape, setExtension } from "@bufbuild/protobuf";
import {
  type DescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  MethodOptionsSchema,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, RequiresSchema, requires, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { AuthService, CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import {
  BatchRecordMemoriesRequestSchema,
  ConductorService,
  ListMemoriesRequestSchema,
  RecordMemoryRequestSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ForgetMemoriesRequestSchema } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { recordFault } from "#services/conductor/store/record-fault.ts";
import { Access } from "#shared/auth/access.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { OPEN_TO_ALL_CALLERS, requirementOf } from "#shared/auth/requirement.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { accessWith, principalWith } from "#tests/support/rpc/callers.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";

const { recordMemory, batchRecordMemories, recordMemories, getMemory, listMemories, forgetMemories } =
  ConductorService.method;

function refusalOf(judge: () => void): CosError | undefined {
  try {
    judge();
    return undefined;
  } catch (error) {
    if (error instanceof CosError) return error;
    throw error;
  }
}

const judgeCaller = (method: DescMethod, access: Access) =>
  refusalOf(() => requirementOf(method).judgeCaller(access))?.reasonName;

describe("what a caller alone is judged by", () => {
  test.each<[string, DescMethod, [string, Verb][], string | undefined]>([
    ["PUBLIC asks nothing", AuthService.method.whoAmI, [], undefined],
    ["in all modules: held in one", ModuleService.method.registerModule, [["cc", Verb.ADMIN]], "RIGHT_MISSING"],
    ["in all modules: held in all", ModuleService.method.registerModule, [["*", Verb.RECORD]], undefined],
    ["a lesser right in all", AuthService.method.createToken, [["*", Verb.APPROVE]], "RIGHT_MISSING"],
    ["anywhere: held in one", recordMemories, [["cc", Verb.RECORD]], undefined],
    ["anywhere: held nowhere", recordMemories, [["cc", Verb.READ]], "RIGHT_MISSING"],
    ["reading anywhere, with no right at all, is an empty answer", getMemory, [], undefined],
    ["where the request names modules, that is judged later", recordMemory, [], undefined],
  ])("%s", (_what, method, grants, reason) => {
    expect(judgeCaller(method, accessWith(grants))).toBe(reason);
  });

  test("some kinds may not, whatever their rights", () => {
    const { method } = methodWith({ verb: Verb.APPROVE, only: [PrincipalKind.PERSON] });
    expect(judgeCaller(method, accessWith([["*", Verb.ADMIN]], PrincipalKind.AGENT))).toBe("KIND_REFUSED");
    expect(judgeCaller(method, accessWith([["*", Verb.ADMIN]], PrincipalKind.PERSON))).toBeUndefined();
  });

  describe("where services alone may call", () => {
    const { method } = methodWith({ verb: Verb.RECORD, servicesOnly: true });
    const everywhere: [string, Verb][] = [["*", Verb.ADMIN]];
    const graph = principalWith([["*", Verb.RECORD]], PrincipalKind.SERVICE);
    const behind = (grants: [string, Verb][], kind: PrincipalKind) =>
      new Access({ principal: principalWith(grants, kind), via: graph, credential: CredentialKind.SERVICE });

    test.each([
      ["a person with every right", accessWith(everywhere, PrincipalKind.PERSON)],
      ["an agent", accessWith(everywhere, PrincipalKind.AGENT)],
      ["a program with a token of its own", accessWith(everywhere, PrincipalKind.SERVICE)],
      ["whoever calls from this machine without a token", localAccess()],
    ])("%s may not, and is told so", (_who, access) => {
      const refused = refusalOf(() => requirementOf(method).judgeCaller(access));
      expect(refused).toMatchObject({ code: Code.PermissionDenied, reason: ErrorReason.KIND_REFUSED });
      expect(refused?.message).toBe("only services of the mesh may do this, for themselves or for a caller");
    });

    test("a service may, for itself or for somebody of any kind, as far as the rights go", () => {
      expect(judgeCaller(method, behind(everywhere, PrincipalKind.SERVICE))).toBeUndefined();
      expect(judgeCaller(method, behind([["*", Verb.RECORD]], PrincipalKind.AGENT))).toBeUndefined();
      expect(judgeCaller(method, behind([["*", Verb.READ]], PrincipalKind.PERSON))).toBe("RIGHT_MISSING");
      expect(judgeCaller(method, behind([["*", Verb.READ]], PrincipalKind.SERVICE))).toBe("RIGHT_MISSING");
    });

    test("whom a service calls for may have to be of some kind besides", () => {
      const both = methodWith({ verb: Verb.RECORD, servicesOnly: true, only: [PrincipalKind.PERSON] }).method;
      expect(judgeCaller(both, behind(everywhere, PrincipalKind.AGENT))).toBe("KIND_REFUSED");
      expect(judgeCaller(both, behind(everywhere, PrincipalKind.PERSON))).toBeUndefined();
    });
  });

  test("of contracts that are not ours nothing is asked", () => {
    const judge = () => {
      OPEN_TO_ALL_CALLERS.judgeCaller(accessWith([]));
      OPEN_TO_ALL_CALLERS.judgeRequest(accessWith([]), create(RecordMemoryRequestSchema));
    };
    expect(refusalOf(judge)).toBeUndefined();
  });
});

describe("the modules that a request names", () => {
  const record = requirementOf(recordMemory);
  const memoryOf = (module: string) => create(RecordMemoryRequestSchema, { memory: { module } });
  const refusal = (module: string, grants: [string, Verb][]) =>
    refusalOf(() => record.judgeRequest(accessWith(grants), memoryOf(module)));

  test("one in which the right is held, by itself or by all, passes", () => {
    expect(refusal("cc", [["cc", Verb.RECORD]])).toBeUndefined();
    expect(refusal("cc", [["*", Verb.RECORD]])).toBeUndefined();
    expect(
      refusal("cc", [
        ["*", Verb.READ],
        ["cc", Verb.ADMIN],
      ]),
    ).toBeUndefined();
  });

  test("one that may only be read is PERMISSION_DENIED", () => {
    const refused = refusal("cc", [["cc", Verb.READ]]);
    expect(refused).toMatchObject({ code: Code.PermissionDenied, reason: ErrorReason.RIGHT_MISSING });
    expect(refused?.message).toBe('this needs the right to record in module "cc"');
    expect(refusal("cc", [["*", Verb.READ]])?.reason).toBe(ErrorReason.RIGHT_MISSING);
  });

  test("one that may not be seen is missing, in the very words of one that does not exist", () => {
    const unseen = refusal("pepys", [["cc", Verb.RECORD]]);
    const unknown = recordFault("module_unknown", someMemory({ module: "pepys" }), "");
    expect(unseen).toEqual(unknown);
    expect([unseen?.message, unseen?.reason, unseen?.fields, unseen?.resource, unseen?.details]).toEqual([
      unknown.message,
      unknown.reason,
      unknown.fields,
      unknown.resource,
      unknown.details,
    ]);
  });

  test("none named is cc, however much of the way to it is missing", () => {
    const grants: [string, Verb][] = [["pepys", Verb.RECORD]];
    for (const request of [memoryOf(""), create(RecordMemoryRequestSchema)]) {
      expect(refusalOf(() => record.judgeRequest(accessWith(grants), request))).toMatchObject({
        resource: { name: "cc" },
        fields: [{ field: "memory.module" }],
      });
      expect(refusalOf(() => record.judgeRequest(accessWith([["cc", Verb.RECORD]]), request))).toBeUndefined();
    }
  });

  test("of many each is judged, and the one at fault is named by its place", () => {
    const batch = requirementOf(batchRecordMemories);
    const requests = ["cc", "", "pepys"].map((module) => ({ memory: { module } }));
    const request = create(BatchRecordMemoriesRequestSchema, { requests });
    const judge = (grants: [string, Verb][]) => refusalOf(() => batch.judgeRequest(accessWith(grants), request));
    const refused = judge([["cc", Verb.RECORD]]);
    expect(refused).toMatchObject({ reason: ErrorReason.MODULE_NOT_FOUND });
    expect(refused?.fields).toMatchObject([{ field: "requests[2].memory.module" }]);
    expect(refused?.fields).toEqual(
      recordFault("module_unknown", someMemory({ module: "pepys" }), "requests[2].").fields,
    );
    expect(
      judge([
        ["cc", Verb.RECORD],
        ["pepys", Verb.READ],
      ])?.reason,
    ).toBe(ErrorReason.RIGHT_MISSING);
    expect(
      judge([
        ["cc", Verb.RECORD],
        ["pepys", Verb.RECORD],
      ]),
    ).toBeUndefined();
  });

  test("in the request itself", () => {
    const forget = requirementOf(forgetMemories);
    const request = create(ForgetMemoriesRequestSchema, { module: "cc" });
    expect(refusalOf(() => forget.judgeRequest(accessWith([["cc", Verb.APPROVE]]), request))?.reasonName).toBe(
      "RIGHT_MISSING",
    );
    expect(refusalOf(() => forget.judgeRequest(accessWith([["cc", Verb.ADMIN]]), request))).toBeUndefined();
  });

  test("are left to the query where reading suffices", () => {
    const list = requirementOf(listMemories);
    const request = create(ListMemoriesRequestSchema, { module: "pepys" });
    expect(refusalOf(() => list.judgeRequest(accessWith([]), request))).toBeUndefined();
  });
});

/** A method with this option, of a request with fields of every kind. */
function methodWith(option?: MessageInitShape<typeof RequiresSchema>): { method: DescMethod } {
  const options = create(MethodOptionsSchema);
  if (option !== undefined) setExtension(options, requires, create(RequiresSchema, option));
  const field = (name: string, number: number, type: Type, more = {}) => ({
    name,
    number,
    type,
    label: Label.OPTIONAL,
    ...more,
  });
  const ask: MessageInitShape<typeof DescriptorProtoSchema> = {
    name: "Ask",
    oneofDecl: [{ name: "way" }],
    field: [
      field("module", 1, Type.STRING),
      field("count", 2, Type.INT32),
      field("names", 3, Type.STRING, { label: Label.REPEATED }),
      field("either", 4, Type.STRING, { oneofIndex: 0 }),
    ],
  };
  const file = create(FileDescriptorProtoSchema, {
    name: "t.proto",
    package: "t",
    syntax: "proto3",
    messageType: [ask],
    service: [{ name: "S", method: [{ name: "Do", inputType: ".t.Ask", outputType: ".t.Ask", options }] }],
  });
  const service = createFileRegistry(file, () => undefined).getService("t.S");
  return { method: service?.method.do as DescMethod };
}

describe("a process must not start with a method", () => {
  test.each<[string, MessageInitShape<typeof RequiresSchema> | undefined, string]>([
    ["that says nothing of rights", undefined, "t.S/Do declares no (cos.auth.v1.requires)"],
    ["that names no right", {}, "t.S/Do declares no (cos.auth.v1.requires)"],
    [
      "that is judged in two ways",
      { verb: Verb.READ, moduleField: "module", anywhere: true },
      "either module_field or",
    ],
    [
      "that is for everybody and asks for more",
      { verb: Verb.PUBLIC, only: [PrincipalKind.PERSON] },
      "PUBLIC asks nothing",
    ],
    ["that is for everybody, and services alone", { verb: Verb.PUBLIC, servicesOnly: true }, "PUBLIC asks nothing"],
    ["whose request has no such field", { verb: Verb.READ, moduleField: "modul" }, "has no field modul"],
    ["whose path goes through a string", { verb: Verb.READ, moduleField: "module.name" }, "has no field module.name"],
    ["whose path ends in a number", { verb: Verb.READ, moduleField: "count" }, "count is no string"],
    ["whose path ends in a list", { verb: Verb.READ, moduleField: "names" }, "names is no string"],
    ["whose path may be unset for another", { verb: Verb.READ, moduleField: "either" }, "has no field either"],
  ])("%s", (_what, option, message) => {
    expect(() => requirementOf(methodWith(option).method)).toThrow(message);
  });

  test("one that says what it asks is fine", () => {
    expect(() => requirementOf(methodWith({ verb: Verb.READ, moduleField: "module" }).method)).not.toThrow();
  });
});
