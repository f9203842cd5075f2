/** A DoH resolver of a test's own (RFC 8484). */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

const DNS_MESSAGE = 'application/dns-message';

export interface DohServer {
  readonly url: string;
  close(): Promise<void>;
}

/** A response that need not be a DNS message; default: 200, of the type of DNS messages. */
export interface DohAnswer {
  readonly status?: number;
  readonly type?: string;
  readonly body: Buffer;
}

/** @param answer a DNS message, or any response; undefined: no answer until the server closes. */
export async function startDohServer(
  tls: { readonly cert: string; readonly key: string },
  answer: (query: Buffer) => Buffer | DohAnswer | undefined | Promise<Buffer>,
): Promise<DohServer> {
  const server = createServer(tls, (request, response) => {
    const respond = async (): Promise<void> => {
      const answered = await answer(await buffer(request));
      if (answered === undefined) return;
      const { status = 200, type = DNS_MESSAGE, body } = 'body' in answered ? answered : { body: answered };
      response.writeHead(status, { 'content-type': type }).end(body);
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
