/** A frontend of Temporal that answers some requests in a chosen way, and no other: to force what a real server does not do on demand. */
import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import proto from '@temporalio/proto';

/** By the method of the service, such as `DescribeNamespace`. A request of any other stays without an answer. */
export type FrontendAnswers = Readonly<Record<string, (stream: ServerHttp2Stream) => void>>;

export interface FakeFrontend {
  /** `host:port` */
  readonly address: string;
  /** Methods of the requests that have arrived. */
  readonly requests: string[];
  close(): Promise<void>;
}

/** It answers GetSystemInfo with nothing of its own, unless `answers` has it. */
export async function startFakeFrontend(answers: FrontendAnswers = {}): Promise<FakeFrontend> {
  const all: FrontendAnswers = { GetSystemInfo: respond(new Uint8Array()), ...answers };
  const requests: string[] = [];
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    const method = headers[':path']?.split('/').at(-1) ?? '';
    requests.push(method);
    all[method]?.(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: async () => {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** @param message an encoded message of the response's type. */
export function respond(message: Uint8Array): (stream: ServerHttp2Stream) => void {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat([prefix, message]));
  };
}

/** @param status of gRPC. @param details messages of `temporal.api.errordetails.v1`, by their names. */
export function refuse(
  status: number,
  message = 'refused',
  details: Readonly<Record<string, Uint8Array>> = {},
): (stream: ServerHttp2Stream) => void {
  const encoded = proto.google.rpc.Status.encode({
    code: status,
    message,
    details: Object.entries(details).map(([name, value]) => ({
      type_url: `type.googleapis.com/temporal.api.errordetails.v1.${name}`,
      value,
    })),
  }).finish();
  return (stream) => {
    const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status) };
    const bin = { 'grpc-status-details-bin': Buffer.from(encoded).toString('base64') };
    stream.respond({ ...headers, ...bin, 'grpc-message': encodeURIComponent(message) }, { endStream: true });
  };
}
