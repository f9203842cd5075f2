import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';

/** A TLS frontend of a Temporal server that admits some client certificates or API keys only. */
export interface SecuredFrontend {
  /** `localhost:port` */
  readonly address: string;
  /** API keys and SHA-256 fingerprints of certificates that it admits from now on; it ends the connections of others. */
  admit(credentials: readonly string[]): void;
  /** Credentials of the requests that it admitted since the last call. */
  takeSeen(): ReadonlySet<string>;
  close(): Promise<void>;
}

/** @param target `host:port` of the server, without TLS. @param tls PEM of the frontend. */
export async function startSecuredFrontend(
  target: string,
  tls: { readonly cert: string; readonly key: string },
): Promise<SecuredFrontend> {
  let admitted: readonly string[] = [];
  const seen = new Set<string>();
  const sessions = new Map<ServerHttp2Session, ClientHttp2Session>();
  // Any certificate: which ones are admitted is decided by fingerprint.
  const server = createSecureServer({ ...tls, requestCert: true, rejectUnauthorized: false });
  server.on('session', (session) => {
    const upstream = connect(`http://${target}`);
    sessions.set(session, upstream);
    const end = (): void => {
      sessions.delete(session);
      session.destroy();
      upstream.destroy();
    };
    for (const one of [session, upstream]) one.on('error', end).on('close', end);
    session.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      const credential = credentialsOf(session, headers).find((one) => admitted.includes(one));
      if (credential === undefined) return stream.respond(UNAUTHENTICATED_HEADERS, { endStream: true });
      seen.add(credential);
      relay(stream, upstream, headers);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `localhost:${(server.address() as AddressInfo).port}`,
    admit: (credentials) => {
      admitted = credentials;
      for (const session of sessions.keys()) {
        const own = fingerprintOf(session);
        if (own !== undefined && !admitted.includes(own)) session.destroy();
      }
    },
    takeSeen: () => {
      const taken = new Set(seen);
      seen.clear();
      return taken;
    },
    close: async () => {
      for (const session of sessions.keys()) session.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const UNAUTHENTICATED_HEADERS = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-status': GRPC_STATUS.UNAUTHENTICATED,
  'grpc-message': 'not admitted',
};

function fingerprintOf(session: ServerHttp2Session): string | undefined {
  return (session.socket as TLSSocket | undefined)?.getPeerCertificate().fingerprint256;
}

function credentialsOf(session: ServerHttp2Session, { authorization }: IncomingHttpHeaders): readonly string[] {
  return [fingerprintOf(session), authorization?.replace(/^Bearer /, '')].filter((one) => one !== undefined);
}

function relay(stream: ServerHttp2Stream, upstream: ClientHttp2Session, headers: IncomingHttpHeaders): void {
  const request = upstream.request(headers);
  let trailers: IncomingHttpHeaders = {};
  request.on('error', () => stream.close(constants.NGHTTP2_REFUSED_STREAM));
  stream.on('close', () => request.close(constants.NGHTTP2_CANCEL));
  request.on('trailers', (received) => (trailers = received));
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  request.on('response', (received, flags) => {
    if (stream.destroyed) return;
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) return stream.respond(received, { endStream: true });
    stream.respond(received, { waitForTrailers: true });
    request.pipe(stream);
  });
  stream.pipe(request);
}
