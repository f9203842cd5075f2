/** Relays in front of the stack's DNS that count queries: by DNS over HTTPS, and to the zone's servers. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Agent } from 'undici';
import type { Stack } from '../local/stack/stack.ts';

/** Running relays. */
export interface DnsRelays {
  /** Settings of a worker that uses the relays. */
  readonly environment: Readonly<Record<string, string>>;
  questions(): { readonly doh: number; readonly authoritative: number };
  close(): Promise<void>;
}

/** Starts the relays. */
export async function startDnsRelays(stack: Stack): Promise<DnsRelays> {
  const [doh, authoritative] = [await relayDoh(stack), await relayUdp(stack.dns.address)];
  return {
    environment: {
      CERTMAN_DOH_RESOLVERS: `https://127.0.0.1:${doh.port}/dns-query`,
      CERTMAN_AUTHORITATIVE_SERVERS: `127.0.0.1:${authoritative.port}`,
    },
    questions: () => ({ doh: doh.asked(), authoritative: authoritative.asked() }),
    close: async () => {
      await doh.close();
      await authoritative.close();
    },
  };
}

interface Relay {
  readonly port: number;
  asked(): number;
  close(): Promise<void>;
}

/** Uses the stack's certificate, which is valid for every port. */
async function relayDoh(stack: Stack): Promise<Relay> {
  const folder = join(stack.stateDir, 'tls');
  const [cert, key, ca] = await Promise.all([
    readFile(join(folder, 'tls.crt')),
    readFile(join(folder, 'tls.key')),
    readFile(stack.dns.caFile, 'utf8'),
  ]);
  const upstream = new Agent({ connect: { ca }, keepAliveTimeout: 60_000 });
  const { origin } = new URL(stack.dns.dohUrl);
  let asked = 0;
  const server = createServer({ cert, key }, (request, response) => {
    asked += 1;
    const pass = async (): Promise<void> => {
      const headers = { accept: 'application/dns-message', 'content-type': 'application/dns-message' };
      const body = await buffer(request);
      const answer = await upstream.request({ origin, path: request.url ?? '/', method: 'POST', headers, body });
      response.writeHead(answer.statusCode, { 'content-type': String(answer.headers['content-type']) });
      response.end(Buffer.from(await answer.body.arrayBuffer()));
    };
    pass().catch(() => request.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked: () => asked,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await upstream.close();
    },
  };
}

/** Forwards every query from a socket of its own, whose port identifies the response. */
async function relayUdp(address: string): Promise<Relay> {
  const { hostname, port } = new URL(`udp://${address}`);
  const inside = createSocket('udp4');
  let asked = 0;
  inside.on('message', (question, from) => {
    asked += 1;
    const outside = createSocket('udp4');
    const deadline = setTimeout(() => outside.close(), RESPONSE_TIMEOUT_MS);
    outside.on('error', () => undefined);
    outside.once('message', (answer) => {
      clearTimeout(deadline);
      inside.send(answer, from.port, from.address);
      outside.close();
    });
    outside.send(question, Number(port), hostname);
  });
  inside.bind(0, '127.0.0.1');
  await once(inside, 'listening');
  return {
    port: inside.address().port,
    asked: () => asked,
    close: async () => {
      inside.close();
      await once(inside, 'close');
    },
  };
}

const RESPONSE_TIMEOUT_MS = 2_000;
