/** A TLS server that presents what a test chooses, as a cluster does. */
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';

export interface ServerIdentity {
  readonly chainPem: string;
  readonly keyPem: string;
}

export interface TlsServer {
  readonly port: number;
  /** Server name of each completed handshake. */
  readonly seen: readonly string[];
  /** Bytes received behind the handshakes. */
  received(): number;
  present(identity: ServerIdentity): void;
  close(): Promise<void>;
}

/** On 127.0.0.1. */
export async function startTlsServer({ chainPem, keyPem }: ServerIdentity): Promise<TlsServer> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  let received = 0;
  const server = createServer({ cert: chainPem, key: keyPem }, (socket: TLSSocket) => {
    seen.push(String(socket.servername));
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    socket.on('error', () => socket.destroy());
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    received: () => received,
    present: ({ chainPem: cert, keyPem: key }) => server.setSecureContext({ cert, key }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
