/** Serves CRLs by path over HTTP, as a CA does. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type CrlHandler = (response: ServerResponse, request: IncomingMessage) => void;

export interface CrlServer {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Requested paths, in order. */
  readonly seen: string[];
  /** Sets the content of a path. */
  put(path: string, answer: Buffer | CrlHandler, headers?: Readonly<Record<string, string>>): void;
  close(): Promise<void>;
}

export async function startCrlServer(): Promise<CrlServer> {
  const answers = new Map<string, CrlHandler>();
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    seen.push(path);
    const answer = answers.get(path);
    if (answer === undefined) response.writeHead(404).end('no such list');
    else answer(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    put: (path, answer, headers = {}) => {
      const type = { 'content-type': 'application/pkix-crl' };
      const send: CrlHandler = (response) => response.writeHead(200, { ...type, ...headers }).end(answer);
      answers.set(path, Buffer.isBuffer(answer) ? send : answer);
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
