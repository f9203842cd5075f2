/** A DoH resolver of a test's own (RFC 8484). */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface DohServer {
  readonly url: string;
  close(): Promise<void>;
}

/** @param answer undefined: no answer until the server closes. */
export async function startDohServer(
  tls: { readonly cert: string; readonly key: string },
  answer: (query: Buffer) => Buffer | undefined | Promise<Buffer>,
): Promise<DohServer> {
  const server = createServer(tls, (request, response) => {
    const respond = async (): Promise<void> => {
      const body = await answer(await buffer(request));
      if (body !== undefined) response.writeHead(200, { 'content-type': 'application/dns-message' }).end(body);
    };
    respond().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/dns-query`,
    close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
}
