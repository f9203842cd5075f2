/**
 * Histories in the JSON that Temporal's own tools write and read. The SDK's `historyToJSON` takes for granted that
 * `@temporalio/common` and `@temporalio/proto` share one copy of protobufjs, which npm does not promise; here it is always
 * the copy that made the types.
 */
import { createRequire } from 'node:module';
import type { Client } from '@temporalio/client';

export type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;

interface MessageType {
  fromObject(object: object): object;
  encode(message: object): { finish(): Uint8Array };
}
interface ProtoJson {
  toJson(type: MessageType, message: object): unknown;
  fromJson(type: MessageType, json: unknown, options: { readonly ignoreUnknownFields: boolean }): object;
}
interface PatchedRoot {
  lookupType(name: string): MessageType;
}

const here = createRequire(import.meta.url);
const proto: unknown = here('@temporalio/proto');
const { patchProtobufRoot } = here('@temporalio/proto/lib/patch-protobuf-root') as {
  readonly patchProtobufRoot: (root: unknown) => PatchedRoot;
};
const historyType = patchProtobufRoot(proto).lookupType('temporal.api.history.v1.History');
const protojson = createRequire(here.resolve('@temporalio/proto'))('protobufjs/ext/protojson') as ProtoJson;

export function historyToJson(history: History): unknown {
  return protojson.toJson(historyType, historyType.fromObject(history));
}

export function historyFromJson(json: unknown): History {
  return protojson.fromJson(historyType, json, { ignoreUnknownFields: true }) as History;
}

/** Size in bytes, as a Temporal server counts it. */
export function historyBytes(history: History): number {
  return historyType.encode(historyType.fromObject(history)).finish().byteLength;
}
